"""Who answered what, where and when: response frames of one or several versions as arrays that are counted at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.disclosure.cells import Hierarchy, hierarchy
from toolkit.errors import Code, ComparisonError, Problem
from toolkit.instruments.definition import version_order
from toolkit.instruments.instrument import Instrument

if TYPE_CHECKING:
    from toolkit.comparison.results import Kind

Integers = NDArray[np.int64]
Responses = pd.DataFrame | Mapping[str, pd.DataFrame]
"""One frame for all versions, or a frame for each version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which columns of the responses hold the context.

    Attributes
    ----------
    unit : str
        The unit.
    service : str or None
        The service that the unit belongs to; None where there are units only.
    wave : str
        The wave, an ordered category.
    """

    unit: str
    service: str | None
    wave: str

    @property
    def groups(self) -> list[str]:
        """The columns that make the hierarchy, the widest first."""
        return [self.unit] if self.service is None else [self.service, self.unit]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class People:
    """All respondents, in the order of their versions.

    Attributes
    ----------
    frames : mapping of str to DataFrame
        The responses of each version, in the order of ``versions``.
    versions : mapping of str to Instrument
        The versions that were answered, the earliest first.
    waves : tuple of str
        The waves that were answered, in order.
    version_of : tuple of str
        The version that each wave was answered with.
    wave : ndarray of int, shape (n_persons,)
        Each person's wave.
    place : ndarray of int, shape (n_persons,)
        Each person's unit, as a position in ``tree.smallest``.
    tree : Hierarchy
        Everybody, services, units.
    rows : ndarray of int, shape (n_waves, n_groups)
        The cell of each group in each wave, as :func:`rows_of` tells.
    languages : DataFrame of int, one row a wave and one column a language
        How many answered in each language.
    columns : Columns
        Where it was read.
    """

    frames: Mapping[str, pd.DataFrame]
    versions: Mapping[str, Instrument]
    waves: tuple[str, ...]
    version_of: tuple[str, ...]
    wave: Integers
    place: Integers
    tree: Hierarchy
    rows: Integers
    languages: pd.DataFrame
    columns: Columns

    @property
    def n_cells(self) -> int:
        """Waves times units."""
        return len(self.waves) * len(self.tree.smallest)

    @property
    def cell(self) -> Integers:
        """Each person's cell: wave and unit in one number."""
        return self.wave * len(self.tree.smallest) + self.place

    def part(self, version: str) -> slice:
        """Return where the respondents of a version stand."""
        sizes = {name: len(frame) for name, frame in self.frames.items()}
        before = list(sizes).index(version)
        start = sum(list(sizes.values())[:before])
        return slice(start, start + sizes[version])

    def waves_of(self, version: str) -> list[int]:
        """Return the positions of the waves that were answered with a version."""
        return [wave for wave, used in enumerate(self.version_of) if used == version]


def gather(instruments: Instrument | Sequence[Instrument], responses: Responses, columns: Columns) -> People:
    """Check the responses and bring all versions together.

    Raises
    ------
    ComparisonError
        ``CMP_INSTRUMENTS``, ``CMP_COLUMN``, ``CMP_EMPTY_CELL``, ``CMP_WAVE_ORDER``, ``CMP_MIXED_VERSIONS`` or
        ``CMP_NO_RESPONSES``.
    """
    given = [instruments] if isinstance(instruments, Instrument) else list(instruments)
    known = dict(sorted(_versions(given).items(), key=lambda one: version_order(one[0])))
    frames = _by_version(responses, known)
    for version, frame in frames.items():
        check_context(frame, [*columns.groups, columns.wave, "language"], columns.wave, what=f"version {version}")
    if not sum(map(len, frames.values())):
        raise ComparisonError(
            Problem(code=Code.CMP_NO_RESPONSES, what="There are no responses.", fix="Give at least one response.")
        )
    frames = {version: frame for version, frame in frames.items() if len(frame)}
    categories = one_order([frame[columns.wave] for frame in frames.values()])
    codes = np.concatenate([frame[columns.wave].cat.codes.to_numpy(dtype=np.int64) for frame in frames.values()])
    used, wave = np.unique(codes, return_inverse=True)
    waves = tuple(categories[code] for code in used)
    numbers = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames.values()])
    tree, place = hierarchy(
        pd.concat([frame[columns.groups].astype("str") for frame in frames.values()], ignore_index=True)
    )
    present = np.zeros((len(waves), len(tree.smallest)), dtype=bool)
    present[wave, place] = True
    spoken = pd.concat([frame["language"].astype("str") for frame in frames.values()], ignore_index=True)
    return People(
        frames=frames,
        versions={version: known[version] for version in frames},
        waves=waves,
        version_of=_version_of(waves, wave, numbers, list(frames)),
        wave=wave.astype(np.int64),
        place=place,
        tree=tree,
        rows=rows_of(tree, present),
        languages=pd.crosstab(wave, spoken.to_numpy()),
        columns=columns,
    )


def kinds_of(tree: Hierarchy) -> list[Kind]:
    """Return what each depth of a hierarchy is called."""
    return ["all", "unit"] if len(tree.members) == 2 else ["all", "service", "unit"]


def group_table(tree: Hierarchy) -> pd.DataFrame:
    """Return kind, group and parent of every cell of a hierarchy."""
    kinds = kinds_of(tree)
    return pd.DataFrame(
        {
            "kind": [kinds[len(path)] for path in tree.paths],
            "group": [path[-1] if path else "" for path in tree.paths],
            "parent": [path[-2] if len(path) > 1 else "" for path in tree.paths],
        },
        dtype="str",
    )


def spread(head: pd.DataFrame, repeats: int | Sequence[int], groups: pd.DataFrame, cells: Integers) -> pd.DataFrame:
    """Return each row of ``head`` as often as it is repeated, beside the group of each cell."""
    places = np.repeat(np.arange(len(head)), repeats)
    parts = [head.take(places).reset_index(drop=True), groups.take(cells).reset_index(drop=True)]
    return pd.concat(parts, axis=1)


def rows_of(tree: Hierarchy, present: NDArray[np.bool_]) -> Integers:
    """Return the cell of every group in each wave: everybody, services, units.

    Parameters
    ----------
    tree : Hierarchy
        The cells.
    present : ndarray of bool, shape (n_waves, n_smallest)
        Whether a unit took part in a wave.

    Returns
    -------
    ndarray of int, shape (n_waves, n_groups)

    Notes
    -----
    A unit name that several services have, in each wave at most one of them, is one unit that moved: its cell is that
    of the service it takes part in, and of the last one before where it does not. Otherwise units of the same name
    are units of their own.
    """
    upper = np.flatnonzero(tree.depths < tree.depths.max()) if len(tree.members) > 1 else tree.smallest[:0]
    places: dict[str, list[int]] = {}
    for place, cell in enumerate(tree.smallest):
        places.setdefault(tree.paths[cell][-1] if tree.paths[cell] else "", []).append(place)
    columns = []
    for same in places.values():
        if len(same) == 1 or (present[:, same].sum(axis=1) > 1).any():
            columns += [np.full(len(present), place) for place in same]
            continue
        found = pd.Series(
            np.where(present[:, same].any(axis=1), np.array(same)[present[:, same].argmax(axis=1)], np.nan)
        )
        columns.append(found.ffill().bfill().to_numpy(dtype=np.int64))
    units = tree.smallest[np.array(columns, dtype=np.int64).T]
    return np.concatenate([np.tile(upper, (len(present), 1)), units], axis=1)


def moved_units(tree: Hierarchy, rows: Integers, waves: Sequence[str]) -> tuple[Problem, ...]:
    """Return a warning for each unit that moved to another service."""
    problems = []
    for wave, later in enumerate(waves[1:], start=1):
        for column in np.flatnonzero(rows[wave] != rows[wave - 1]):
            before, after = (tree.paths[rows[at, column]] for at in (wave - 1, wave))
            what = f"From '{later}' on the unit '{after[-1]}' belongs to '{after[-2]}' and no longer to '{before[-2]}'"
            problems.append(
                Problem(
                    code=Code.CMP_UNIT_MOVED,
                    what=f"{what}; it is followed as one unit, and the changes of both services hold its move.",
                    fix="Say so beside the results; if it is another unit, give it another name.",
                )
            )
    return tuple(problems)


def wave_column(positions: Iterable[int], waves: Sequence[str]) -> pd.Categorical:
    """Return waves as an ordered category."""
    dtype = pd.CategoricalDtype(list(waves), ordered=True)
    return pd.Categorical.from_codes(np.asarray(positions, dtype=np.int64), dtype=dtype)


def check_context(frame: pd.DataFrame, names: Sequence[str], wave: str, *, what: str) -> None:
    """Refuse a frame whose context columns are lacking, have empty cells, or whose waves have no order."""
    lacking = [name for name in names if name not in frame.columns]
    empty = [name for name in names if name in frame.columns and (frame[name].isna() | (frame[name] == "")).any()]
    problems = [
        Problem(
            code=Code.CMP_COLUMN,
            what=f"The responses of {what} have no column '{name}'.",
            fix="Add the column, or name another with by=, within= or over=.",
            column=name,
        )
        for name in lacking
    ]
    problems += [
        Problem(
            code=Code.CMP_EMPTY_CELL,
            what=f"The responses of {what} have empty cells in the column '{name}'.",
            fix="Fill the cells, or leave these respondents out and say so.",
            column=name,
        )
        for name in empty
    ]
    if wave in frame.columns:
        dtype = frame[wave].dtype
        if not isinstance(dtype, pd.CategoricalDtype) or not dtype.ordered:
            problems.append(
                Problem(
                    code=Code.CMP_WAVE_ORDER,
                    what=f"The waves of {what} have no order in time.",
                    got=str(dtype),
                    allowed="an ordered category, the earliest wave first",
                    fix="Make the column a pandas Categorical with ordered=True.",
                    column=wave,
                )
            )
    if problems:
        raise ComparisonError(problems)


def one_order(columns: Sequence[pd.Series]) -> tuple[str, ...]:
    """Return the categories that all columns share, in order."""
    orders = list(dict.fromkeys(tuple(map(str, column.cat.categories)) for column in columns))
    if len(orders) > 1:
        raise ComparisonError(
            Problem(
                code=Code.CMP_WAVE_ORDER,
                what="The waves of two versions stand in different orders.",
                got="; ".join(", ".join(order) for order in orders),
                allowed="the same categories in the same order",
                fix="Give every frame all waves, the earliest first.",
            )
        )
    return orders[0]


def _versions(instruments: Sequence[Instrument]) -> dict[str, Instrument]:
    """Return the instruments by version, or refuse what is not versions of one questionnaire."""
    known = {instrument.version: instrument for instrument in instruments}
    if not instruments or len({instrument.id for instrument in instruments}) > 1 or len(known) < len(instruments):
        raise ComparisonError(
            Problem(
                code=Code.CMP_INSTRUMENTS,
                what="What shall be compared is not one or several versions of one questionnaire.",
                got=", ".join(instrument.name for instrument in instruments) or "nothing",
                allowed="versions of one questionnaire, each once",
                fix="Compare one questionnaire at a time.",
            )
        )
    return known


def _by_version(responses: Responses, known: Mapping[str, Instrument]) -> dict[str, pd.DataFrame]:
    """Return the responses of each version, the earliest first."""
    if isinstance(responses, pd.DataFrame):
        if len(known) == 1 and "version" not in responses.columns:
            return dict.fromkeys(known, responses)
        if "version" not in responses.columns:
            raise ComparisonError(
                Problem(
                    code=Code.CMP_COLUMN,
                    what="Several versions are compared, and the responses have no column 'version'.",
                    fix="Add the column, or give one frame for each version.",
                    column="version",
                )
            )
        answered = [str(version) for version in responses["version"].unique()]
        frames = {version: responses[responses["version"] == version] for version in known}
    else:
        answered, frames = list(responses), {version: responses[version] for version in known if version in responses}
    unknown = [version for version in answered if version not in known]
    if unknown:
        raise ComparisonError(
            Problem(
                code=Code.CMP_INSTRUMENTS,
                what="There are responses to a version that was not given.",
                got=", ".join(unknown),
                allowed=", ".join(known),
                fix="Give that version too, or leave its responses out.",
            )
        )
    return frames


def _version_of(
    waves: Sequence[str], wave: NDArray[np.intp], numbers: NDArray[np.int64], versions: Sequence[str]
) -> tuple[str, ...]:
    """Return the version of each wave, or refuse waves that were answered with two."""
    used = pd.DataFrame({"wave": wave, "number": numbers}).drop_duplicates().sort_values("wave")
    mixed = used.loc[used["wave"].duplicated(), "wave"].unique()
    if len(mixed):
        raise ComparisonError(
            [
                Problem(
                    code=Code.CMP_MIXED_VERSIONS,
                    what=f"The wave '{waves[position]}' was answered with more than one version.",
                    got=", ".join(versions[number] for number in used.loc[used["wave"] == position, "number"]),
                    allowed="one version a wave",
                    fix="Give every version a wave of its own.",
                )
                for position in mixed
            ]
        )
    return tuple(versions[number] for number in used["number"])

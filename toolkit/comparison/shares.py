"""How each item was answered in each group and wave, for stacked bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from toolkit.comparison.levels import counted
from toolkit.comparison.people import Columns, Integers, People, Responses, gather, group_table, spread, wave_column
from toolkit.comparison.results import SHARES, Distributions
from toolkit.comparison.shrinkage import Array
from toolkit.disclosure.cells import shown_over_time
from toolkit.disclosure.thresholds import Policy
from toolkit.instruments.scoring import scored_items

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument


def distributions(
    instruments: Instrument | Sequence[Instrument],
    responses: Responses,
    *,
    by: str = "unit",
    within: str | None = "service",
    over: str = "wave",
    policy: Policy | None = None,
) -> Distributions:
    """Return the share of each point among those who gave a point, for every item, group and wave.

    Parameters
    ----------
    instruments, responses, by, within, over, policy
        As :func:`toolkit.comparison.compare` takes them.

    Returns
    -------
    Distributions
        Points as they were chosen, not reversed. People who chose a missing code or nothing are not counted.

    Raises
    ------
    ComparisonError
        As :func:`toolkit.comparison.compare`.
    ResponsesError
        As :func:`toolkit.instruments.score`.

    Notes
    -----
    A distribution rests on ten people or more, and so does whatever can be got by subtraction, as
    :func:`toolkit.disclosure.cells.shown_cells` explains: the counts of a service less those of its shown units are a
    distribution too. n and all shares of a group are shown or hidden together.

    Examples
    --------
    >>> import pandas as pd
    >>> from toolkit import comparison, instruments
    >>> instrument = instruments.load("eomhs@1.0.0")
    >>> people = pd.DataFrame(4.0, index=range(20), columns=list(instrument.item_codes))
    >>> people["wave"] = pd.Categorical(["2024"] * 20, ordered=True)
    >>> people["unit"], people["language"] = ["ward"] * 11 + ["team"] * 9, "en"
    >>> shares = comparison.distributions(instrument, people, within=None).shares
    >>> shares.query("item == 'HB1' and code == 4")[["kind", "group", "n", "share", "shown"]]
        kind group     n  share  shown
    3    all          20    1.0   True
    8   unit  team  <NA>    NaN  False
    13  unit  ward  <NA>    NaN  False
    """
    floors = Policy() if policy is None else policy
    people = gather(instruments, responses, Columns(unit=by, service=within, wave=over))
    groups = group_table(people.tree)
    blocks = [block for version in people.versions for block in _blocks(people, version, floors)]
    blocks.sort(key=lambda block: (block.item_order, block.wave))
    n_groups = people.rows.shape[1]
    sizes = [n_groups * len(block.codes) for block in blocks]
    head = pd.DataFrame(
        {"item": [block.item for block in blocks], "version": [people.version_of[block.wave] for block in blocks]},
        dtype="str",
    ).assign(wave=wave_column([block.wave for block in blocks], people.waves))
    cells = np.concatenate([np.repeat(block.cells, len(block.codes)) for block in blocks])
    n = np.concatenate([np.repeat(block.n, len(block.codes)) for block in blocks])
    table = spread(head, sizes, groups, cells).assign(
        n=counted(n),
        code=np.concatenate([np.tile(block.codes, n_groups) for block in blocks]),
        share=np.concatenate([block.shares.ravel() for block in blocks]),
        shown=~np.isnan(n),
    )
    first = next(iter(people.versions.values()))
    return Distributions(shares=table[list(SHARES)], instrument=first.id, policy=floors)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """One item in one wave: n of every group, NaN where hidden, and the shares of its points."""

    item: str
    item_order: int
    wave: int
    codes: Integers
    cells: Integers
    n: Array
    shares: Array


def _blocks(people: People, version: str, policy: Policy) -> Iterator[_Block]:
    """Count one version's answers, item by item and wave by wave."""
    instrument, frame, part = people.versions[version], people.frames[version], people.part(version)
    # Refuses codes that an item does not have, and tells points from missing codes.
    points = scored_items(instrument, frame).notna()
    order = list(dict.fromkeys(code for one in people.versions.values() for code in one.item_codes))
    rating = {item for scale in instrument.definition.scales if scale.rates_leader for item in scale.items}
    for item in instrument.item_codes:
        codes = np.array(instrument.points(item), dtype=np.int64)
        given = points[item].to_numpy()
        answers = np.searchsorted(codes, frame[item].to_numpy(dtype=float)[given])
        keys = people.cell[part][given] * len(codes) + answers
        counts = np.bincount(keys, minlength=people.n_cells * len(codes))
        counts = counts.reshape(len(people.waves), len(people.tree.smallest), len(codes))
        floor = policy.floor("distribution", rates_leader=item in rating)
        lowest = policy.lowest("distribution", rates_leader=item in rating)
        shown = shown_over_time(people.tree, counts.sum(axis=2), floor=floor, raised_from=lowest)
        for wave in people.waves_of(version):
            totals = np.zeros((len(people.tree.paths), len(codes)))
            for member in people.tree.members:
                np.add.at(totals, member, counts[wave])
            totals[~shown[wave]] = np.nan
            cells = np.sort(people.rows[wave])
            n = totals[cells].sum(axis=1)
            shares = totals[cells] / n[:, None]
            yield _Block(
                item=item, item_order=order.index(item), wave=wave, codes=codes, cells=cells, n=n, shares=shares
            )

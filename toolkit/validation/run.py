"""From an instrument and its answers to one frozen run that holds every number of the validation report."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from math import isfinite
from typing import TYPE_CHECKING, Any

import pandas as pd

import toolkit
from toolkit.errors import Problem, ToolkitError
from toolkit.validation.attempts import Attempts, NotComputed, problem_dict
from toolkit.validation.confirmation import Confirmation, check_model, confirm, halves
from toolkit.validation.data import DataSummary, check_frame, summarise, without_rare_items
from toolkit.validation.measurement_groups import check_column
from toolkit.validation.plan import ValidationPlan
from toolkit.validation.ratings import Rating, rate
from toolkit.validation.replication import Replication, replicate
from toolkit.validation.scales import ScaleResult, validate_scale
from toolkit.validation.screening import Screening, screen
from toolkit.validation.structure import Structure, explore
from toolkit.validation.units import Units, unit_effects
from toolkit.validation.waves import choose_wave

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument
    from toolkit.psychometrics.items import ItemDescriptionResult

FORMAT = "eot-validation-results"
FORMAT_VERSION = 1
LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "factor_analyzer", "pingouin")
STEPS = (
    "Checking the answers",
    "Describing the items",
    "Analysing the scales",
    "Exploring the factors",
    "Confirming the structure",
    "Repeating with other programs",
    "Rating the measurement properties",
)

Progress = Callable[[int, int, str], None]
"""Called with the step that begins, the number of steps, and a label; a last call has step = number of steps."""


class RunCancelledError(ToolkitError):
    """The run was stopped on request; there is no result."""

    exit_code = 130

    def __init__(self) -> None:
        Exception.__init__(self, "The validation was cancelled.")
        self.problems = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """The file, or the wave, that the answers came from.

    Attributes
    ----------
    name : str
        Its name, without folders.
    sha256 : str
        SHA-256 in hexadecimal of the file's bytes, or of the wave's answers.
    """

    name: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ValidationRun:
    """Everything a validation found.

    Attributes
    ----------
    instrument : Instrument
        What was answered.
    plan : ValidationPlan
        The decisions.
    source : InputFile or None
        The file, when it is known.
    data : DataSummary
        Who answered what.
    description : ItemDescriptionResult
        Each item alone.
    scales : mapping of str to ScaleResult
        Each scale.
    units : Units or None
        What it does to the numbers that staff of one unit resemble each other; None unless two units have two persons.
    screening : Screening or None
        Signs of careless answers; None for a formative instrument, or where the run says why.
    structure : Structure or None
        All items together; None for a formative instrument, whose items need not correlate.
    confirmation : Confirmation or None
        The confirmatory model; None for a formative instrument, where the plan asks for none, and where the run says
        why.
    replication : tuple of Replication
        The same quantities from other programs.
    ratings : tuple of Rating
        Measurement properties.
    not_computed : tuple of NotComputed
        What is absent, and why.
    warnings : tuple of (str, str or None, Problem)
        What must be known about a number: the statistic, its scale, and the warning.
    versions : mapping of str to str
        The toolkit, Python and the libraries.
    seconds : mapping of str to float
        Time taken by each step; not part of the content hash.
    """

    instrument: Instrument
    plan: ValidationPlan
    source: InputFile | None
    data: DataSummary
    description: ItemDescriptionResult
    scales: Mapping[str, ScaleResult]
    units: Units | None
    screening: Screening | None
    structure: Structure | None
    confirmation: Confirmation | None
    replication: tuple[Replication, ...]
    ratings: tuple[Rating, ...]
    not_computed: tuple[NotComputed, ...]
    warnings: tuple[tuple[str, str | None, Problem], ...]
    versions: Mapping[str, str]
    seconds: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return every number as JSON-ready values, as ``docs/results.md`` and its JSON Schema describe them."""
        instrument = self.instrument
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "versions": dict(self.versions),
            "instrument": {
                "id": instrument.id,
                "version": instrument.version,
                "definition_sha256": instrument.definition_hash,
                "measurement": instrument.definition.measurement,
                "n_items": len(instrument.item_codes),
                "n_scales": len(instrument.scales),
            },
            "input": None if self.source is None else {"name": self.source.name, "sha256": self.source.sha256},
            "plan": self.plan.to_dict(),
            "data": self.data.to_dict(),
            "items": self._items(),
            "units": None if self.units is None else self.units.to_dict(),
            "scales": self._scales(),
            "screening": None if self.screening is None else self.screening.to_dict(),
            "structure": self._structure(),
            "confirmation": None if self.confirmation is None else _without_provenance(self.confirmation.to_dict()),
            "replication": [line.to_dict() for line in self.replication],
            "ratings": [rating.to_dict() for rating in self.ratings],
            "not_computed": [absent.to_dict() for absent in self.not_computed],
            "warnings": [
                {"statistic": statistic, "scale": scale, **problem_dict(problem)}
                for statistic, scale, problem in self.warnings
            ],
        }
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        return {**content, "content_sha256": digest, "seconds": dict(self.seconds)}

    def _scales(self) -> dict[str, Any]:
        """Return each scale with what units do to its numbers."""
        units = self.units
        return {
            code: _without_provenance({**scale.to_dict(), "units": None if units is None else units.of_scale(code)})
            for code, scale in self.scales.items()
        }

    def _structure(self) -> dict[str, Any] | None:
        """Return all items together, with what units do to a typical item."""
        if self.structure is None:
            return None
        typical = None
        if self.units is not None:
            numbers = dict(zip(("icc1", "design_effect"), self.units.typical_item(self.structure.items), strict=True))
            typical = {name: value if isfinite(value) else None for name, value in numbers.items()}
        return {**_without_provenance(self.structure.to_dict()), "units": typical}

    def _items(self) -> dict[str, Any]:
        """Describe each item: its place, its moments after reversing, and the counts of its answers as given."""
        described = self.description.to_dict()["table"]
        missing = self.data.missing.astype("int64").to_dict(orient="index")
        distribution = self.data.distribution.to_dict(orient="index")
        scale_of = {item: scale for scale in self.instrument.definition.scales for item in scale.items}
        effects = {} if self.units is None else self.units.items
        out = {}
        for item in self.instrument.item_codes:
            scale = scale_of.get(item)
            out[item] = {
                "scale": None if scale is None else scale.code,
                "reversed": scale is not None and item in scale.reversed,
                "analysed": item in self.data.analysed,
                "description": {**described[item], "method": self.description.method},
                "missing": {str(kind): int(count) for kind, count in missing[item].items()},
                "distribution": {
                    str(code): int(count) for code, count in distribution[item].items() if not pd.isna(count)
                },
                "units": effects[item].to_dict() if item in effects else None,
            }
        return out


def validate(
    instrument: Instrument,
    responses: pd.DataFrame,
    *,
    plan: ValidationPlan | None = None,
    source: InputFile | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    smallest_group: int = 0,
) -> ValidationRun:
    """Validate an instrument on answers to it.

    Parameters
    ----------
    instrument : Instrument
        What was answered. For a formative instrument there is no alpha and no factor analysis, because its items
        need not go together.
    responses : DataFrame, one row a respondent
        The response frame: one column an item with the codes as given, missing codes included, NaN for unanswered;
        the index holds respondent ids. With a column ``wave`` one wave is used, whose ids are unique: the latest unless
        the plan says otherwise. With a column ``unit`` the run says what it does to intervals that persons of a unit
        resemble each other.
    plan : ValidationPlan, optional
        The decisions; the defaults otherwise.
    source : InputFile, optional
        The file that the answers came from.
    progress : callable, optional
        Called with step, number of steps and label.
    cancelled : callable, optional
        Asked before each step and each statistic, and within long ones; when it returns True,
        :class:`RunCancelledError` is raised.
    smallest_group : int, default 0
        Persons that every figure must rest on, for answers of people who may be known to the reader. Figures on fewer
        are left out; an item with fewer answers reads as unanswered.

    Returns
    -------
    ValidationRun
        Every number with its method, its n and its interval. What could not be computed is listed with the reason.

    Raises
    ------
    ResponsesError
        ``RSP_MISSING_COLUMN``, ``RSP_RESPONDENT_TWICE``, ``RSP_NO_SUCH_COLUMN`` (the column of waves or of groups),
        ``RSP_UNKNOWN_WAVE`` (the wave of the plan), ``RSP_NO_ANSWERS``, ``RSP_TOO_FEW_RESPONDENTS`` or
        ``RSP_CODE_NOT_ALLOWED``.
    StatisticsError
        ``STA_MODEL_SYNTAX`` or ``STA_UNKNOWN_VARIABLE``: the plan's model text.

    Notes
    -----
    An item that nobody answered, or everybody answered alike, has no correlation. It is left out of every
    correlation with the warning ``STA_ALL_MISSING_ITEM`` or ``STA_CONSTANT_ITEM``, and still counts in the scores.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from toolkit import instruments, validation
    >>> instrument = instruments.load("eomhs@1.0.0")
    >>> rng = np.random.default_rng(1)
    >>> codes = rng.integers(1, 6, size=(60, len(instrument.item_codes)))
    >>> ids = [f"p{number}" for number in range(60)]
    >>> answers = pd.DataFrame(codes.astype(float), index=ids, columns=list(instrument.item_codes))
    >>> run = validation.validate(instrument, answers, plan=validation.ValidationPlan(n_datasets=20, confirm=False))
    >>> run.data.n_persons, run.scales["HB"].alpha.n_persons
    (60, 60)
    """
    from toolkit import psychometrics as pm
    from toolkit.instruments.scoring import score, scored_items

    plan = plan or ValidationPlan()
    clock = _Clock(progress, cancelled)
    attempts = Attempts(smallest_group=smallest_group, check=clock.check)
    clock.step()
    responses, chosen = choose_wave(responses, wave=plan.wave, all_waves=plan.all_waves, smallest_group=smallest_group)
    attempts.warnings.extend(("data", None, problem) for problem in chosen.told)
    check_model(instrument, plan)
    check_column(responses, plan)
    check_frame(instrument, responses, smallest_group=smallest_group)
    responses = without_rare_items(instrument, responses, smallest_group=smallest_group)
    scored = scored_items(instrument, responses)
    summary = summarise(instrument, responses, scored, chosen, smallest_group=smallest_group)
    attempts.warnings.extend(("correlations", None, problem) for problem in summary.excluded)
    clock.step()
    codes = {item: instrument.points(item) for item in instrument.item_codes}
    description = pm.describe_items(scored, codes=codes)
    clock.step()
    scores = score(instrument, responses)
    scales = {
        code: validate_scale(instrument, scale, responses, scored, scores, summary, plan, attempts)
        for code, scale in instrument.scales.items()
    }
    units = unit_effects(responses, scored, scores, scales, plan, attempts)
    reflective = instrument.definition.measurement == "reflective"
    screening = screen(instrument, responses, scored, scales, plan, attempts) if reflective and scales else None
    clock.step()
    exploring, confirming = halves(scored, plan)
    structure = explore(instrument, scored.loc[exploring], summary, plan, attempts) if reflective else None
    clock.step()
    confirmation = None
    if reflective and plan.confirm:
        confirmation = confirm(instrument, responses.loc[confirming], scored.loc[confirming], summary, plan, attempts)
    clock.step()
    with_alpha = {code: scale.analysed for code, scale in scales.items() if scale.alpha is not None}
    replication = replicate(scored, with_alpha, structure, plan, attempts)
    clock.step()
    ratings = rate(instrument, scales.values(), structure, confirmation)
    clock.end()
    return ValidationRun(
        instrument=instrument,
        plan=plan,
        source=source,
        data=summary,
        description=description,
        scales=scales,
        units=units,
        screening=screening,
        structure=structure,
        confirmation=confirmation,
        replication=replication,
        ratings=ratings,
        not_computed=tuple(attempts.not_computed),
        warnings=tuple(attempts.warnings),
        versions={
            "toolkit": toolkit.__version__,
            "python": platform.python_version(),
            **{library: version(library) for library in LIBRARIES},
        },
        seconds=clock.seconds,
    )


class _Clock:
    """Tells the steps as they begin, stops on request, and measures them."""

    def __init__(self, progress: Progress | None, cancelled: Callable[[], bool] | None) -> None:
        self._progress = progress
        self._cancelled = cancelled
        self._begun = time.perf_counter()
        self._number = 0
        self.seconds: dict[str, float] = {}

    def step(self) -> None:
        """Begin the next step."""
        self._measure()
        self.check()
        if self._progress is not None:
            self._progress(self._number, len(STEPS), STEPS[self._number])
        self._number += 1

    def check(self) -> None:
        """Stop when that is asked for."""
        if self._cancelled is not None and self._cancelled():
            raise RunCancelledError

    def end(self) -> None:
        """End the last step."""
        self._measure()
        if self._progress is not None:
            self._progress(self._number, len(STEPS), "Done")

    def _measure(self) -> None:
        now = time.perf_counter()
        if self._number:
            self.seconds[STEPS[self._number - 1]] = round(now - self._begun, 4)
        self._begun = now


def _without_provenance(value: Any) -> Any:
    """Leave out what every statistic repeats: the options and versions, which the run states once."""
    if isinstance(value, dict):
        return {name: _without_provenance(entry) for name, entry in value.items() if name != "provenance"}
    return value

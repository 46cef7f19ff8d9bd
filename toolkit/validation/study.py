"""Studies with known truth: services, their units, waves on versions of a questionnaire, and planted differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.instruments.definition import Day, ItemCode, Strict, Words
from toolkit.validation.population import Population, model_text, read_model, read_population

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolkit.instruments.instrument import Instrument

Label = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Rate = Annotated[float, Field(gt=0, lt=1, strict=False)]
NumberInvited = Annotated[int, Field(ge=1, le=100_000)]


class Service(Strict):
    """An organisation with several units."""

    code: Label
    name: Words


class StudyUnit(Strict):
    """A team, ward or office."""

    code: Label
    name: Words
    service: Label
    """The service that it belongs to in the first wave."""
    n_invited: NumberInvited
    """Staff who are invited to every wave."""
    response_rate: Rate
    """Share of them that is expected to answer."""


class Wave(Strict):
    """One round of answers, of a fresh sample of staff."""

    code: Label
    name: Words
    asked_on: Day
    instrument: str
    """Identifier and version; a key of ``populations``."""
    n_respondents: Annotated[int, Field(ge=1)]
    """How many answer: the first of those invited, each unit as readily as its response rate says."""
    moves: dict[Label, Label] = Field(default_factory=dict)
    """By unit, the service that it belongs to from this wave on."""


class Effect(Strict):
    """One planted difference, in standard deviations of a factor. Effects on the same people add up."""

    factor: ItemCode
    shift: Annotated[float, Field(ge=-3, le=3, strict=False)]
    service: Label | None = None
    """Only people of this service; of the units that belong to it then."""
    unit: Label | None = None
    """Only people of this unit."""
    from_wave: Label | None = None
    """From this wave on; from the first one by default."""
    told: Words
    """What was planted, in a sentence for the datasheet."""


class Study(Strict):
    """The whole of a study file."""

    format: Literal[1] = 1
    populations: Annotated[dict[str, FileName], Field(min_length=1)]
    """By instrument and version, the population file beside this one. All have the same factors in the same order."""
    services: Annotated[tuple[Service, ...], Field(min_length=1, strict=False)]
    units: Annotated[tuple[StudyUnit, ...], Field(min_length=1, strict=False)]
    waves: Annotated[tuple[Wave, ...], Field(min_length=1, strict=False)]
    """From the first to the last."""
    effects: Annotated[tuple[Effect, ...], Field(strict=False)] = ()

    def service_of(self, unit: StudyUnit, wave: Wave) -> str:
        """Code of the service that a unit belongs to in a wave."""
        service = unit.service
        for earlier in self.waves[: self.waves.index(wave) + 1]:
            service = earlier.moves.get(unit.code, service)
        return service

    def applies(self, effect: Effect, unit: StudyUnit, wave: Wave) -> bool:
        """Whether the people of a unit have an effect in a wave."""
        codes = [each.code for each in self.waves]
        first = 0 if effect.from_wave is None else codes.index(effect.from_wave)
        return (
            self.waves.index(wave) >= first
            and effect.service in (None, self.service_of(unit, wave))
            and effect.unit in (None, unit.code)
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LoadedStudy:
    """A study with all that it names.

    Attributes
    ----------
    study : Study
        Services, units, waves and planted differences.
    populations : mapping of str to Population
        By instrument and version.
    instruments : mapping of str to Instrument
        By instrument and version.
    """

    study: Study
    populations: Mapping[str, Population]
    instruments: Mapping[str, Instrument]

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors, which all populations share."""
        return next(iter(self.populations.values())).factors


def read_study(path: Path | str, load: Callable[[str], Instrument]) -> LoadedStudy:
    """Read and check a study file and the population files beside it.

    Parameters
    ----------
    path : Path or str
        The study file.
    load : callable
        From identifier and version to the instrument.

    Raises
    ------
    StatisticsError
        ``STA_STUDY`` or ``STA_POPULATION``, with every finding of a file at once, or ``STA_POPULATION_UNREADABLE``.
    """
    study = read_model(path, Study, Code.STA_STUDY)
    instruments = {name: load(name) for name in study.populations}
    populations = {
        name: read_population(Path(path).parent / file, instruments[name]) for name, file in study.populations.items()
    }
    loaded = LoadedStudy(study=study, populations=populations, instruments=instruments)
    check_study(loaded, file=str(path))
    return loaded


def write_study(study: Study) -> str:
    """Return a study as the text of a file that :func:`read_study` reads back."""
    return (
        "# Synthetic: the truth that the answers beside this file were drawn from. No respondent stands behind it.\n"
        "# Change it and draw again: eot simulate --study FILE\n" + model_text(study)
    )


def check_study(loaded: LoadedStudy, *, file: str | None = None) -> None:
    """Refuse a study that contradicts itself or its populations.

    Raises
    ------
    StatisticsError
        ``STA_STUDY``, with every finding at once.
    """
    study = loaded.study
    findings = [*_twice(study), *_names(study, loaded.factors), *_waves(study), *_factors(loaded.populations)]
    if findings:
        raise StatisticsError(
            Problem(code=Code.STA_STUDY, file=file, key=key, what=what, got=got, allowed=allowed, fix=fix)
            for key, what, got, allowed, fix in findings
        )


Finding = tuple[str, str, str | None, str | None, str]


def _twice(study: Study) -> Iterator[Finding]:
    named: dict[str, Iterable[Service | StudyUnit | Wave]] = {
        "services": study.services,
        "units": study.units,
        "waves": study.waves,
    }
    for key, entries in named.items():
        for part in ("code", "name"):
            words = [getattr(entry, part) for entry in entries]
            again = sorted({word for word in words if words.count(word) > 1})
            if again:
                yield key, f"Two {key} have the same {part}.", ", ".join(again), None, f"Give each its own {part}."


def _names(study: Study, factors: Iterable[str]) -> Iterator[Finding]:
    """Check that every name that is used exists."""
    services = [service.code for service in study.services]
    units = [unit.code for unit in study.units]
    waves = [wave.code for wave in study.waves]
    used: list[tuple[str, Iterable[str | None], Iterable[str]]] = [
        (f"units[{unit.code}].service", [unit.service], services) for unit in study.units
    ]
    for wave in study.waves:
        used += [
            (f"waves[{wave.code}].instrument", [wave.instrument], study.populations),
            (f"waves[{wave.code}].moves", wave.moves, units),
            (f"waves[{wave.code}].moves", wave.moves.values(), services),
        ]
    for number, effect in enumerate(study.effects, start=1):
        key = f"effects[number {number}]"
        used += [
            (f"{key}.factor", [effect.factor], factors),
            (f"{key}.service", [effect.service], services),
            (f"{key}.unit", [effect.unit], units),
            (f"{key}.from_wave", [effect.from_wave], waves),
        ]
    for key, got, allowed in used:
        unknown = [name for name in dict.fromkeys(got) if name is not None and name not in allowed]
        if unknown:
            yield key, "The name is not known here.", ", ".join(unknown), ", ".join(allowed), "Correct the name."


def _waves(study: Study) -> Iterator[Finding]:
    n_invited = sum(unit.n_invited for unit in study.units)
    for wave in study.waves:
        if wave.n_respondents > n_invited:
            key, fix = f"waves[{wave.code}].n_respondents", "Lower the number, or invite more people."
            yield key, "More people answer than are invited.", str(wave.n_respondents), f"up to {n_invited}", fix
    for earlier, later in pairwise(study.waves):
        if later.asked_on <= earlier.asked_on:
            what, fix = "The waves do not follow each other.", "Write the earliest wave first."
            allowed = f"after {earlier.asked_on.isoformat()}"
            yield f"waves[{later.code}].asked_on", what, later.asked_on.isoformat(), allowed, fix
    unused = [name for name in study.populations if name not in {wave.instrument for wave in study.waves}]
    if unused:
        yield "populations", "No wave asks this version.", ", ".join(unused), None, "Remove the entry, or add a wave."


def _factors(populations: Mapping[str, Population]) -> Iterator[Finding]:
    first, *others = populations.items()
    for name, population in others:
        if population.factors != first[1].factors:
            what = "The population has other factors than the first one, so its units cannot be the same."
            fix = "Let the items of every version name the same factors in the same order."
            yield f"populations.{name}", what, ", ".join(population.factors), ", ".join(first[1].factors), fix

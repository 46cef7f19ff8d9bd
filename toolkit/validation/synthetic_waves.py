"""Synthetic answers in waves: drawn from a study with known truth, and never a real person's."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtr

from toolkit.validation.synthetic import N_STREAMS, WAVE, check_seed, draw_answers, unit_effects, versions_used

if TYPE_CHECKING:
    import numpy.typing as npt

    from toolkit.instruments.instrument import Instrument
    from toolkit.validation.population import Population
    from toolkit.validation.study import Effect, LoadedStudy, StudyUnit
    from toolkit.validation.study import Wave as StudyWave


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SyntheticWaves:
    """One draw from a study.

    Attributes
    ----------
    responses : mapping of str to DataFrame
        By wave, one row a respondent in the order in which they answered. Index ``respondent``; columns ``service``,
        ``unit``, ``wave``, ``instrument``, ``version``, ``language``, one a covariate (option names) and one an item
        (nullable integers: points and missing codes, empty is unanswered).
    units : DataFrame
        One row a unit and wave: ``wave``, ``service``, ``service_name``, ``unit``, ``unit_name``, ``n_invited``,
        ``n_responded``.
    expected : DataFrame
        One row a unit and wave, one column a scale: the score that a careful person of the unit is expected to have,
        on the shown range of the wave's version.
    effects : mapping of str to array, shape (n_units, n_factors)
        By wave, the factor means of the units, by chance and planted, in standard deviations of the factor.
    careless : tuple of str
        Ids of the respondents who answered without reading.
    loaded : LoadedStudy
        What was drawn from.
    seed : int
        Seed of all random numbers.
    versions : dict of str to str
        Versions of the toolkit and of the packages that the draw depends on.
    """

    responses: Mapping[str, pd.DataFrame]
    units: pd.DataFrame
    expected: pd.DataFrame
    effects: Mapping[str, npt.NDArray[np.float64]]
    careless: tuple[str, ...]
    loaded: LoadedStudy
    seed: int
    versions: dict[str, str]

    def to_csv(self, wave: str) -> str:
        """Return the answers of a wave as a CSV file with Unix line ends, the same for the same draw."""
        return _csv(self.responses[wave], index=True)

    def units_to_csv(self) -> str:
        """Return the units of every wave as a CSV file with Unix line ends."""
        return _csv(self.units, index=False)


def simulate_waves(loaded: LoadedStudy, *, seed: int) -> SyntheticWaves:
    """Draw the answers of all waves of a study.

    Units differ by chance, as their population's ICC says, and stay as they are from wave to wave; planted effects are
    added. Every wave is a fresh sample of staff: nobody's answers of two waves belong together. Who answers is a race
    in which everybody invited starts at once, the people of a unit as fast as its response rate says; the first ones to
    arrive are the respondents.

    Parameters
    ----------
    loaded : LoadedStudy
        The truth, checked.
    seed : int
        0 or more. The same seed, study, instruments and package versions give the same data.

    Returns
    -------
    SyntheticWaves

    Raises
    ------
    StatisticsError
        ``STA_OPTION_RANGE``.
    """
    check_seed(seed)
    study = loaded.study
    by_chance = _by_chance(loaded, seed)
    total = sum(wave.n_respondents for wave in study.waves)
    width, first = len(str(total)), 1
    # A wave has its own streams, so that a wave more does not move the others.
    roots = np.random.default_rng(seed).spawn(len(study.waves))
    responses: dict[str, pd.DataFrame] = {}
    units: list[pd.DataFrame] = []
    expected: dict[tuple[str, str], dict[str, float]] = {}
    means: dict[str, npt.NDArray[np.float64]] = {}
    careless: list[str] = []
    for wave, root in zip(study.waves, roots, strict=True):
        race_rng, *streams = root.spawn(1 + N_STREAMS)
        instrument, population = loaded.instruments[wave.instrument], loaded.populations[wave.instrument]
        effects = means[wave.code] = by_chance[wave.instrument] + planted(loaded, wave)
        unit = _arrivals(study.units, wave.n_respondents, race_rng)
        ids = [f"{WAVE}-{number:0{width}d}" for number in range(first, first + len(unit))]
        first += len(unit)
        answers, people, without_reading = draw_answers(
            instrument, population, ids=ids, unit=unit, effects=effects, streams=streams
        )
        careless += without_reading
        services = [study.service_of(each, wave) for each in study.units]
        context = pd.DataFrame(
            {
                "service": np.array(services)[unit],
                "unit": np.array([each.code for each in study.units])[unit],
                "wave": wave.code,
                "instrument": instrument.id,
                "version": instrument.version,
                "language": people["language"],
            },
            index=answers.index,
        )
        responses[wave.code] = pd.concat([context, people.drop(columns="language"), answers], axis=1)
        units.append(_units(loaded, wave, services, unit))
        for each, effect in zip(study.units, effects, strict=True):
            expected[wave.code, each.code] = expected_scores(instrument, population, effect)
    index = pd.MultiIndex.from_tuples(list(expected), names=["wave", "unit"])
    return SyntheticWaves(
        responses=responses,
        units=pd.concat(units, ignore_index=True),
        expected=pd.DataFrame(list(expected.values()), index=index),
        effects=means,
        careless=tuple(careless),
        loaded=loaded,
        seed=seed,
        versions=versions_used(),
    )


def planted(loaded: LoadedStudy, wave: StudyWave, *, without: Effect | None = None) -> npt.NDArray[np.float64]:
    """Return the planted factor means of the units in a wave, shape (n_units, n_factors); ``without`` one effect."""
    study, factors = loaded.study, loaded.factors
    shifts = np.zeros((len(study.units), len(factors)))
    for effect in study.effects:
        for row, unit in enumerate(study.units):
            if effect is not without and study.applies(effect, unit, wave):
                shifts[row, factors.index(effect.factor)] += effect.shift
    return shifts


def expected_scores(
    instrument: Instrument, population: Population, effect: npt.NDArray[np.float64]
) -> dict[str, float]:
    """Return the expected score of a careful person by scale, on the shown range.

    An item's answer exceeds its k-th point with probability ``1 - F((tau_k - lambda eta) / s)``, where F is the
    standard normal distribution, eta the factor means of the person's unit and s the standard deviation within units.
    Every item is taken to be answered.

    Parameters
    ----------
    instrument : Instrument
        The instrument that is scored.
    population : Population
        What its answers are drawn from.
    effect : float array, shape (n_factors,)
        Factor means of the unit.
    """
    lam, between = population.loading_matrix(), population.between_matrix()
    scale_within = np.sqrt(1.0 - np.einsum("ik,kl,il->i", lam, between, lam))
    items = list(population.loadings)
    means: dict[str, float] = {}
    for row, item in enumerate(items):
        points = np.array(instrument.points(item), dtype=np.float64)
        cuts = (np.array(population.thresholds[item]) - lam[row] @ effect) / scale_within[row]
        means[item] = float(points[0] + np.sum(np.diff(points) * (1.0 - ndtr(cuts))))
    shown = instrument.definition.scoring
    scores = {}
    for scale in instrument.definition.scales:
        low, high = min(instrument.points(scale.items[0])), max(instrument.points(scale.items[0]))
        counted = [low + high - means[item] if item in scale.reversed else means[item] for item in scale.items]
        share = (float(np.mean(counted)) - low) / (high - low)
        scores[scale.code] = shown.shown_from + share * (shown.shown_to - shown.shown_from)
    return scores


def _by_chance(loaded: LoadedStudy, seed: int) -> dict[str, npt.NDArray[np.float64]]:
    """Draw how the units differ by chance: the same standard normal numbers for every version."""
    n_units = len(loaded.study.units)
    return {
        name: unit_effects(population, n_units, np.random.default_rng([seed, n_units]))
        for name, population in loaded.populations.items()
    }


def _arrivals(units: tuple[StudyUnit, ...], n_respondents: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw the unit of everybody who answers, in the order of arrival.

    Waiting times are exponential; by time 1 the share of a unit that has arrived is expected to be its response rate.
    """
    unit = np.repeat(np.arange(len(units)), [each.n_invited for each in units])
    speed = -np.log1p(-np.array([each.response_rate for each in units]))
    arrival = rng.standard_exponential(len(unit)) / speed[unit]
    return unit[np.argsort(arrival, kind="stable")[:n_respondents]]


def _units(loaded: LoadedStudy, wave: StudyWave, services: list[str], unit: npt.NDArray[np.int64]) -> pd.DataFrame:
    study = loaded.study
    names = {service.code: service.name for service in study.services}
    return pd.DataFrame(
        {
            "wave": wave.code,
            "service": services,
            "service_name": [names[service] for service in services],
            "unit": [each.code for each in study.units],
            "unit_name": [each.name for each in study.units],
            "n_invited": [each.n_invited for each in study.units],
            "n_responded": np.bincount(unit, minlength=len(study.units)),
        }
    )


def _csv(frame: pd.DataFrame, *, index: bool) -> str:
    stream = io.StringIO()
    frame.to_csv(stream, lineterminator="\n", index=index)
    return stream.getvalue()

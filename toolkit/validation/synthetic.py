"""Synthetic answers: drawn from a population with known truth, and never a real person's."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from toolkit import __version__
from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics.simulate import simulate_ordinal
from toolkit.validation.population import Population, check_population

if TYPE_CHECKING:
    import numpy.typing as npt

    from toolkit.instruments.instrument import Instrument

WAVE = "synthetic"
"""Every row of a synthetic data set says so in its column ``wave``, and in its respondent id."""
MAXIMUM_PERSONS = 1_000_000
N_STREAMS = 5
"""Streams of random numbers of :func:`draw_answers`: answers, people, careless, missing and structural codes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SyntheticData:
    """One draw from a population.

    Attributes
    ----------
    responses : DataFrame, one row a respondent
        Index ``respondent``; columns ``instrument``, ``version``, ``wave``, ``unit``, ``language``, one column an item
        (nullable integers: points and missing codes, empty is unanswered) and one a covariate (option names).
    unit_effects : DataFrame, units x factors
        The drawn factor mean of every unit, in standard deviations of the factor.
    careless : tuple of str
        Ids of the respondents who answered without reading.
    population : Population
        What was drawn from.
    instrument : str
        Identifier and version.
    definition_hash : str
        SHA-256 of the definition.
    seed : int
        Seed of all random numbers.
    versions : dict of str to str
        Versions of the toolkit and of the packages that the draw depends on.
    """

    responses: pd.DataFrame
    unit_effects: pd.DataFrame
    careless: tuple[str, ...]
    population: Population
    instrument: str
    definition_hash: str
    seed: int
    versions: dict[str, str]

    def to_csv(self) -> str:
        """Return the answers as a CSV file with Unix line ends, the same for the same draw."""
        stream = io.StringIO()
        self.responses.to_csv(stream, lineterminator="\n")
        return stream.getvalue()


def simulate(
    instrument: Instrument, population: Population, *, n_persons: int, n_units: int, seed: int
) -> SyntheticData:
    """Draw answers to an instrument from a population.

    A person's factor scores are the effect of the unit plus a deviation within it; the latent responses follow from
    the loadings and are cut at the thresholds. Careless people then get the same point for every item; of all others
    answers are left out, or replaced by missing codes, independently of what they would have been. Structural codes
    come last and win.

    Parameters
    ----------
    instrument : Instrument
        The instrument that is answered.
    population : Population
        The truth; checked against the instrument first.
    n_persons : int
        1 to 1,000,000, and no fewer than ``n_units``.
    n_units : int
        1 or more. Everybody's unit is drawn; large units are up to three times as likely as small ones.
    seed : int
        0 or more. The same seed, population, instrument and package versions give the same data.

    Returns
    -------
    SyntheticData

    Raises
    ------
    StatisticsError
        ``STA_POPULATION`` or ``STA_OPTION_RANGE``.
    """
    check_population(population, instrument)
    _within("n_persons", n_persons, 1, MAXIMUM_PERSONS)
    _within("n_units", n_units, 1, n_persons)
    check_seed(seed)
    # One stream an aspect, so that a change of one share does not move what the others draw.
    units_rng, *streams = np.random.default_rng(seed).spawn(1 + N_STREAMS)
    unit = _unit_of_each(n_persons, n_units, units_rng)
    effects = unit_effects(population, n_units, units_rng)
    width = len(str(n_persons))
    ids = [f"{WAVE}-{number:0{width}d}" for number in range(1, n_persons + 1)]
    answers, people, careless = draw_answers(
        instrument, population, ids=ids, unit=unit, effects=effects, streams=streams
    )
    labels = [f"unit-{number:0{len(str(n_units))}d}" for number in range(1, n_units + 1)]
    context = pd.DataFrame(
        {
            "instrument": instrument.id,
            "version": instrument.version,
            "wave": WAVE,
            "unit": np.array(labels)[unit],
            "language": people["language"],
        },
        index=answers.index,
    )
    covariates = people.drop(columns="language")
    return SyntheticData(
        responses=pd.concat([context, answers, covariates], axis=1),
        unit_effects=pd.DataFrame(effects, index=pd.Index(labels, name="unit"), columns=list(population.factors)),
        careless=careless,
        population=population,
        instrument=instrument.name,
        definition_hash=instrument.definition_hash,
        seed=seed,
        versions=versions_used(),
    )


def check_seed(seed: int) -> None:
    """Refuse a seed that no generator takes, with ``STA_OPTION_RANGE``."""
    _within("seed", seed, 0, 2**63 - 1)


def versions_used() -> dict[str, str]:
    """Versions of the toolkit and of the packages that a draw depends on."""
    return {"toolkit": __version__, **{package: version(package) for package in ("numpy", "pandas", "scipy")}}


def draw_answers(
    instrument: Instrument,
    population: Population,
    *,
    ids: Sequence[str],
    unit: npt.NDArray[np.int64],
    effects: npt.NDArray[np.float64],
    streams: Sequence[np.random.Generator],
) -> tuple[pd.DataFrame, pd.DataFrame, tuple[str, ...]]:
    """Draw the answers of people whose units are known.

    Parameters
    ----------
    instrument : Instrument
        The instrument that is answered.
    population : Population
        The truth, checked against the instrument before.
    ids : sequence of str, length n_persons
        Ids of the respondents.
    unit : int array, shape (n_persons,)
        Everybody's row in ``effects``.
    effects : float array, shape (n_units, n_factors)
        Factor means of the units, in standard deviations of the factor.
    streams : sequence of Generator
        One for each of the :data:`N_STREAMS` aspects of a draw.

    Returns
    -------
    answers : DataFrame, persons x items
        Nullable integers: points and missing codes; empty is unanswered.
    people : DataFrame, one row a person
        Covariates, and ``language`` last.
    careless : tuple of str
        Ids of those who answered without reading.
    """
    answers_rng, people_rng, careless_rng, missing_rng, structural_rng = streams
    n_persons = len(ids)
    places = _places(population, unit, effects, answers_rng)
    people = _people(population, n_persons, people_rng)
    careless = careless_rng.random(n_persons) < population.careless
    height = careless_rng.random(n_persons)
    answers = pd.DataFrame(index=pd.Index(ids, name="respondent"))
    for number, item in enumerate(population.loadings):
        points = np.array(instrument.points(item))
        place = np.where(careless, (height * len(points)).astype(np.int64), places[:, number])
        answers[item] = points[place]
    codes = {name: code.code for name, code in instrument.missing_codes.items()}
    answers = answers.astype("Int64")
    answers = _leave_out(answers, population, codes, ~careless, missing_rng)
    answers = _not_applying(answers, population, codes, people, ~careless, structural_rng)
    names = tuple(name for name, flag in zip(ids, careless, strict=True) if flag)
    return answers, pd.DataFrame(people, index=answers.index), names


def _unit_of_each(n_persons: int, n_units: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw everybody's unit; the first persons fill every unit once."""
    weights = rng.uniform(0.5, 1.5, n_units)
    rest = rng.choice(n_units, size=n_persons - n_units, p=weights / weights.sum())
    return rng.permutation(np.concatenate([np.arange(n_units), rest]))


def unit_effects(population: Population, n_units: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Draw the factor means of the units, shape (n_units, n_factors); they correlate as the factors do."""
    root = np.sqrt([population.unit_icc.get(factor, 0.0) for factor in population.factors])
    cholesky = np.linalg.cholesky(population.correlation_matrix())
    return np.asarray(rng.standard_normal((n_units, len(root))) @ cholesky.T * root)


def _places(
    population: Population,
    unit: npt.NDArray[np.int64],
    effects: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Draw the place of every answer among its item's points, from 0; shape (n_persons, n_items).

    Within unit u the latent response is ``lambda (eta_u + zeta) + epsilon`` with ``cov(zeta) = Phi - B = C C'``.
    Divided by its standard deviation within units it is a factor model of its own: uncorrelated factors with the
    loadings ``lambda C``, and thresholds moved by ``lambda eta_u``. The Cholesky factor C, not an eigendecomposition,
    keeps the draw the same on every machine.
    """
    lam, between = population.loading_matrix(), population.between_matrix()
    scale = np.sqrt(1.0 - np.einsum("ik,kl,il->i", lam, between, lam))
    loadings = lam @ np.linalg.cholesky(population.correlation_matrix() - between) / scale[:, None]
    # Items with fewer points than others get thresholds that no latent response reaches.
    n_thresholds = max(map(len, population.thresholds.values()))
    beyond = 1000.0 + np.arange(n_thresholds)
    thresholds = np.array([[*cuts, *beyond[len(cuts) :]] for cuts in population.thresholds.values()])
    places = np.empty((len(unit), len(lam)), dtype=np.int64)
    for number, effect in enumerate(effects):
        members = np.flatnonzero(unit == number)
        moved = (thresholds - (lam @ effect)[:, None]) / scale[:, None]
        places[members] = simulate_ordinal(loadings, thresholds=moved, n_persons=len(members), rng=rng) - 1
    return places


def _people(population: Population, n_persons: int, rng: np.random.Generator) -> dict[str, npt.NDArray[np.object_]]:
    """Draw everybody's covariates and language; a covariate is left out as often as an answer is."""
    people: dict[str, npt.NDArray[np.object_]] = {}
    for covariate, shares in population.covariates.items():
        drawn = _options(shares, n_persons, rng)
        drawn[rng.random(n_persons) < population.unanswered] = None
        people[covariate] = drawn
    people["language"] = _options(population.languages, n_persons, rng)
    return people


def _options(shares: dict[str, float], n_persons: int, rng: np.random.Generator) -> npt.NDArray[np.object_]:
    if not shares:
        return np.full(n_persons, None, dtype=np.object_)
    probabilities = np.array(list(shares.values()))
    return np.array(list(shares), dtype=np.object_)[
        rng.choice(len(shares), size=n_persons, p=probabilities / probabilities.sum())
    ]


def _leave_out(
    answers: pd.DataFrame,
    population: Population,
    codes: dict[str, int],
    careful: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Leave answers out, or replace them by codes that are not structural, at random."""
    fate = rng.random(answers.shape)
    answers = answers.mask((fate < population.unanswered) & careful[:, None])
    low = population.unanswered
    for name, share in population.missing.items():
        answers = answers.mask((fate >= low) & (fate < low + share) & careful[:, None], codes[name])
        low += share
    return answers


def _not_applying(
    answers: pd.DataFrame,
    population: Population,
    codes: dict[str, int],
    people: dict[str, npt.NDArray[np.object_]],
    careful: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Give structural codes to the people whom the items do not apply to."""
    for rule in population.structural:
        share = np.array([rule.shares.get(option, 0.0) for option in people[rule.covariate]])
        items = list(rule.items)
        hit = (rng.random((len(answers), len(items))) < share[:, None]) & careful[:, None]
        answers[items] = answers[items].mask(hit, codes[rule.code])
    return answers


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise StatisticsError(
            Problem(
                code=Code.STA_OPTION_RANGE,
                what=f"The option {name}= is outside its range.",
                got=str(value),
                allowed=f"{low:,} to {high:,}",
                fix=f"Give {name}= a number inside the range.",
            )
        )

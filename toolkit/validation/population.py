"""Populations with known truth: what a synthetic data set is drawn from, and how such a description is checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import numpy as np
from pydantic import Field, ValidationError

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.instruments.definition import ItemCode, Name, Strict

if TYPE_CHECKING:
    import numpy.typing as npt

    from toolkit.instruments.instrument import Instrument

Share = Annotated[float, Field(ge=0, le=1, strict=False)]
Weight = Annotated[float, Field(gt=0, strict=False)]
Correlation = Annotated[float, Field(gt=-1, lt=1, strict=False)]
Loading = Annotated[float, Field(gt=-1, lt=1, strict=False)]
Thresholds = Annotated[tuple[Annotated[float, Field(strict=False)], ...], Field(strict=False)]

Model = TypeVar("Model", bound=Strict)

DEFAULT_LOADINGS = (0.80, 0.75, 0.70, 0.65, 0.60)
"""Loadings of the default population: the items of a scale take them in turn."""
DEFAULT_CORRELATION = 0.40
"""Correlation of every two factors of the default population."""
DEFAULT_ICC = 0.10
"""Share of every factor's variance that lies between units in the default population."""


class StructuralMissing(Strict):
    """Items that do not apply to people with certain options of a covariate."""

    code: Name
    """Name of a structural missing code."""
    items: Annotated[tuple[ItemCode, ...], Field(min_length=1, strict=False)]
    covariate: Name
    shares: Annotated[dict[Name, Share], Field(min_length=1)]
    """For each option, the share of its people's answers that are this code."""


class Population(Strict):
    """A factor model for ordinal answers, with units, missing answers and careless people.

    Latent responses have variance 1. A person gets the k-th point of an item when the latent response lies
    between the (k-1)-th and the k-th threshold.
    """

    format: Literal[1] = 1
    instrument: str
    """Identifier and version, such as ``eomhs@1.0.0``."""
    loadings: Annotated[dict[ItemCode, dict[ItemCode, Loading]], Field(min_length=1)]
    """By item and factor; what is not written is 0."""
    factor_correlations: dict[ItemCode, dict[ItemCode, Correlation]] = Field(default_factory=dict)
    """By factor and factor, each pair once; what is not written is 0."""
    thresholds: dict[ItemCode, Thresholds]
    """By item, one fewer than it has points, rising."""
    unit_icc: dict[ItemCode, Annotated[float, Field(ge=0, lt=1, strict=False)]] = Field(default_factory=dict)
    """By factor, the share of its variance that lies between units; what is not written is 0."""
    unanswered: Share = 0.0
    """Share of answers left out, at random."""
    missing: dict[Name, Share] = Field(default_factory=dict)
    """By name of a missing code that is not structural, the share of answers it takes, at random."""
    structural: Annotated[tuple[StructuralMissing, ...], Field(strict=False)] = ()
    careless: Share = 0.0
    """Share of people who give the same point to every item and leave nothing out."""
    covariates: dict[Name, Annotated[dict[Name, Weight], Field(min_length=1)]] = Field(default_factory=dict)
    """By covariate and option, how frequent the options are in proportion to each other."""
    languages: dict[str, Weight] = Field(default_factory=dict)
    """By language, how frequent the languages are in proportion to each other."""

    @property
    def factors(self) -> tuple[str, ...]:
        """Factors in the order in which the items name them."""
        return tuple(dict.fromkeys(factor for row in self.loadings.values() for factor in row))

    def loading_matrix(self) -> npt.NDArray[np.float64]:
        """Return Lambda, shape (n_items, n_factors)."""
        return np.array([[row.get(factor, 0.0) for factor in self.factors] for row in self.loadings.values()])

    def correlation_matrix(self) -> npt.NDArray[np.float64]:
        """Return Phi, shape (n_factors, n_factors)."""
        place = {factor: number for number, factor in enumerate(self.factors)}
        phi = np.eye(len(place))
        for first, second, value in _pairs(self.factor_correlations):
            phi[place[first], place[second]] = phi[place[second], place[first]] = value
        return phi

    def between_matrix(self) -> npt.NDArray[np.float64]:
        """Return the covariance of the unit effects: Phi scaled by the square roots of the ICCs."""
        root = np.sqrt([self.unit_icc.get(factor, 0.0) for factor in self.factors])
        between: npt.NDArray[np.float64] = self.correlation_matrix() * np.outer(root, root)
        return between


def default_population(instrument: Instrument) -> Population:
    """Return a simple-structure population for any instrument.

    Every scale is a factor; items of no scale share one factor more. The items of a factor take the loadings
    .80, .75, .70, .65, .60 in turn, negative where they are reverse-keyed. Every two factors correlate .40, and
    10 % of their variance lies between units. Thresholds are equally spaced from -1.5 to 1.5 and move by -.2, 0 and .2
    from item to item. 2 % of answers are left out, each missing code that is not structural takes 1 %, and 4 % of
    people are careless. Options and languages are equally frequent. Which items do not apply to whom cannot be
    guessed, so no code is structural.
    """
    factor_of: dict[str, str] = {}
    sign: dict[str, int] = {}
    for scale in instrument.definition.scales:
        for item in scale.items:
            factor_of.setdefault(item, scale.code)
            sign.setdefault(item, -1 if item in scale.reversed else 1)
    rest = "REST" if "REST" not in instrument.scales else "OTHER_ITEMS"
    seen: dict[str, int] = {}
    loadings: dict[str, dict[str, float]] = {}
    thresholds: dict[str, tuple[float, ...]] = {}
    for number, item in enumerate(instrument.item_codes):
        factor = factor_of.get(item, rest)
        position = seen[factor] = seen.get(factor, -1) + 1
        loadings[item] = {factor: sign.get(item, 1) * DEFAULT_LOADINGS[position % len(DEFAULT_LOADINGS)]}
        spaced = np.linspace(-1.5, 1.5, len(instrument.points(item)) + 1)[1:-1]
        thresholds[item] = tuple(round(float(value) + (-0.2, 0.0, 0.2)[number % 3], 4) for value in spaced)
    factors = list(seen)
    return Population(
        instrument=instrument.name,
        loadings=loadings,
        factor_correlations={
            factor: dict.fromkeys(factors[:number], DEFAULT_CORRELATION)
            for number, factor in enumerate(factors)
            if number
        },
        thresholds=thresholds,
        unit_icc=dict.fromkeys(factors, DEFAULT_ICC),
        unanswered=0.02,
        missing={name: 0.01 for name, code in instrument.missing_codes.items() if not code.structural},
        careless=0.04,
        covariates={covariate.code: _equal(covariate.options) for covariate in instrument.definition.covariates},
        languages=_equal(instrument.languages),
    )


def read_population(path: Path | str, instrument: Instrument) -> Population:
    """Read and check a population file.

    Raises
    ------
    StatisticsError
        ``STA_POPULATION``, with every finding at once, or ``STA_POPULATION_UNREADABLE``.
    """
    population = read_model(path, Population, Code.STA_POPULATION)
    check_population(population, instrument, file=str(path))
    return population


def read_model(path: Path | str, model: type[Model], code: Code) -> Model:
    """Read a file that describes what is drawn; what does not fit is refused under the code."""
    from toolkit.instruments.source import read_source

    file = str(path)
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise StatisticsError(
            Problem(
                code=Code.STA_POPULATION_UNREADABLE,
                file=file,
                what=f"The file cannot be read: {error.strerror or 'input/output error'}.",
                fix="Name a population or study file, as 'eot simulate' writes one beside its data.",
            )
        ) from None
    source, problems = read_source(content, file)
    if source is None or problems:
        raise StatisticsError(problems)
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        raise StatisticsError(
            source.problem(
                code,
                entry["loc"],
                f"{entry['msg'].removesuffix('.')}.",
                "Compare with a file that 'eot simulate' writes beside its data.",
            )
            for entry in error.errors(include_url=False)
        ) from None


def write_population(population: Population) -> str:
    """Return a population as the text of a file that :func:`read_population` reads back."""
    return (
        "# Synthetic: the truth that the answers beside this file were drawn from. No respondent stands behind it.\n"
        "# Change it and draw again: eot simulate --population FILE\n" + model_text(population)
    )


def model_text(model: Strict) -> str:
    """Return a model as YAML with every key that has a value, defaults included."""
    import io

    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 110
    stream = io.StringIO()
    yaml.dump(_plain(model.model_dump(exclude_none=True)), stream)
    return stream.getvalue()


def check_population(population: Population, instrument: Instrument, *, file: str | None = None) -> None:
    """Refuse a population that does not fit the instrument or that no one could be drawn from.

    Raises
    ------
    StatisticsError
        ``STA_POPULATION``, with every finding at once.
    """
    findings = [*_items(population, instrument), *_names(population, instrument), *_answers(population, instrument)]
    if not findings:
        findings = [*_factors(population)]
    if findings:
        raise StatisticsError(
            Problem(code=Code.STA_POPULATION, file=file, key=key, what=what, got=got, allowed=allowed, fix=fix)
            for key, what, got, allowed, fix in findings
        )


Finding = tuple[str, str, str | None, str | None, str]


def _items(population: Population, instrument: Instrument) -> Iterator[Finding]:
    """Check that the population is about this instrument's items."""
    if population.instrument != instrument.name:
        what = "The population was written for another instrument or version."
        fix = "Name the instrument that the population was written for, or write one for this version."
        yield "instrument", what, population.instrument, instrument.name, fix
    for key, mapping in (("loadings", population.loadings), ("thresholds", population.thresholds)):
        if list(mapping) != list(instrument.item_codes):
            off = sorted(set(mapping) ^ set(instrument.item_codes)) or ["another order"]
            fix = "Write every item of the instrument once, in the order in which they are asked."
            yield key, "The items are not those of the instrument.", ", ".join(off), None, fix


def _names(population: Population, instrument: Instrument) -> Iterator[Finding]:
    """Check that what the population names is what the instrument has."""
    factors = list(population.factors)
    codes = instrument.missing_codes
    options = {covariate.code: list(covariate.options) for covariate in instrument.definition.covariates}
    correlated = [factor for first, second, _ in _pairs(population.factor_correlations) for factor in (first, second)]
    named: list[tuple[str, list[str], list[str]]] = [
        ("factor_correlations", correlated, factors),
        ("unit_icc", list(population.unit_icc), factors),
        ("missing", list(population.missing), [name for name, code in codes.items() if not code.structural]),
        ("covariates", list(population.covariates), list(options)),
        ("languages", list(population.languages), list(instrument.languages)),
    ]
    for covariate, weights in population.covariates.items():
        named.append((f"covariates.{covariate}", list(weights), options.get(covariate, list(weights))))
    for number, rule in enumerate(population.structural, start=1):
        key = f"structural[number {number}]"
        named += [
            (f"{key}.code", [rule.code], [name for name, code in codes.items() if code.structural]),
            (f"{key}.items", list(rule.items), [item for item in instrument.items if _offers(instrument, item, rule)]),
            (f"{key}.covariate", [rule.covariate], list(population.covariates)),
            (f"{key}.shares", list(rule.shares), options.get(rule.covariate, list(rule.shares))),
        ]
    for key, got, allowed in named:
        unknown = [name for name in dict.fromkeys(got) if name not in allowed]
        if unknown:
            fix = "Correct the name or remove it."
            yield key, "The name is not known here.", ", ".join(unknown), ", ".join(allowed) or "none", fix


def _answers(population: Population, instrument: Instrument) -> Iterator[Finding]:
    """Check that the thresholds and shares describe answers."""
    for item, thresholds in population.thresholds.items():
        if item not in instrument.items:
            continue
        needed = len(instrument.points(item)) - 1
        if len(thresholds) != needed or any(b <= a for a, b in pairwise(thresholds)):
            got = ", ".join(f"{value:g}" for value in thresholds)
            fix = "Write one threshold fewer than the item has points, the lowest first."
            yield f"thresholds.{item}", "The thresholds do not fit the item.", got, f"{needed} rising numbers", fix
    left_out = population.unanswered + sum(population.missing.values())
    if left_out >= 1:
        yield "missing", "No answer would be left.", f"{left_out:g}", "less than 1 in sum", "Lower the shares."


def _factors(population: Population) -> Iterator[Finding]:
    """Check that the factor model has a distribution."""
    itself = [first for first, second, _ in _pairs(population.factor_correlations) if first == second]
    if itself:
        what = "A factor's correlation with itself is always 1."
        yield "factor_correlations", what, ", ".join(itself), None, "Remove these entries."
        return
    phi = population.correlation_matrix()
    if np.linalg.eigvalsh(phi)[0] < 1e-8:
        what = "No factors can correlate like this: the matrix is not positive definite."
        yield "factor_correlations", what, None, None, "Bring the correlations nearer to 0."
    elif np.linalg.eigvalsh(phi - population.between_matrix())[0] < 1e-8:
        what = "The units would differ more than the people in them can."
        yield "unit_icc", what, None, None, "Bring the values nearer to each other, or nearer to 0."
    lam = population.loading_matrix()
    communality = np.einsum("ik,kl,il->i", lam, phi, lam)
    for item, value in zip(population.loadings, communality, strict=True):
        if value >= 1:
            what = "The loadings leave no variance of its own to the item."
            yield f"loadings.{item}", what, f"communality {value:.3f}", "less than 1", "Lower the loadings."


def _pairs(correlations: Mapping[str, Mapping[str, float]]) -> Iterator[tuple[str, str, float]]:
    for first, row in correlations.items():
        for second, value in row.items():
            yield first, second, value


def _offers(instrument: Instrument, item: str, rule: StructuralMissing) -> bool:
    return rule.code in instrument.response_sets[instrument.items[item].responses].missing


def _equal(options: tuple[str, ...]) -> dict[str, float]:
    return dict.fromkeys(options, 1.0)


def _plain(value: Any) -> Any:
    """Turn tuples into lists, which YAML can write."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value

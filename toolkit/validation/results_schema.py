"""The form of ``results.json``, from which its JSON Schema is made."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Number = float | None
"""A number; null where it cannot be computed."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Verdict = Literal["sufficient", "insufficient", "indeterminate"]


class Closed(BaseModel):
    """A part in which nothing else stands."""

    model_config = ConfigDict(extra="forbid")


class Statistic(BaseModel):
    """A statistic with its n, its method and its warnings; each adds its own numbers."""

    model_config = ConfigDict(extra="allow")

    n_persons: Count
    n_items: Count
    n_dropped: Count
    method: str
    warnings: list[dict[str, Any]]


class Interval(Closed):
    """Limits of an estimate."""

    low: Number
    high: Number
    level: float
    method: str


class Estimate(Interval):
    """A number with its limits."""

    estimate: Number


class Instrument(Closed):
    """What was answered."""

    id: str
    version: str
    definition_sha256: Sha256
    measurement: Literal["reflective", "formative"]
    n_items: Count
    n_scales: Count


class Input(Closed):
    """The file that the answers came from."""

    name: str
    sha256: Sha256


class Plan(Closed):
    """The decisions made before the run."""

    n_factors: int | None
    method: Literal["minres", "ml"]
    rotation: Literal["oblimin", "geomin", "promax", "varimax", "quartimax", "none"]
    missing: Literal["pairwise", "listwise"]
    n_datasets: Count
    seed: Count
    level: float
    wave: str | None
    all_waves: bool
    confirm: bool
    model: str | None
    cfa_estimator: Literal["WLSMV", "ULSMV", "DWLS", "MLR", "ML"] | None
    invariance_by: str | None
    dynamic_cutoffs: bool
    split: bool


class Structural(Closed):
    """Answers that say the question does not apply."""

    names: list[str]
    n_persons: Count
    treatment: str


class Data(Closed):
    """Who answered what."""

    n_persons: Count
    n_persons_without_answer: Count
    n_complete: Count
    smallest_pairwise_n: Count
    smallest_pair: list[str]
    missing_total: dict[str, Count]
    structural: Structural
    smallest_group: Count
    wave: str | None
    waves: list[str]
    synthetic: bool
    analysed_items: list[str]
    excluded_items: list[str]


class Description(Closed):
    """Moments of an item after reversing."""

    n: Count
    n_missing: Count
    mean: Number
    sd: Number
    skewness: Number
    kurtosis: Number
    minimum: Number
    maximum: Number
    floor: Number
    ceiling: Number
    method: str


class DesignEffect(Closed):
    """ICC(1) of a score or an item by unit, with its limits, and what it does to the mean."""

    n_persons: Count
    n_units: Count
    n0: Number
    weighted_size: Number
    icc1: Number
    low: Number
    high: Number
    level: float
    icc2: Number
    design_effect: Number
    effective_n: Number


class Item(Closed):
    """One item: its moments, its missing answers by kind, and the count of every code as it was given."""

    scale: str | None
    reversed: bool
    analysed: bool
    description: Description
    missing: dict[str, Count]
    distribution: dict[str, Count]
    units: DesignEffect | None


class Alpha(Statistic):
    """Coefficient alpha."""

    estimate: Number
    standardized: Number
    mean_inter_item_correlation: Number
    interval: Interval
    n_smallest_pair: Count


class Omega(Statistic):
    """Omega total of a one-factor model."""

    estimate: Number
    interval: Interval
    loadings: dict[str, Number]
    average_variance_extracted: Number


class ItemAnalysis(Statistic):
    """Items within their scale."""

    table: dict[str, dict[str, Number]]


class Coefficient(Closed):
    """One reliability coefficient; ``interval`` is the method of its limits, or none."""

    estimate: Number
    low: Number
    high: Number
    interval: str
    n_persons: Count
    formula: str


class AlphaUnder(Closed):
    """Alpha under one missing rule, or of everyone and without the flagged persons."""

    rule: Literal["pairwise", "listwise", "pairwise_without_structural", "everyone", "without_flagged"]
    estimate: Number
    low: Number
    high: Number
    n_persons: Count
    n_smallest_pair: Count


class Scores(Closed):
    """Scores of a scale in the shown range."""

    n_scored: Count
    status: dict[str, Count]
    mean: Number
    sd: Number
    minimum: Number
    lower_quartile: Number
    median: Number
    upper_quartile: Number
    maximum: Number
    share_lowest: Number
    share_highest: Number
    edges: list[float]
    counts: list[Count]
    method: str


class ScaleUnits(Closed):
    """What units do to a scale: the design effect of its score, and alpha and omega with intervals by units."""

    design_effect: DesignEffect | None
    alpha: Alpha | None
    omega: Omega | None


class Scale(Closed):
    """One scale."""

    items: list[str]
    reversed: list[str]
    analysed_items: list[str]
    item_analysis: ItemAnalysis | None
    alpha: Alpha | None
    omega: Omega | None
    coefficients: dict[str, Coefficient]
    sensitivity: list[AlphaUnder]
    scores: Scores
    units: ScaleUnits | None


class Sign(Closed):
    """One sign of careless answers; null is a count that would tell about too few persons."""

    index: str
    rule: str
    cutoff: float
    n_computed: Count | None
    n_flagged: Count | None


class Screening(Closed):
    """Signs of careless answers, and alpha with and without the flagged persons."""

    n_persons: Count
    minimum_flags: Count
    n_flagged: Count | None
    signs: list[Sign]
    alpha: dict[str, list[AlphaUnder]]
    method: str


class KaiserMeyerOlkin(Statistic):
    """Sampling adequacy."""

    overall: Number
    per_item: dict[str, Number]


class Bartlett(Statistic):
    """Test of sphericity."""

    chi_square: Number
    df: Count
    p_value: Number


class Parallel(Statistic):
    """Parallel analysis."""

    n_factors: Count
    eigenvalues: list[float]
    reference_mean: list[float]
    reference_percentile: list[float]
    n_datasets: Count


class Criterion(Closed):
    """The number of factors by one criterion."""

    n_factors: Number
    tendency: str
    method: str


class Retention(Statistic):
    """The criteria for the number of factors side by side."""

    table: dict[str, Criterion]
    counts: dict[str, Count]
    smallest: Number
    largest: Number
    reading: str
    eigenvalues: list[float]


class Efa(Statistic):
    """Exploratory factor analysis."""

    loadings: dict[str, dict[str, Number]]
    phi: dict[str, dict[str, Number]]
    communalities: dict[str, Number]
    uniquenesses: dict[str, Number]
    chi_square: Number
    df: int
    p_value: Number
    rmsea: Estimate
    tli: Number
    srmr: Number
    bic: Number
    n_factors: Count
    converged: bool


class TypicalItem(Closed):
    """Mean ICC(1) and mean design effect of the items."""

    icc1: Number
    design_effect: Number


class Structure(Closed):
    """All items together."""

    status: Literal["exploratory"]
    items: list[str]
    n_persons: Count
    n_factors: Count
    n_factors_from: Literal["plan", "scales", "parallel_analysis"]
    sample: Literal["everyone", "one_half"]
    kaiser_meyer_olkin: KaiserMeyerOlkin | None
    bartlett_sphericity: Bartlett | None
    parallel_analysis: Parallel | None
    retention: Retention | None
    efa: Efa | None
    units: TypicalItem | None


class NestedTest(Statistic):
    """A test of the model with more restrictions against the other."""

    chisq_diff: Number
    df_diff: Count
    p: Number
    d_cfi: Number
    d_tli: Number
    d_rmsea: Number
    d_srmr: Number


class FittedModel(Closed):
    """Fit of a confirmatory model, by lavaan's names, and whether its solution may be read."""

    fit: dict[str, Number]
    judged_by: Literal["robust", "scaled", "naive"]
    converged: bool
    admissible: bool
    improper: list[str]
    n_parameters: Count
    n_persons: Count
    n_items: Count
    n_dropped: Count
    method: str


class ModelParameter(Closed):
    """A row of the model: estimate, standard error, test and interval; ``group`` is empty without groups."""

    lhs: str
    op: str
    rhs: str
    group: str
    label: str
    free: bool
    est: Number
    se: Number
    z: Number
    p: Number
    ci_lower: Number
    ci_upper: Number


class StandardizedParameter(Closed):
    """The same row, completely standardised."""

    lhs: str
    op: str
    rhs: str
    group: str
    est: Number
    se: Number
    z: Number
    p: Number
    ci_lower: Number
    ci_upper: Number


class ConfirmedModel(FittedModel):
    """The confirmatory model with its estimates."""

    parameters: list[ModelParameter]
    standardized: list[StandardizedParameter]
    residuals: dict[str, dict[str, Number]]


class AlternativeModel(FittedModel):
    """Another structure of the same items and persons, and its test against the model."""

    model: str
    nested: bool
    test: NestedTest | None


class ModelReliability(Closed):
    """Reliability under the model: a row a factor, and more for general and higher-order factors."""

    factors: list[dict[str, Any]]
    intervals: list[dict[str, Any]]
    total: list[dict[str, Any]]
    general: list[dict[str, Any]]
    subscales: list[dict[str, Any]]
    higher_order: list[dict[str, Any]]
    htmt: dict[str, dict[str, Number]]
    htmt2: dict[str, dict[str, Number]]
    method: str


class ModificationIndex(Closed):
    """By how much the chi-square would fall if one parameter more were free, and the value it would take."""

    lhs: str
    op: str
    rhs: str
    group: str
    mi: Number
    epc: Number
    sepc: Number


class DynamicCutoff(Closed):
    """A simulated cut-off of one index at one level of misspecification; level 0 is the model itself."""

    level: Count
    measure: str
    cutoff: Number
    rule: str
    specificity: Number
    sensitivity: Number
    detected: Number
    observed: Number
    met: bool | None


class DynamicCutoffs(Closed):
    """Simulated cut-offs of the fit indices."""

    cutoffs: list[DynamicCutoff]
    omitted: list[dict[str, Any]]
    n_replications: Count
    n_failed: Count
    method: str


class Groups(Closed):
    """The groups that the measurement is compared over."""

    by: str
    n_of_groups: dict[str, Count]
    left_out: list[str]


class InvarianceStep(Closed):
    """One step of an invariance analysis; ``holds`` is null where the rule has no numbers to go by."""

    level: str
    against: str
    chisq_diff: Number
    df_diff: Count
    p: Number
    d_cfi: Number
    d_rmsea: Number
    d_srmr: Number
    holds: bool | None


class LatentMean(Closed):
    """A factor mean of a later group, the reference having 0."""

    factor: str
    context: str
    intercepts: Literal["equal", "free", "partial"]
    est: Number
    se: Number
    z: Number
    p: Number
    ci_lower: Number
    ci_upper: Number
    d: Number
    lowest: Number = None
    highest: Number = None


class Invariance(Closed):
    """Whether the model measures the same in groups."""

    verdict: Literal["supported", "not_supported", "undetermined"]
    reason: str
    rule: str
    rule_source: str
    contexts: list[str]
    n_of_contexts: list[Count]
    dropped: list[str]
    levels: dict[str, FittedModel]
    tests: list[InvarianceStep]
    latent_means: list[LatentMean]
    n_persons: Count
    n_items: Count
    n_dropped: Count
    method: str


class PartialInvariance(Closed):
    """What a search for the parameters that differ found."""

    reached: bool
    reason: str
    n_freed: Count
    freed: list[dict[str, Any]]
    levels: dict[str, FittedModel]
    tests: list[InvarianceStep]
    latent_means: list[LatentMean]
    n_persons: Count
    method: str


class Confirmation(Closed):
    """The confirmatory model, and whom it was fitted to."""

    status: Literal["confirmatory"]
    sample: Literal["same_persons", "other_half"]
    structure: Literal["correlated", "one_factor", "higher_order", "bifactor", "own"]
    model: str
    items: list[str]
    n_persons: Count
    estimator: Literal["WLSMV", "ULSMV", "DWLS", "MLR", "ML"]
    estimator_from: Literal["plan", "answers"]
    missing: Literal["pairwise", "listwise", "fiml"]
    result: ConfirmedModel | None
    reliability: ModelReliability | None
    modification_indices: list[ModificationIndex] | None
    n_modification_indices: Count
    alternatives: dict[str, AlternativeModel]
    dynamic_cutoffs: DynamicCutoffs | None
    groups: Groups | None
    invariance: Invariance | None
    partial_invariance: PartialInvariance | None


class Replication(Closed):
    """One quantity from two programs."""

    quantity: str
    of: str
    ours: float
    theirs: float
    difference: float
    tolerance: float
    agrees: bool
    peer: str
    peer_version: str
    n_persons: Count
    note: str


class Rating(Closed):
    """One measurement property."""

    measurement_property: str
    scale: str | None
    verdict: Verdict
    rule: str
    evidence: dict[str, Number]
    sample: str
    reason: str


class NotComputed(Closed):
    """A statistic that is absent, and why."""

    statistic: str
    scale: str | None
    problems: list[dict[str, Any]]


class Units(Closed):
    """The units of the respondents; null is a count that would tell about too few persons."""

    n_units: Count
    n_persons: Count
    n_persons_without: Count | None
    method: str


class Results(Closed):
    """Every number of a validation run. Nothing is rounded; null is a number that cannot be computed."""

    format: Literal["eot-validation-results"]
    format_version: Literal[1]
    versions: dict[str, str]
    instrument: Instrument
    input: Input | None
    plan: Plan
    data: Data
    items: dict[str, Item]
    units: Units | None
    scales: dict[str, Scale]
    screening: Screening | None
    structure: Structure | None
    confirmation: Confirmation | None
    replication: list[Replication]
    ratings: list[Rating]
    not_computed: list[NotComputed]
    warnings: list[dict[str, Any]]
    content_sha256: Sha256
    seconds: dict[str, float]


def results_schema() -> dict[str, Any]:
    """Return the JSON Schema of ``results.json``, as ``docs/schema/results.schema.json`` holds it."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Results.model_json_schema()}

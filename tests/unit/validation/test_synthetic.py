"""Synthetic answers: what was planted is found, and the shipped data set can be drawn again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm

from toolkit import psychometrics as pm
from toolkit.errors import Code, StatisticsError
from toolkit.instruments import load
from toolkit.storage.response_files import read_responses
from toolkit.validation.datasheet import DATASHEET_FILE, FACTS_FILE, RESPONSES_FILE, data_set_files
from toolkit.validation.population import default_population, read_population
from toolkit.validation.synthetic import SyntheticData, simulate

EOMHS = load("eomhs@1.0.0")
SHIPPED = Path(__file__).resolve().parents[3] / "data" / "eomhs-1.0.0-synthetic"
POPULATION = read_population(SHIPPED / "population.yaml", EOMHS)
SMALL = {"n_persons": 40, "n_units": 3, "seed": 5}


def facts() -> dict[str, object]:
    loaded: dict[str, object] = YAML(typ="safe").load(SHIPPED / FACTS_FILE)
    return loaded


@pytest.fixture(scope="module")
def large() -> SyntheticData:
    return simulate(EOMHS, POPULATION, n_persons=20_000, n_units=200, seed=11)


def numbers(data: SyntheticData) -> pd.DataFrame:
    return data.responses[list(POPULATION.loadings)].astype("float64")


def congruence(found: pd.DataFrame, truth: np.ndarray) -> np.ndarray:
    """Tucker's coefficient of every factor with its best match."""
    pattern = found.to_numpy()
    norms = np.outer(np.linalg.norm(truth, axis=0), np.linalg.norm(pattern, axis=0))
    coefficients = np.abs(truth.T @ pattern / norms)
    return coefficients[linear_sum_assignment(-coefficients)]


def test_the_shipped_answers_are_drawn_again_byte_by_byte() -> None:
    data = simulate(EOMHS, POPULATION, n_persons=600, n_units=12, seed=2026)
    shipped = (SHIPPED / RESPONSES_FILE).read_bytes()
    assert data.to_csv().encode() == shipped
    assert facts()["sha256"][RESPONSES_FILE] == hashlib.sha256(shipped).hexdigest()
    assert facts()["definition_sha256"] == EOMHS.definition_hash
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 2_000_000


def test_the_shipped_datasheet_is_the_one_of_the_draw() -> None:
    data = simulate(EOMHS, POPULATION, n_persons=600, n_units=12, seed=2026)
    written = facts()
    files = data_set_files(data, EOMHS, command=str(written["command"]))
    again = YAML(typ="safe").load(files[FACTS_FILE])
    assert {**again, "versions": None} == {**written, "versions": None}
    shipped = (SHIPPED / DATASHEET_FILE).read_text(encoding="utf-8")
    without_versions = [line for line in shipped.splitlines() if not line.startswith("| version of")]
    assert without_versions == [
        line for line in files[DATASHEET_FILE].splitlines() if not line.startswith("| version of")
    ]


def test_the_shipped_answers_say_that_they_are_synthetic_and_are_read_as_answers() -> None:
    raw = pd.read_csv(SHIPPED / RESPONSES_FILE, dtype=str)
    assert raw["respondent"].str.fullmatch(r"synthetic-\d{3}").all()
    assert set(raw["wave"]) == {"synthetic"}
    assert "No respondent stands behind them" in (SHIPPED / DATASHEET_FILE).read_text(encoding="utf-8")
    frame = read_responses(SHIPPED / RESPONSES_FILE, EOMHS)
    assert len(frame) == 600
    assert frame.index.is_unique
    pd.testing.assert_frame_equal(
        frame[list(EOMHS.item_codes)].reset_index(drop=True), raw[list(EOMHS.item_codes)].astype("float64")
    )


def test_the_loadings_of_the_shipped_answers_are_recovered() -> None:
    frame = read_responses(SHIPPED / RESPONSES_FILE, EOMHS)
    items = frame.loc[~frame.index.isin(facts()["careless"]), list(EOMHS.item_codes)]
    found = pm.efa(items.where(items > 0), n_factors=6, rng=1)
    assert found.n_persons > 300
    assert congruence(found.loadings, POPULATION.loading_matrix()).min() > 0.95


def test_the_planted_shares_are_found(large: SyntheticData) -> None:
    answers = numbers(large)
    careful = ~answers.index.isin(large.careless)
    n = careful.sum()
    assert 1 - careful.mean() == pytest.approx(0.04, abs=4 * np.sqrt(0.04 * 0.96 / len(answers)))
    # Structural codes come last, so the others are looked for on items that apply to everybody.
    everybody = answers.loc[careful, [item for item in answers if not item.startswith("CI")]]
    for code, share in ((None, 0.006), (-8, 0.004), (-9, 0.002)):
        seen = everybody.isna() if code is None else everybody == code
        assert seen.to_numpy().mean() == pytest.approx(share, abs=4 * np.sqrt(share / everybody.size))
    position = large.responses.loc[careful, "position"]
    ci = answers.loc[careful, ["CI2", "CI6"]] == -7
    for option, share in (("manager", 0.6), ("adviser", 0.5), ("clinician", 0.01), ("team_leader", 0.0)):
        members = (position == option).to_numpy()
        assert ci[members].to_numpy().mean() == pytest.approx(share, abs=4 * np.sqrt(0.25 / members.sum()))
    assert not (answers[["CI1", "HB1"]] == -7).to_numpy().any()
    assert position.value_counts(normalize=True)["clinician"] == pytest.approx(0.58, abs=4 * np.sqrt(0.25 / n))
    assert large.responses["sector"].isna().mean() == pytest.approx(0.006, abs=0.003)
    assert (large.responses["language"] == "nb").mean() == pytest.approx(0.8, abs=0.012)


def test_careless_people_give_one_point_throughout_and_leave_nothing_out(large: SyntheticData) -> None:
    careless = numbers(large).loc[list(large.careless)]
    assert careless.eq(careless["HB1"], axis=0).to_numpy().all()
    assert set(careless["HB1"]) == {1, 2, 3, 4, 5}
    others = numbers(large).drop(index=list(large.careless))
    assert others.eq(others["HB1"], axis=0).all(axis=1).mean() < 0.001


def test_the_thresholds_correlations_and_unit_effects_are_found(large: SyntheticData) -> None:
    answers = numbers(large).drop(index=list(large.careless))
    answers = answers.where(answers > 0)
    below = (answers["LS1"].dropna() <= 2).mean()
    assert norm.ppf(below) == pytest.approx(POPULATION.thresholds["LS1"][1], abs=0.1)
    assert congruence(pm.efa(answers, n_factors=6, rng=1).loadings, POPULATION.loading_matrix()).min() > 0.99
    effects = large.unit_effects
    np.testing.assert_allclose(effects.var(), [POPULATION.unit_icc[factor] for factor in effects], rtol=0.35)
    means = answers.groupby(large.responses["unit"].loc[answers.index])["LS1"].mean()
    assert np.corrcoef(means, effects["LS"])[0, 1] > 0.9
    between = means.var() - (answers.groupby(large.responses["unit"])["LS1"].var() / 100).mean()
    # LS1 loads .78, so .18 x .78^2 of its latent variance lies between units; cutting into points attenuates it.
    assert between / answers["LS1"].var() == pytest.approx(0.18 * 0.78**2, rel=0.35)


def test_one_seed_gives_one_draw_and_another_another() -> None:
    first, second = (simulate(EOMHS, POPULATION, **SMALL) for _ in range(2))
    assert first.to_csv() == second.to_csv()
    other = simulate(EOMHS, POPULATION, **SMALL | {"seed": 6})
    assert other.to_csv() != first.to_csv()


def test_more_careless_people_do_not_move_what_the_others_answer() -> None:
    few = simulate(EOMHS, POPULATION, **SMALL)
    many = simulate(EOMHS, POPULATION.model_copy(update={"careless": 0.5}), **SMALL)
    assert set(few.careless) < set(many.careless)
    attentive = few.responses.index.difference(list(many.careless))
    pd.testing.assert_frame_equal(few.responses.loc[attentive], many.responses.loc[attentive])


def test_items_with_different_numbers_of_points_are_drawn_within_their_points(tmp_path: Path) -> None:
    folder = tmp_path / "mixed" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "definition.yaml").write_text(
        """format: 1
id: mixed
version: "1.0.0"
speaker: respondents
measurement: reflective
construct: anything
minutes: 1
responses:
  - {name: short, points: [0, 1]}
  - {name: long, points: [1, 2, 3, 4, 5, 6, 7]}
items:
  - {code: A1, responses: short, intent: one}
  - {code: A2, responses: long, intent: two}
  - {code: A3, responses: long, intent: three}
sections: [{code: A, items: [A1, A2, A3]}]
scales: [{code: A, items: [A2, A3], reversed: [A3], minimum_answered: 1}]
""",
        encoding="utf-8",
    )
    (folder / "text.en.yaml").write_text(
        """instrument: mixed
version: "1.0.0"
language: en
title: Mixed
introduction: Words.
responses:
  short: {0: "no", 1: "yes"}
  long: {1: a, 2: b, 3: c, 4: d, 5: e, 6: f, 7: g}
sections: {A: {heading: All}}
items:
  A1: {text: One, status: draft}
  A2: {text: Two, status: draft}
  A3: {text: Three, status: draft}
scales: {A: {name: A, high: Much}}
""",
        encoding="utf-8",
    )
    instrument = load(folder)
    data = simulate(instrument, default_population(instrument), n_persons=2000, n_units=4, seed=1)
    answers = data.responses
    assert data.unit_effects.columns.tolist() == ["REST", "A"]
    assert set(answers["A1"].dropna()) == {0, 1}
    assert set(answers["A2"].dropna()) == {1, 2, 3, 4, 5, 6, 7}
    assert answers["A2"].astype(float).corr(answers["A3"].astype(float)) < -0.3


@pytest.mark.parametrize("change", [{"n_persons": 0}, {"n_units": 41}, {"n_units": 0}, {"seed": -1}])
def test_sizes_out_of_range_are_refused(change: dict[str, int]) -> None:
    assert len(simulate(EOMHS, POPULATION, **SMALL).responses) == 40
    with pytest.raises(StatisticsError) as refusal:
        simulate(EOMHS, POPULATION, **SMALL | change)
    assert refusal.value.codes == (Code.STA_OPTION_RANGE,)

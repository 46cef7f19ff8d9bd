"""Population files: what is read, and what is refused with the place and the fix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from toolkit.errors import Code, StatisticsError
from toolkit.instruments import load
from toolkit.validation.population import (
    Population,
    check_population,
    default_population,
    read_population,
    write_population,
)

EOMHS = load("eomhs@1.0.0")
SHIPPED = Path(__file__).resolve().parents[3] / "data" / "eomhs-1.0.0-synthetic" / "population.yaml"


def test_the_default_population_follows_its_stated_rule() -> None:
    population = default_population(EOMHS)
    assert population.factors == ("HB", "TB", "ZE", "CI", "LS", "CC")
    assert [population.loadings[item]["CI"] for item in EOMHS.scales["CI"].items] == [0.8, 0.75, 0.7, 0.65, 0.6, 0.8]
    assert population.thresholds["HB1"] == (-1.1, -0.5, 0.1, 0.7)
    phi = population.correlation_matrix()
    assert phi.shape == (6, 6)
    assert set(np.round(phi[~np.eye(6, dtype=bool)], 12)) == {0.4}
    np.testing.assert_allclose(population.between_matrix(), 0.1 * phi)
    check_population(population, EOMHS)


def test_a_written_population_is_read_back_the_same(tmp_path: Path) -> None:
    population = read_population(SHIPPED, EOMHS)
    path = tmp_path / "population.yaml"
    path.write_text(write_population(population), encoding="utf-8")
    assert read_population(path, EOMHS) == population
    assert write_population(population) == SHIPPED.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        ({"instrument": "eomhs@0.9.0"}, "instrument", "another instrument"),
        ({"loadings": {"HB1": {"HB": 0.7}}}, "loadings", "not those of the instrument"),
        ({"unit_icc": {"XX": 0.1}}, "unit_icc", "XX"),
        ({"missing": {"not_relevant": 0.1}}, "missing", "dont_know, prefer_not"),
        ({"unanswered": 0.6, "missing": {"dont_know": 0.4}}, "missing", "No answer would be left"),
        ({"languages": {"tlh": 1}}, "languages", "tlh"),
        ({"covariates": {"position": {"astronaut": 1}}}, "covariates.position", "astronaut"),
        ({"covariates": {"shoe_size": {"small": 1}}}, "covariates", "shoe_size"),
        ({"factor_correlations": {"HB": {"HB": 0.5}}}, "factor_correlations", "itself"),
        (
            {"factor_correlations": {"TB": {"HB": 0.9}, "ZE": {"HB": 0.9, "TB": -0.9}}},
            "factor_correlations",
            "not positive definite",
        ),
        ({"unit_icc": {"HB": 0.0, "TB": 0.99}, "factor_correlations": {"TB": {"HB": 0.99}}}, "unit_icc", "units"),
        (
            {
                "structural": [
                    {"code": "dont_know", "items": ["CI1"], "covariate": "position", "shares": {"manager": 1}}
                ]
            },
            "structural[number 1].code",
            "not_relevant",
        ),
        (
            {
                "structural": [
                    {"code": "not_relevant", "items": ["CI9"], "covariate": "position", "shares": {"pope": 1}}
                ]
            },
            "structural[number 1].items",
            "CI9",
        ),
    ],
)
def test_a_population_that_does_not_fit_is_refused(change: dict[str, object], key: str, words: str) -> None:
    written = default_population(EOMHS).model_dump()
    check_population(Population.model_validate(written), EOMHS)
    with pytest.raises(StatisticsError) as refusal:
        check_population(Population.model_validate(written | change), EOMHS)
    assert set(refusal.value.codes) == {Code.STA_POPULATION}
    told = next(problem for problem in refusal.value.problems if problem.key == key)
    assert words in str(told)
    assert told.fix


@pytest.mark.parametrize(
    ("item", "thresholds"), [("HB1", (-1.0, 0.0, 1.0)), ("HB1", (-1.0, 0.0, 0.0, 1.0)), ("HB1", (1.0, 0.5, 0.0, -1.0))]
)
def test_thresholds_must_be_as_many_as_the_item_needs_and_rise(item: str, thresholds: tuple[float, ...]) -> None:
    population = default_population(EOMHS)
    check_population(population, EOMHS)
    broken = population.model_copy(update={"thresholds": population.thresholds | {item: thresholds}})
    with pytest.raises(StatisticsError, match=r"thresholds\.HB1.*4 rising numbers"):
        check_population(broken, EOMHS)


def test_a_communality_of_one_is_refused() -> None:
    population = default_population(EOMHS)
    loadings = population.loadings | {"TB2": {"TB": 0.9, "HB": 0.5}}
    with pytest.raises(StatisticsError, match=r"loadings\.TB2.*communality 1\.420"):
        check_population(population.model_copy(update={"loadings": loadings}), EOMHS)


def test_a_broken_file_is_refused_with_its_lines(tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    path = tmp_path / "population.yaml"
    path.write_text(text, encoding="utf-8")
    assert read_population(path, EOMHS).careless == 0.04
    path.write_text(text.replace("careless: 0.04", "careless: many\nmood: good"), encoding="utf-8")
    with pytest.raises(StatisticsError) as refusal:
        read_population(path, EOMHS)
    assert {problem.key for problem in refusal.value.problems} == {"careless", "mood"}
    assert all(problem.line and problem.file == str(path) for problem in refusal.value.problems)
    path.write_text("a: [", encoding="utf-8")
    with pytest.raises(StatisticsError) as refusal:
        read_population(path, EOMHS)
    assert refusal.value.codes == (Code.DEF_YAML,)
    with pytest.raises(StatisticsError) as refusal:
        read_population(tmp_path / "absent.yaml", EOMHS)
    assert refusal.value.codes == (Code.STA_POPULATION_UNREADABLE,)

"""Synthetic answers in waves: what was planted is found, and the shipped data set can be drawn again."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from toolkit.errors import Code, StatisticsError
from toolkit.instruments import load, score
from toolkit.storage.response_files import read_responses
from toolkit.validation.datasheet import DATASHEET_FILE, FACTS_FILE
from toolkit.validation.population import default_population
from toolkit.validation.study import LoadedStudy, Study, check_study, read_study, write_study
from toolkit.validation.study_datasheet import STUDY_FILE, UNITS_FILE, WAVES_FILE, wave_set_files
from toolkit.validation.synthetic_waves import SyntheticWaves, expected_scores, planted, simulate_waves

SHIPPED = Path(__file__).resolve().parents[3] / "data" / "eomhs-demo-synthetic"
LOADED = read_study(SHIPPED / STUDY_FILE, load)
STUDY = LOADED.study
SCALES = ["HB", "TB", "ZE", "CI", "LS", "CC"]


def yaml(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe").load(SHIPPED / name)
    return loaded


def changed(**changes: Any) -> LoadedStudy:
    """The shipped study with some keys changed."""
    return replace(LOADED, study=Study.model_validate(STUDY.model_dump() | changes))


@pytest.fixture(scope="module")
def shipped() -> SyntheticWaves:
    return simulate_waves(LOADED, seed=2026)


@pytest.fixture(scope="module")
def large() -> SyntheticWaves:
    """The shipped study with forty times as many people."""
    units = [{**unit.model_dump(), "n_invited": unit.n_invited * 40} for unit in STUDY.units]
    waves = [{**wave.model_dump(), "n_respondents": wave.n_respondents * 40} for wave in STUDY.waves]
    return simulate_waves(changed(units=units, waves=waves), seed=3)


def scores(data: SyntheticWaves, wave: str) -> pd.DataFrame:
    """Scores of the careful people of a wave, with their units."""
    at = next(each for each in data.loaded.study.waves if each.code == wave)
    instrument = data.loaded.instruments[at.instrument]
    responses = data.responses[wave]
    responses = responses.loc[~responses.index.isin(data.careless)]
    table = score(instrument, responses[list(instrument.item_codes)].astype("float64"))
    return table.scores.assign(unit=responses["unit"], service=responses["service"])


# The shipped data set


def test_every_shipped_file_is_drawn_again(shipped: SyntheticWaves) -> None:
    files = wave_set_files(shipped, command=yaml(FACTS_FILE)["command"])
    assert sorted(files) == sorted(path.name for path in SHIPPED.iterdir() if path.name != ".eot-folder")
    for name, text in files.items():
        there = (SHIPPED / name).read_text(encoding="utf-8")
        if name == DATASHEET_FILE:
            there, text = (
                "\n".join(line for line in each.splitlines() if not line.startswith("| version of"))
                for each in (there, text)
            )
        if name == FACTS_FILE:
            assert {**YAML(typ="safe").load(text), "versions": None} == {**yaml(name), "versions": None}
        else:
            assert text == there, name
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 2_000_000


def test_the_shipped_facts_name_command_hashes_and_definitions() -> None:
    facts = yaml(FACTS_FILE)
    assert facts["command"] == (
        "eot simulate --study data/eomhs-demo-synthetic/study.yaml --seed 2026 --out data/eomhs-demo-synthetic"
    )
    for name, digest in facts["sha256"].items():
        assert hashlib.sha256((SHIPPED / name).read_bytes()).hexdigest() == digest, name
    assert facts["definition_sha256"] == {name: load(name).definition_hash for name in ("eomhs@0.9.0", "eomhs@1.0.0")}


def test_the_shipped_waves_can_be_read_as_answers_and_are_labelled() -> None:
    waves = yaml(WAVES_FILE)
    assert waves["synthetic"] is True
    versions = [wave["version"] for wave in waves["waves"]]
    dates = [wave["asked_on"] for wave in waves["waves"]]
    assert versions == ["0.9.0", "1.0.0", "1.0.0", "1.0.0"]
    assert dates == sorted(dates)
    seen: set[str] = set()
    for wave in waves["waves"]:
        instrument = load(f"{wave['instrument']}@{wave['version']}")
        assert wave["definition_sha256"] == instrument.definition_hash
        frame = read_responses(SHIPPED / wave["file"], instrument)
        assert len(frame) == wave["n_respondents"] == 300
        assert set(frame["wave"]) == {wave["wave"]}
        assert frame.index.str.fullmatch(r"synthetic-\d{4}").all()
        assert frame.attrs["ignored_columns"] == ()
        seen |= set(frame.index)
        header = (SHIPPED / wave["file"]).read_text(encoding="utf-8").split("\n", 1)[0].split(",")
        assert header[:7] == ["respondent", "service", "unit", "wave", "instrument", "version", "language"]
        assert header[7:12] == [covariate.code for covariate in instrument.definition.covariates]
        assert tuple(header[12:]) == instrument.item_codes
    assert len(seen) == 1200
    assert "No respondent stands behind them" in (SHIPPED / DATASHEET_FILE).read_text(encoding="utf-8")


def test_the_units_file_says_who_was_where_and_how_many_answered(shipped: SyntheticWaves) -> None:
    units = pd.read_csv(SHIPPED / UNITS_FILE)
    assert len(units) == 4 * 20
    for wave, part in units.groupby("wave"):
        responses = shipped.responses[str(wave)]
        counted = responses.groupby(["service", "unit"]).size()
        told = part.set_index(["service", "unit"])["n_responded"]
        assert counted.to_dict() == told.loc[told > 0].to_dict()
        assert (part["n_responded"] <= part["n_invited"]).all()
        assert part["service_name"].str.endswith("(synthetic)").all()
    services = units.pivot_table(index="unit", columns="wave", values="service", aggfunc="first")
    moved = services.loc[services.apply(lambda row: len(set(row)) > 1, axis=1)]
    assert moved[[wave.code for wave in STUDY.waves]].to_numpy().tolist() == [["pine", "pine", "rowan", "rowan"]]
    # On purpose some units are too small for a mean, and some for a distribution.
    least = units.groupby("unit")["n_responded"].min()
    assert ((least < 5).any(), ((least >= 5) & (least < 10)).any()) == (True, True)
    assert (units["n_invited"].min(), units["n_invited"].max()) == (4, 30)


def test_the_shipped_answers_scatter_around_what_was_planted(shipped: SyntheticWaves) -> None:
    deviations = []
    for wave in STUDY.waves:
        observed = scores(shipped, wave.code)
        expected = shipped.expected.loc[wave.code]
        for _, people in observed.groupby("service"):
            for scale in SCALES:
                scored = people[scale].dropna()
                told = expected.loc[people.loc[scored.index, "unit"], scale].to_numpy()
                residual = scored.to_numpy() - told
                deviations.append(residual.mean() / (residual.std(ddof=1) / np.sqrt(len(residual))))
    assert len(deviations) == 4 * 4 * 6
    assert np.abs(deviations).max() < 4
    assert np.sqrt(np.mean(np.square(deviations))) == pytest.approx(1, abs=0.2)


# The draw


def test_planted_differences_are_found_in_a_large_draw(large: SyntheticWaves) -> None:
    for wave in STUDY.waves:
        means = scores(large, wave.code).groupby("unit")[SCALES].mean()
        expected = large.expected.loc[wave.code]
        big = large.units.query("wave == @wave.code and n_responded >= 300")["unit"]
        # Where people leave one item of a scale out, the mean of the others has another expectation.
        assert np.abs(means.loc[big, SCALES] - expected.loc[big, SCALES]).to_numpy().max() < 4
        assert np.abs((means.loc[big, SCALES] - expected.loc[big, SCALES]).mean()).max() < 1


def test_each_effect_moves_its_people_from_its_wave_on_and_nobody_else() -> None:
    for wave in STUDY.waves:
        at = STUDY.waves.index(wave)
        whole = pd.DataFrame(planted(LOADED, wave), index=[unit.code for unit in STUDY.units], columns=LOADED.factors)
        assert (whole.loc[[f"unit-{n}" for n in range(17, 21)], "LS"] == -0.9).all()
        assert whole["CC"].eq(0.5).sum() == (5 if at < 2 else 6)
        assert whole.loc["unit-10", "CC"] == (0.0 if at < 2 else 0.5)
        assert whole.loc["unit-01", "CI"] == pytest.approx([0, 0, 0.6, 1.0][at])
        assert (whole["ZE"] == (0.25 if at >= 2 else 0)).all()
        assert whole.loc["unit-13", "TB"] == (-1.2 if at == 3 else 0)
        assert (whole["HB"] == 0).all()
    effect = STUDY.effects[0]
    without = planted(LOADED, STUDY.waves[0], without=effect)
    assert without[:, LOADED.factors.index("LS")].tolist() == [0.0] * 20


def test_the_datasheet_turns_effects_into_points() -> None:
    effects = yaml(FACTS_FILE)["effects"]
    assert [set(one["points"]) for one in effects] == [{one["factor"]} for one in effects]
    assert all(np.sign(one["points"][one["factor"]]) == np.sign(one["shift"]) for one in effects)
    expected = yaml(FACTS_FILE)["expected_scores"]
    rise = expected["spring-2026"]["services"]["birch"]["CI"] - expected["autumn-2025"]["services"]["birch"]["CI"]
    assert rise == pytest.approx(effects[2]["points"]["CI"], abs=0.11)
    fall = expected["autumn-2026"]["units"]["unit-13"]["TB"] - expected["spring-2026"]["units"]["unit-13"]["TB"]
    assert fall == pytest.approx(effects[5]["points"]["TB"], abs=0.11)


def test_an_effect_that_meets_nobody_moves_no_points() -> None:
    effect = {"factor": "HB", "shift": 1, "service": "pine", "unit": "unit-01", "told": "Nobody is in both."}
    files = wave_set_files(simulate_waves(changed(effects=[effect]), seed=1), command="eot")
    assert YAML(typ="safe").load(files[FACTS_FILE])["effects"][0]["points"] == {}


def test_expected_scores_are_those_of_a_large_sample_with_reversed_items_too() -> None:
    bfi = load(Path(__file__).parents[2] / "instruments" / "bfi" / "1.0.0")
    population = default_population(bfi).model_copy(update={"unanswered": 0.0, "careless": 0.0, "unit_icc": {}})
    effect = np.linspace(-0.4, 0.4, len(population.factors))
    from toolkit.validation.synthetic import N_STREAMS, draw_answers

    n = 40_000
    answers, _, careless = draw_answers(
        bfi,
        population,
        ids=[str(number) for number in range(n)],
        unit=np.zeros(n, dtype=np.int64),
        effects=effect[None, :],
        streams=np.random.default_rng(4).spawn(N_STREAMS),
    )
    means = score(bfi, answers.astype("float64")).scores.mean()
    assert careless == ()
    for scale, expected in expected_scores(bfi, population, effect).items():
        assert means[scale] == pytest.approx(expected, abs=0.5)


def test_units_answer_as_readily_as_their_response_rates_say(large: SyntheticWaves) -> None:
    sums = large.units.groupby("unit")[["n_invited", "n_responded"]].sum()
    realised = sums["n_responded"] / sums["n_invited"]
    planned = pd.Series({unit.code: unit.response_rate for unit in STUDY.units})
    np.testing.assert_allclose(realised, planned[realised.index], atol=0.03)


def test_professions_and_positions_find_items_not_relevant(large: SyntheticWaves) -> None:
    answers = large.responses["autumn-2025"].drop(index=list(large.careless), errors="ignore")
    plain = answers.loc[~answers["position"].isin(["manager", "adviser"])]
    for profession, share in (("nursing", 0.22), ("other_health", 0.10), ("psychology", 0.0)):
        people = plain.loc[plain["profession"] == profession, ["CI2", "CI3", "CI5"]]
        assert (people == -7).to_numpy(na_value=False).mean() == pytest.approx(share, abs=0.02)
    assert len(large.careless) / 48_000 == pytest.approx(0.05, abs=0.005)


def test_one_seed_gives_one_draw_and_a_wave_more_does_not_move_the_others(shipped: SyntheticWaves) -> None:
    again, other = simulate_waves(LOADED, seed=2026), simulate_waves(LOADED, seed=2027)
    assert again.to_csv("spring-2025") == shipped.to_csv("spring-2025") != other.to_csv("spring-2025")
    effects = [effect.model_dump() for effect in STUDY.effects if effect.from_wave != "autumn-2026"]
    waves = [wave.model_dump() for wave in STUDY.waves]
    whole, shorter = (simulate_waves(changed(waves=waves[:number], effects=effects), seed=2026) for number in (4, 3))
    for wave in STUDY.waves[:3]:
        # Fewer people in all have shorter ids.
        before, after = (data.responses[wave.code].reset_index(drop=True) for data in (whole, shorter))
        pd.testing.assert_frame_equal(after, before)


def test_units_stay_as_they_are_from_wave_to_wave() -> None:
    data = simulate_waves(changed(effects=[]), seed=5)
    same = data.effects
    np.testing.assert_array_equal(same["autumn-2025"], same["autumn-2026"])
    assert np.abs(same["autumn-2025"]).min() > 0
    np.testing.assert_allclose(same["spring-2025"], same["autumn-2025"])


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(StatisticsError) as refusal:
        simulate_waves(LOADED, seed=seed)
    assert refusal.value.codes == (Code.STA_OPTION_RANGE,)


# The file


def entries(key: str, number: int, **changes: Any) -> dict[str, Any]:
    """One key of the study with its ``number``-th entry changed."""
    written = [entry.model_dump() for entry in getattr(STUDY, key)]
    written[number] |= changes
    return {key: written}


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (entries("units", 1, code="unit-01"), "units", "the same code"),
        (entries("units", 1, name="Community team 01"), "units", "the same name"),
        (entries("services", 1, code="birch"), "services", "birch"),
        (entries("waves", 1, code="spring-2025"), "waves", "the same code"),
        (entries("units", 0, service="oak"), "units[unit-01].service", "oak"),
        (entries("waves", 0, instrument="eomhs@1.1.0"), "waves[spring-2025].instrument", "eomhs@1.1.0"),
        (entries("waves", 0, moves={"unit-99": "pine"}), "waves[spring-2025].moves", "unit-99"),
        (entries("waves", 0, moves={"unit-01": "oak"}), "waves[spring-2025].moves", "oak"),
        (entries("waves", 0, n_respondents=377), "waves[spring-2025].n_respondents", "up to 376"),
        (entries("waves", 1, asked_on="2025-03-17"), "waves[autumn-2025].asked_on", "after 2025-03-17"),
        (entries("waves", 0, instrument="eomhs@1.0.0"), "populations", "eomhs@0.9.0"),
        (entries("effects", 0, factor="XX"), "effects[number 1].factor", "XX"),
        (entries("effects", 0, service="oak"), "effects[number 1].service", "oak"),
        (entries("effects", 0, unit="unit-99"), "effects[number 1].unit", "unit-99"),
        (entries("effects", 0, from_wave="spring-2027"), "effects[number 1].from_wave", "spring-2027"),
    ],
)
def test_a_study_that_contradicts_itself_is_refused(change: dict[str, Any], key: str, words: str) -> None:
    check_study(LOADED)
    with pytest.raises(StatisticsError) as refusal:
        check_study(changed(**change))
    assert set(refusal.value.codes) == {Code.STA_STUDY}
    told = next(problem for problem in refusal.value.problems if problem.key == key)
    assert words in str(told)
    assert told.fix


def test_populations_with_other_factors_are_refused() -> None:
    other = LOADED.populations["eomhs@0.9.0"]
    loadings = {item: {"ALL": next(iter(row.values()))} for item, row in other.loadings.items()}
    populations = {**LOADED.populations, "eomhs@1.0.0": other.model_copy(update={"loadings": loadings})}
    with pytest.raises(StatisticsError, match=r"populations\.eomhs@1\.0\.0"):
        check_study(replace(LOADED, populations=populations))


def test_a_written_study_is_read_back_the_same(tmp_path: Path) -> None:
    for file in SHIPPED.glob("population-*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "study.yaml").write_text(write_study(STUDY), encoding="utf-8")
    again = read_study(tmp_path / "study.yaml", load)
    assert again.study == STUDY
    assert again.populations == LOADED.populations


def test_a_broken_study_file_is_refused_with_its_lines(tmp_path: Path) -> None:
    text = (SHIPPED / STUDY_FILE).read_text(encoding="utf-8")
    path = tmp_path / "study.yaml"
    path.write_text(
        text.replace("n_invited: 30", "n_invited: many").replace("shift: -0.9", "size: 1"), encoding="utf-8"
    )
    with pytest.raises(StatisticsError) as refusal:
        read_study(path, load)
    assert set(refusal.value.codes) == {Code.STA_STUDY}
    assert {problem.key for problem in refusal.value.problems} == {
        *("units[Community team 01].n_invited", "effects[number 1].shift", "effects[number 1].size"),
    }
    assert all(problem.line and problem.file == str(path) for problem in refusal.value.problems)
    # The populations are looked for beside the study.
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StatisticsError) as refusal:
        read_study(path, load)
    assert refusal.value.codes == (Code.STA_POPULATION_UNREADABLE,)

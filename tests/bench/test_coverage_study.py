"""The engine of the coverage studies: it resumes, repeats itself, and shows rates with their error."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tests.bench.coverage_study import Study, as_markdown, load, main, monte_carlo_error, rewritten, run


def toy(calls: list[float], design: str = "coin") -> Study:
    """Three quarters of the draws are hits."""

    def replicate(random: np.random.Generator) -> dict[str, bool]:
        draw = float(random.uniform())
        calls.append(draw)
        return {"low": draw < 0.75, "never": False}

    return Study(family="Toy", name="toy", design=(design,), columns=("kind",), nominal="75 %", replicate=replicate)


def test_a_run_goes_on_where_it_was_and_repeats_itself(tmp_path: Path) -> None:
    calls: list[float] = []
    run(toy(calls), 30, tmp_path)
    assert load(toy([]), tmp_path).n == 30
    record = run(toy(calls), 50, tmp_path)
    assert len(calls) == record.n == 50
    whole: list[float] = []
    assert run(toy(whole), 50, tmp_path / "other").hits == record.hits
    assert whole == calls
    run(toy(calls), 50, tmp_path)
    assert len(calls) == 50


def test_a_changed_design_starts_anew(tmp_path: Path) -> None:
    run(toy([]), 30, tmp_path)
    assert load(toy([], design="die"), tmp_path).n == 0


def test_what_is_stored_are_the_replications(tmp_path: Path) -> None:
    calls: list[float] = []
    run(toy(calls), 25, tmp_path)
    kept = json.loads((tmp_path / "toy.json").read_text(encoding="utf-8"))
    assert kept["hits"]["low"] == [int(draw < 0.75) for draw in calls]
    assert kept["hits"]["never"] == [0] * 25


def test_tables_show_rates_with_their_error(tmp_path: Path) -> None:
    study = toy([])
    record = run(study, 400, tmp_path)
    table = as_markdown([study], {"toy": record})
    rate = np.mean(record.hits["low"])
    assert f"| coin | 400 | {100 * rate:.1f} ({100 * monte_carlo_error(rate, 400):.1f}) | 0.0 (0.0) |" in table
    assert monte_carlo_error(0.95, 1000) == pytest.approx(0.0069, abs=1e-4)
    page = rewritten("# Title\n\nText.\n", table)
    assert rewritten(page, "new\n") == rewritten("# Title\n\nText.\n", "new\n")


def test_the_studies_of_reliability_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    found = import_module("coverage_of_reliability").studies()
    assert len({study.name for study in found}) == len(found) == 12
    for study in found[::5]:
        hits = study.replicate(np.random.default_rng(1))
        assert {"alpha, Feldt", "alpha, bootstrap", "omega (ML), delta"} <= set(hits)
        assert ("categorical omega, delta" in hits) == (study.design[0] != "normal")


def test_the_studies_of_persons_in_units_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    found = import_module("coverage_of_clusters").studies()
    assert len({study.name for study in found}) == len(found) == 11
    for study in (found[0], found[6], found[7]):
        hits = study.replicate(np.random.default_rng(1))
        assert list(hits) == [
            *("alpha, Feldt", "alpha, units", "omega (ML), delta", "omega (ML), units", "ICC(1) of the score"),
        ]


def test_the_command_runs_what_is_asked_and_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    page = tmp_path / "page.md"
    page.write_text("# Title\n", encoding="utf-8")
    store = tmp_path / "store"
    main(["--replications", "2", "--only", "normal-equal", "--store", str(store), "--write", str(page)])
    assert len(list(store.iterdir())) == 3
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Title")
    assert "| normal | equal (.6) | 200 | 2 |" in text
    assert "## Reliability of six items" in capsys.readouterr().out


def test_the_studies_of_confirmatory_models_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    rates = import_module("cfa_rejection_rates")
    found = rates.studies()
    assert len({study.name for study in found}) == len(found) == 45
    for study in found:
        assert len(study.design) == len(study.columns)
    of_family = {study.family: study for study in reversed(found) if study.design[-1] == "500"}
    assert len(of_family) == 6
    for study in of_family.values():
        values = study.replicate(np.random.default_rng(1))
        assert values["no solution"] is False
        assert all(isinstance(value, (bool, float)) for value in values.values())
        assert len(values) > 2


def test_a_sample_without_a_solution_is_counted_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    rates = import_module("cfa_rejection_rates")

    def now_and_then(random: np.random.Generator) -> dict[str, bool | float]:
        if random.uniform() < 0.5:
            raise ArithmeticError
        return {"rejected": True, "bias": 0.5}

    study = replace(toy([]), replicate=rates.counted(now_and_then))
    record = run(study, 40, tmp_path)
    lost = sum(record.hits["no solution"])
    assert 5 < lost < 35
    assert record.n == 40
    assert record.hits["rejected"] == [1] * (40 - lost)
    assert "100.0 (0.0) | 0.5000 (0.0000) |" in as_markdown([study], {"toy": record})
    assert load(study, tmp_path).hits == record.hits


def test_the_page_of_confirmatory_models_shows_every_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    page = (Path(__file__).resolve().parents[2] / "docs" / "confirmatory-models.md").read_text(encoding="utf-8")
    tables = page.split("<!-- tables: written by tests/bench/coverage_study.py -->")[1]
    for study in import_module("cfa_rejection_rates").studies():
        assert f"### {study.family}\n" in tables
        assert f"| {' | '.join(study.design)} | " in tables, study.name

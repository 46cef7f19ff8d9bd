"""Figures of a wave rest on ten people or more: nothing about fewer is in the page, the numbers or the tables."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from toolkit import instruments
from toolkit.errors import Code, ResponsesError
from toolkit.instruments import Instrument
from toolkit.reporting.validation_report import validation_report_files
from toolkit.validation import ValidationPlan, ValidationRun, validate

QUICK = ValidationPlan(n_datasets=20)
FLOOR = 10


@pytest.fixture(scope="module")
def eomhs() -> Instrument:
    return instruments.load("eomhs@1.0.0")


def answers(instrument: Instrument, n: int) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    level = rng.normal(size=(n, 1))
    drawn = np.clip(np.round(3 + level + rng.normal(size=(n, len(instrument.item_codes)))), 1, 5)
    return pd.DataFrame(drawn, index=[f"p{number}" for number in range(n)], columns=list(instrument.item_codes))


def protected(instrument: Instrument, frame: pd.DataFrame, plan: ValidationPlan = QUICK) -> ValidationRun:
    return validate(instrument, frame, plan=plan, smallest_group=FLOOR)


def test_too_few_people_are_refused_without_saying_how_few(eomhs: Instrument) -> None:
    frame = answers(eomhs, FLOOR)
    assert protected(eomhs, frame).data.n_persons == FLOOR
    messages = set()
    for n in (4, 9):
        with pytest.raises(ResponsesError) as refusal:
            protected(eomhs, frame.iloc[:n])
        assert refusal.value.codes == (Code.RSP_TOO_FEW_RESPONDENTS,)
        messages.add(str(refusal.value))
    with pytest.raises(ResponsesError) as refusal:
        protected(eomhs, frame.assign(**dict.fromkeys(eomhs.item_codes, np.nan)))
    messages.add(str(refusal.value))
    (message,) = messages
    assert "Not shown: too few answers or none" in message


def test_an_item_with_few_answers_reads_like_one_with_none(eomhs: Instrument) -> None:
    frame = answers(eomhs, 40)
    frame.loc["p10":, "HB2"] = np.nan
    assert protected(eomhs, frame).to_dict()["items"]["HB2"]["missing"]["answered"] == 10
    few = frame.copy()
    few.loc["p9":, "HB2"] = np.nan
    few.loc["p9":"p12", "HB2"] = -8
    none = frame.assign(HB2=np.nan)
    shown, nothing = protected(eomhs, few).to_dict(), protected(eomhs, none).to_dict()
    assert shown["content_sha256"] == nothing["content_sha256"]
    assert shown["items"]["HB2"]["missing"] == {
        **dict.fromkeys(("answered", "not_relevant", "dont_know", "prefer_not"), 0),
        "unanswered": 40,
    }
    (note,) = [line for line in shown["warnings"] if line.get("item") == "HB2"]
    assert note["code"] == Code.STA_ALL_MISSING_ITEM
    assert "got" not in note


def test_statistics_of_few_people_are_left_out(eomhs: Instrument) -> None:
    frame = answers(eomhs, 40)
    listwise = ValidationPlan(n_datasets=20, missing="listwise")
    whole = protected(eomhs, frame, listwise)
    assert whole.not_computed == ()
    assert all(scale.alpha is not None for scale in whole.scales.values())
    # Nine people answered every item of the first scale; everybody else left out one, each item by some.
    for number in range(9, 40):
        frame.iloc[number, number % 5] = np.nan
    found = protected(eomhs, frame, listwise)
    assert (found.scales["HB"].alpha, found.scales["HB"].omega, found.scales["HB"].item_analysis) == (None, None, None)
    assert found.scales["TB"].alpha.n_persons == 40
    assert found.structure.n_persons == 9
    assert (found.structure.kaiser_meyer_olkin, found.structure.parallel, found.structure.efa) == (None, None, None)
    assert {line.of for line in found.replication} == set(eomhs.scales) - {"HB"}
    reasons = {problem.what for absent in found.not_computed for problem in absent.problems}
    assert reasons == {"Not shown: too few answers or none."}
    # Without the rule the same answers give numbers about nine people.
    assert validate(eomhs, frame, plan=listwise).scales["HB"].alpha.n_persons == 9
    assert protected(eomhs, frame).scales["HB"].alpha.n_persons == 40


def test_a_scale_with_few_scores_shows_none(eomhs: Instrument) -> None:
    frame = answers(eomhs, 40)
    frame.loc["p10":, list(eomhs.scales["LS"].items)] = np.nan
    assert protected(eomhs, frame).scales["LS"].scores.n_scored == 10
    frame.loc["p9", list(eomhs.scales["LS"].items)[:3]] = np.nan
    # Every item still has nine answers at most or ten, but only nine people have a score.
    run = protected(eomhs, frame)
    scores = run.scales["LS"].scores
    assert (scores.n_scored, scores.status, set(scores.counts)) == (0, {}, {0})
    assert np.isnan([scores.mean, scores.minimum, scores.share_lowest]).all()
    assert run.scales["HB"].scores.n_scored == 40


def test_a_few_people_cannot_be_found_as_the_difference_of_two_alphas(eomhs: Instrument) -> None:
    frame = answers(eomhs, 40)
    frame.loc["p0":"p9", "CI1"] = -7
    lines = {line.rule: line for line in protected(eomhs, frame).scales["CI"].sensitivity}
    assert {rule: line.n_persons for rule, line in lines.items()} == {
        "pairwise": 40,
        "listwise": 30,
        "pairwise_without_structural": 30,
    }
    frame.loc["p9", "CI1"] = 3
    lines = {line.rule: line for line in protected(eomhs, frame).scales["CI"].sensitivity}
    assert lines["pairwise"].n_persons == 40
    assert {lines[rule].n_persons for rule in ("listwise", "pairwise_without_structural")} == {0}
    assert np.isnan(lines["listwise"].estimate)


def test_a_few_people_cannot_be_found_as_the_difference_of_two_coefficients(eomhs: Instrument) -> None:
    frame = answers(eomhs, 40)
    frame.loc["p0":"p9", "CI1"] = np.nan

    def found() -> dict[str, int]:
        run = protected(eomhs, frame)
        assert [absent.scale for absent in run.not_computed if absent.statistic == "measurement_error"] == hidden
        return {line.name: line.n_persons for line in run.scales["CI"].coefficients}

    hidden: list[str] = []
    assert found()["standard_error"] == 30
    frame.loc["p9", "CI1"] = 3
    hidden = ["CI"]
    assert set(found().values()) == {40}
    assert "standard_error" not in found()
    # Nine people answered every item of the scale.
    for item, first, last in (("CI1", 0, 9), ("CI2", 10, 19), ("CI3", 20, 30)):
        frame.loc[f"p{first}" : f"p{last}", item] = np.nan
    assert "standard_error" not in found()
    files = validation_report_files(protected(eomhs, frame))
    rows = files["tables/coefficients.csv"].splitlines()
    assert any(row.startswith("TB,standard_error") for row in rows)
    assert not any(row.startswith("CI,standard_error") for row in rows)


def test_the_files_say_what_is_protected_and_hold_no_unit(eomhs: Instrument) -> None:
    frame = answers(eomhs, 40).assign(unit=["Team Hidden"] * 3 + ["Team Large"] * 37, language="en")
    frame.loc["p9":, "HB2"] = np.nan
    files = validation_report_files(protected(eomhs, frame))
    assert "figures on fewer than 10 of them are left out" in files["report.html"]
    assert [name for name, content in files.items() if re.search("Team|p39", content)] == []
    results = json.loads(files["results.json"])
    assert results["data"]["smallest_group"] == FLOOR
    open_files = validation_report_files(validate(eomhs, frame, plan=QUICK))
    assert "are left out, and items" not in open_files["report.html"]
    assert json.loads(open_files["results.json"])["data"]["smallest_group"] == 0

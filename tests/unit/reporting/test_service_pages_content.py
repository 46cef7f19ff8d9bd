"""What service pages draw, tabulate and say: the same numbers everywhere, and nothing that is hidden anywhere."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit import comparison, instruments
from toolkit.comparison.results import Comparison, Distributions, ResponseRates
from toolkit.instruments import Instrument
from toolkit.reporting.drawing import Draft, svg
from toolkit.reporting.service_charts import answers_chart, break_sentences, changes_chart, trend_chart, units_chart
from toolkit.reporting.service_findings import what_can_we_say
from toolkit.reporting.service_labels import Labels, labels_of, notes_on
from toolkit.reporting.service_tables import changes_table, levels_table, rates_table, shares_table, units_table
from toolkit.reporting.words import FOLDER, languages_of

LANGUAGES = languages_of(FOLDER)
SIZES = {"large": 30, "other": 24, "small": 4, "tiny": 3, "ten": 12}
"""People of each unit in each wave; two units of one service lie below the floor."""
SERVICE = {"large": "north", "other": "north", "small": "south", "tiny": "south", "ten": "south"}
WAVES = ("w1", "w2", "w3")
VERSIONS = {"w1": "0.9.0", "w2": "1.0.0", "w3": "1.0.0"}


@dataclass(frozen=True)
class Study:
    """Three waves, the first on another version; daily integration rises by a point of five in the last."""

    instruments: tuple[Instrument, ...]
    answers: pd.DataFrame
    comparison: Comparison
    distributions: Distributions
    rates: ResponseRates

    def labels(self, language: str = "en") -> Labels:
        return labels_of(
            self.instruments,
            language=language,
            groups={one: f"Unit {one}" for one in SIZES} | {one: f"Service {one}" for one in set(SERVICE.values())},
            waves=dict(zip(WAVES, ("Spring", "Summer", "Autumn"), strict=True)),
        )


@pytest.fixture(scope="module")
def study() -> Study:
    versions = {version: instruments.load(f"eomhs@{version}") for version in ("0.9.0", "1.0.0")}
    rng = np.random.default_rng(20261124)
    parts = []
    for wave in WAVES:
        items = versions[VERSIONS[wave]].item_codes
        units = np.repeat(list(SIZES), list(SIZES.values()))
        part = pd.DataFrame(rng.integers(2, 5, size=(len(units), len(items))).astype(float), columns=list(items))
        if wave == "w3":
            part.loc[:, [item for item in items if item.startswith("CI")]] += 1
        context = {"unit": units, "service": [SERVICE[unit] for unit in units], "wave": wave}
        parts.append(part.assign(**context, version=VERSIONS[wave], language="en"))
    answers = pd.concat(parts, ignore_index=True)
    answers["wave"] = pd.Categorical(answers["wave"], categories=list(WAVES), ordered=True)
    answers.index.name = "respondent"
    counts = answers.groupby(["wave", "service", "unit"], observed=True).size().rename("submitted").reset_index()
    counts["invited"] = counts["submitted"] * 2
    both = tuple(versions.values())
    return Study(
        instruments=both,
        answers=answers,
        comparison=comparison.compare(both, answers),
        distributions=comparison.distributions(both, answers),
        rates=comparison.response_rates(counts),
    )


def values_of(draft: Draft) -> list[dict[str, Any]]:
    """Return every row of data that a chart takes to the browser."""
    found: list[dict[str, Any]] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("data"), dict):
                found.extend(node["data"].get("values", []))
            for rows in node.get("datasets", {}).values():
                found.extend(rows)
            for child in node.values():
                walk(child)
        elif isinstance(node, list):
            for child in node:
                walk(child)

    walk(draft.chart.to_dict())
    return found


# --- nothing hidden leaves


def true_means(study: Study, scale: str, wave: str) -> dict[str, float]:
    """Return the means of all units, hidden ones too, by plain arithmetic."""
    version = next(one for one in study.instruments if one.version == VERSIONS[wave])
    rows = study.answers[study.answers["wave"] == wave]
    scores = (rows[list(version.scales[scale].items)].mean(axis=1) - 1) / 4 * 100
    return scores.groupby(rows["unit"]).mean().to_dict()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_shown_unit_is_in_every_form_and_a_hidden_one_in_none(study: Study, language: str) -> None:
    labels = study.labels(language)
    means = true_means(study, "HB", "w2")
    chart = units_chart(study.comparison, scale="HB", wave="w2", parent=None, labels=labels)
    table = units_table(study.comparison, scale="HB", wave="w2", parent=None, labels=labels)
    everything = json.dumps(chart.chart.to_dict()) + chart.alternative + table.to_csv()
    drawn = {row["group"]: row for row in values_of(chart) if "at" in row and row["kind"] == labels.words["raw"]}
    for unit in ("large", "other", "ten"):
        assert drawn[f"Unit {unit}"]["at"] == pytest.approx(means[unit])
        assert drawn[f"Unit {unit}"]["n"] == SIZES[unit]
    for unit in ("small", "tiny"):
        assert f"Unit {unit}" not in drawn
        assert f"{means[unit]:.4f}" not in everything
        row = table.rows[[row[0] for row in table.rows].index(f"Unit {unit}")]
        assert set(row[1:]) == {"–"}
        assert (
            f"Unit {unit}: {labels.words['not_shown'].split(':')[0].lower()}"
            in chart.alternative.lower().replace("unit ", "Unit ")
            or labels.words["unit_hidden"].format(group=f"Unit {unit}") in chart.alternative
        )


def test_a_leaders_scale_needs_ten_in_what_can_be_subtracted_too(study: Study) -> None:
    frame = study.comparison.levels
    shown = frame[frame["wave"] == "w2"].set_index(["group", "scale"])["shown"]
    assert shown["large", "LS"]
    assert shown["ten", "HB"]
    # The two small units are 7 people together: enough for a mean, too few for a rating of a leader. So the third
    # unit of the service hides with them.
    assert not shown["ten", "LS"]
    assert not shown["small"].any()


def test_answers_of_a_hidden_unit_are_not_drawn(study: Study) -> None:
    labels = study.labels()
    version = study.instruments[1]
    chosen: dict[str, Any] = {"kind": "unit", "wave": "w2", "labels": labels}
    assert answers_chart(study.distributions, version, scale="HB", group="large", **chosen) is not None
    assert answers_chart(study.distributions, version, scale="HB", group="small", **chosen) is None
    items = version.scales["HB"].items
    table = shares_table(study.distributions, scale="HB", items=items, group="small", **chosen)
    assert {cell for row in table.rows for cell in row[1:]} == {"–"}


def test_a_hidden_response_rate_hides_its_count(study: Study) -> None:
    labels = study.labels()
    table = rates_table(study.rates, wave="w2", parent="south", labels=labels)
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["Service south"] == ["38", "19", "50"]
    assert rows["Unit small"] == ["8", "–", "–"]
    assert rows["Unit tiny"] == ["6", "–", "–"]
    assert list(rows) == ["Service south", "Unit small", "Unit ten", "Unit tiny"]


# --- lines break where versions do


def test_the_line_breaks_between_versions_and_says_why(study: Study) -> None:
    labels = study.labels()
    chart = trend_chart(study.comparison, scale="CI", kind="all", group="", labels=labels)
    points = [row for row in values_of(chart) if "segment" in row]
    segments = {row["wave"]: row["segment"] for row in points}
    assert segments["Spring"] != segments["Summer"] == segments["Autumn"]
    assert {"place": 0.5} in values_of(chart)
    sentence = (
        "The line breaks between Spring and Summer: the questionnaire changed (version 0.9.0 to 1.0.0), and nobody has "
        "shown that the scores mean the same."
    )
    assert break_sentences(study.comparison, scales=study.comparison.scales, labels=labels) == [sentence]
    assert sentence in chart.alternative


def test_a_line_does_not_cross_a_hidden_wave(study: Study) -> None:
    levels = study.comparison.levels.copy()
    hidden = (levels["scale"] == "HB") & (levels["kind"] == "all") & (levels["wave"] == "w2")
    assert hidden.sum() == 1
    levels.loc[hidden, "shown"] = False
    changed = replace(study.comparison, levels=levels)
    chart = trend_chart(changed, scale="HB", kind="all", group="", labels=study.labels())
    points = [row for row in values_of(chart) if "segment" in row]
    assert [row["wave"] for row in points] == ["Spring", "Autumn"]
    assert points[0]["segment"] != points[1]["segment"]
    assert "Summer: not shown, too few answers or none" in chart.alternative


def test_no_change_is_drawn_or_told_across_a_break(study: Study) -> None:
    labels = study.labels()
    chosen: dict[str, Any] = {"kind": "all", "group": "", "wave_from": "w1", "wave_to": "w2", "labels": labels}
    chart = changes_chart(study.comparison, **chosen)
    assert [row for row in values_of(chart) if "difference" in row] == []
    table = changes_table(study.comparison, **chosen)
    assert {tuple(row[1:5]) for row in table.rows} == {("–", "–", "–", "–")}
    assert all("nobody has shown" in row[5] for row in table.rows)
    first, second = what_can_we_say(study.comparison, **chosen)
    assert first.startswith("From Spring to Summer no change is stated: the questionnaire changed (version 0.9.0 to")
    assert second == labels.words["say_nothing_then"]


# --- what can we say?


def test_a_planted_rise_is_told_with_its_interval(study: Study) -> None:
    labels = study.labels()
    chosen: dict[str, Any] = {"kind": "all", "group": "", "wave_from": "w2", "wave_to": "w3", "labels": labels}
    row = study.comparison.changes.query("kind == 'all' and wave_from == 'w2' and scale == 'CI'").iloc[0]
    assert 20 < row["difference"] < 30
    first, second = what_can_we_say(study.comparison, **chosen)
    told = f"Daily integration rose by {row['difference']:.1f} points ({row['low']:.1f} to {row['high']:.1f})"
    assert first == f"From Summer to Autumn, {told}."
    others = study.comparison.changes.query(
        "kind == 'all' and wave_from == 'w2' and scale != 'CI' and span == 'adjacent'"
    )
    most = others[["low", "high"]].abs().max(axis=None)
    assert f"up to {most:.1f} points" in second
    assert "95%" in second


def test_a_fall_is_told_as_an_amount(study: Study) -> None:
    turned = study.answers.copy()
    turned["wave"] = turned["wave"].cat.rename_categories({"w2": "w3", "w3": "w2"}).cat.reorder_categories(WAVES)
    found = comparison.compare(study.instruments, turned)
    first, _ = what_can_we_say(found, kind="all", group="", wave_from="w2", wave_to="w3", labels=study.labels())
    amount, low, high = (
        float(part.strip("("))
        for part in first.split(" points")[0].split()[-1:] + first.split("(")[1].split(")")[0].split(" to ")
    )
    assert "fell by" in first
    assert 0 < low < amount < high


def test_no_clear_change_is_no_proof(study: Study) -> None:
    chosen: dict[str, Any] = {"kind": "unit", "group": "ten", "wave_from": "w2", "wave_to": "w3"}
    quiet = study.answers.copy()
    daily = [column for column in quiet if str(column).startswith("CI")]
    quiet.loc[quiet["wave"] == "w3", daily] -= 1
    found = comparison.compare(study.instruments, quiet)
    first, second = what_can_we_say(found, labels=study.labels(), **chosen)
    assert first == "From Summer to Autumn, none of the 5 scales that can be compared changed clearly."
    assert second.startswith("That is no proof that nothing changed: the 95% intervals still allow changes of up to ")


def test_a_hidden_group_is_told_nothing_about(study: Study) -> None:
    first, second = what_can_we_say(
        study.comparison, kind="unit", group="small", wave_from="w2", wave_to="w3", labels=study.labels()
    )
    assert first == "From Summer to Autumn no change is shown: too few answers or none."
    assert second == "A larger group may be shown."


def test_sentences_in_bokmal_use_its_numbers(study: Study) -> None:
    first, second = what_can_we_say(
        study.comparison, kind="all", group="", wave_from="w2", wave_to="w3", labels=study.labels("nb")
    )
    assert first.startswith("Fra Summer til Autumn: Integrering i hverdagen steg med 2")
    assert "," in first.split("med ")[1].split(" poeng")[0]
    assert "95\N{NO-BREAK SPACE}%" in second


# --- what must be known


def test_pooled_languages_and_a_move_are_told_by_name(study: Study) -> None:
    assert notes_on(study.comparison, study.labels(), kind="all", group="") == []
    moved = study.answers.copy()
    moved.loc[(moved["unit"] == "ten") & (moved["wave"] == "w3"), "service"] = "north"
    moved.loc[moved.index[::2], "language"] = "nb"
    found = comparison.compare(study.instruments, moved)
    assert notes_on(found, study.labels(), kind="unit", group="large") == [study.labels().words["note_languages"]]
    assert notes_on(found, study.labels(), kind="service", group="south") == [
        study.labels().words["note_languages"],
        "From Autumn on Unit ten belongs to Service north, before that to Service south. It is followed as one unit; "
        "the changes of both services hold its move.",
    ]


# --- charts and tables


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_chart_has_words_and_becomes_a_picture(study: Study, language: str) -> None:
    labels = study.labels(language)
    change: dict[str, Any] = {"kind": "all", "group": "", "wave_from": "w2", "wave_to": "w3", "labels": labels}
    answers = answers_chart(
        study.distributions, study.instruments[1], scale="LS", kind="all", group="", wave="w3", labels=labels
    )
    assert answers is not None
    for draft in (
        trend_chart(study.comparison, scale="HB", kind="all", group="", labels=labels),
        units_chart(study.comparison, scale="HB", wave="w3", parent="north", labels=labels),
        changes_chart(study.comparison, **change),
        answers,
    ):
        draft.chart.to_dict(validate=True)
        assert len(draft.alternative) > 60
        assert "{" not in draft.alternative
        picture = svg(draft.chart.properties(width=600).to_dict())
        assert picture.startswith("<svg")
        assert "http" not in picture.replace("http://www.w3.org/", "")


def test_units_stand_in_the_order_of_their_names(study: Study) -> None:
    chart = units_chart(study.comparison, scale="HB", wave="w2", parent=None, labels=study.labels())
    spec = chart.chart.to_dict()
    order = spec["layer"][0]["encoding"]["y"]["sort"]
    assert order == sorted(order)
    assert len(order) == len(SIZES)


def test_the_middle_of_the_answers_stands_on_one_line(study: Study) -> None:
    chart = answers_chart(
        study.distributions, study.instruments[1], scale="HB", kind="all", group="", wave="w2", labels=study.labels()
    )
    assert chart is not None
    bars = [row for row in values_of(chart) if "begin" in row]
    for item in {row["item"] for row in bars}:
        parts = [row for row in bars if row["item"] == item]
        assert sum(row["share"] for row in parts) == pytest.approx(1)
        assert all(one["end"] == pytest.approx(other["begin"]) for one, other in pairwise(parts))
        assert parts[2]["begin"] + parts[2]["end"] == pytest.approx(0)


def test_a_table_holds_what_the_chart_shows(study: Study) -> None:
    labels = study.labels()
    table = levels_table(study.comparison, kind="unit", group="large", labels=labels)
    chart = trend_chart(study.comparison, scale="ZE", kind="unit", group="large", labels=labels)
    rows = table.frame[table.frame["scale"] == labels.scales["ZE"]].set_index("wave")
    for point in (row for row in values_of(chart) if "segment" in row):
        assert rows.loc[point["wave"], "mean"] == point["mean"]
        assert rows.loc[point["wave"], "n"] == point["n"]


def test_a_small_probability_is_never_nothing(study: Study) -> None:
    table = changes_table(study.comparison, kind="all", group="", wave_from="w2", wave_to="w3", labels=study.labels())
    rows = {row[0]: row for row in table.rows}
    assert rows["Daily integration"][4] == "<\N{NO-BREAK SPACE}0.001"
    assert float(table.frame.set_index("scale").loc["Daily integration", "p_adjusted"]) < 0.001

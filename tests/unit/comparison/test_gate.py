"""Where the line breaks: versions, evidence, languages, scales."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.unit.comparison.conftest import Respond
from toolkit import comparison, instruments
from toolkit.errors import Code
from toolkit.instruments import Definition, Instrument, StatedComparability

LINE = {
    "method": "mean-sigma",
    "slope": 0.9,
    "intercept": 4.0,
    "slope_se": 0.02,
    "intercept_se": 0.8,
    "anchors": ["HB1", "HB2", "HB3"],
    "n_from": 250,
    "n_to": 300,
    "sample_sha256": "0" * 64,
}


def stated(scale: str = "HB", language: str = "en", **other: Any) -> StatedComparability:
    told: Mapping[str, Any] = {
        "from": "0.9.0",
        "to": "1.0.0",
        "scale": scale,
        "language": language,
        "comparability": "identical",
        "kind": "human",
        "evidence": "a.md",
        "date": date(2026, 1, 1),
    }
    return StatedComparability.model_validate({**told, **other})


@pytest.fixture(scope="module")
def versions(respond: Respond, form: Instrument, pool: Instrument) -> dict[str, pd.DataFrame]:
    """The pool in 2024, the form in 2025 and 2026; same units."""
    sizes = {"North": [24, 20, 16, 13]}
    return {
        "0.9.0": respond({"2024": sizes}, instrument=pool, seed=2),
        "1.0.0": respond({"2025": sizes, "2026": sizes}, seed=3),
    }


def breaks(result: comparison.Comparison, scale: str = "HB") -> list[tuple[str, ...]]:
    rows = result.breaks[result.breaks["scale"] == scale]
    return list(rows[["wave_from", "wave_to", "status", "reason"]].itertuples(index=False, name=None))


def test_what_is_not_stated_breaks_the_line(
    versions: dict[str, pd.DataFrame], form: Instrument, pool: Instrument
) -> None:
    result = comparison.compare([pool, form], versions)
    assert breaks(result) == [
        ("2024", "2025", "unknown", "version_unknown"),
        ("2025", "2026", "identical", ""),
        ("2024", "2026", "unknown", "version_unknown"),
    ]
    versions_of = result.breaks[["version_from", "version_to"]].drop_duplicates()
    assert sorted(versions_of.itertuples(index=False, name=None)) == [("0.9.0", "1.0.0"), ("1.0.0", "1.0.0")]
    broken = result.changes[result.changes["wave_from"] == "2024"]
    assert set(broken["reason"]) == {"version_unknown"}
    assert broken[["n_from", "n_to", "difference", "low", "high", "p", "p_adjusted"]].isna().all(axis=None)
    assert not broken["allowed"].any()
    assert result.changes.loc[result.changes["wave_from"] == "2025", "allowed"].all()
    kinds = {finding.kind for finding in result.findings if finding.wave_from == "2024"}
    assert kinds == {"not_comparable"}
    assert result.levels.query("kind == 'unit'")["shown"].sum() == 6 * 3 * 4  # levels stand for themselves


def test_a_statement_closes_the_gap_for_its_scale_and_language_only(
    versions: dict[str, pd.DataFrame], form: Instrument, pool: Instrument
) -> None:
    result = comparison.compare([pool, form], versions, statements=[stated("HB"), stated("TB", "nb")])
    assert [row[3] for row in breaks(result, "HB")] == ["", "", ""]
    assert [row[3] for row in breaks(result, "TB")] == ["version_unknown", "", "version_unknown"]


@pytest.mark.parametrize(
    ("other", "demo", "expected"),
    [
        ({}, False, ("identical", "")),
        ({"comparability": "not_comparable"}, False, ("not_comparable", "version_not_comparable")),
        ({"kind": "synthetic"}, False, ("unknown", "synthetic_evidence")),
        ({"kind": "synthetic"}, True, ("identical", "")),
        ({"comparability": "unknown"}, False, ("unknown", "version_unknown")),
        ({"comparability": "linked", "linking": LINE}, False, ("linked", "")),
    ],
)
def test_the_kind_of_statement_decides(
    versions: dict[str, pd.DataFrame],
    form: Instrument,
    pool: Instrument,
    other: dict[str, Any],
    demo: bool,
    expected: tuple[str, str],
) -> None:
    result = comparison.compare([pool, form], versions, statements=[stated(**other)], demo=demo)
    assert breaks(result)[0][2:] == expected
    row = result.changes.query("scale == 'HB' and kind == 'all' and wave_from == '2024' and wave_to == '2025'")
    assert row["allowed"].tolist() == [expected[1] == ""]


@pytest.mark.parametrize("later_first", [False, True])
def test_linked_scores_are_compared_on_the_scale_of_the_later_version(
    respond: Respond, form: Instrument, pool: Instrument, later_first: bool
) -> None:
    first, second = ("2025", "2024") if later_first else ("2024", "2025")
    old = respond({first: {"North": [30, 25]}}, instrument=pool, seed=5)
    new = respond({second: {"North": [28, 26]}}, seed=6)
    line = stated(comparability="linked", linking=LINE)
    result = comparison.compare([pool, form], {"0.9.0": old, "1.0.0": new}, statements=[line])
    row = result.changes.query("scale == 'HB' and kind == 'all'").iloc[0]
    raw = instruments.score(pool, old).scores["HB"]
    linked, target = 4.0 + 0.9 * raw, instruments.score(form, new).scores["HB"]
    difference = (target.mean() - linked.mean()) * (-1 if later_first else 1)
    line_variance = 0.8**2 + (raw.mean() * 0.02) ** 2
    parts = [linked.var() / len(linked), target.var() / len(target)]
    se = np.sqrt(sum(parts) + line_variance)
    df = se**4 / (parts[0] ** 2 / (len(linked) - 1) + parts[1] ** 2 / (len(target) - 1))
    assert [row["difference"], row["se"], row["df"]] == pytest.approx([difference, se, df])
    assert row["p"] == pytest.approx(2 * stats.t.sf(abs(difference / se), df))
    # The level itself is the score as it was given.
    level = result.levels.query("scale == 'HB' and kind == 'all' and version == '0.9.0'")["mean"]
    assert level.tolist() == pytest.approx([raw.mean()])


def test_a_scale_that_a_version_lacks_is_never_compared(respond: Respond, form: Instrument) -> None:
    content = form.definition.model_dump(by_alias=True)
    content |= {"version": "2.0.0", "scales": [scale for scale in content["scales"] if scale["code"] != "LS"]}
    shorter = Instrument(definition=Definition.model_validate(content), texts=form.texts, definition_hash="")
    sizes = {"North": [20, 20]}
    frames = {
        "1.0.0": respond({"2024": sizes}),
        "2.0.0": respond({"2025": sizes, "2026": sizes}, instrument=shorter),
    }
    result = comparison.compare([form, shorter], frames)
    assert breaks(result, "LS") == [
        ("2024", "2025", "not_comparable", "scale_absent"),
        ("2024", "2026", "not_comparable", "scale_absent"),
    ]
    assert set(result.levels.query("scale == 'LS'")["wave"]) == {"2024"}
    assert set(result.changes.query("scale == 'LS'")["reason"]) == {"scale_absent"}


def in_languages(frame: pd.DataFrame, shares: Mapping[str, float]) -> pd.DataFrame:
    """Give the share of each wave's respondents that answered in Norwegian, spread over its units."""
    parts = []
    for wave, part in frame.groupby("wave", observed=True):
        number = np.random.default_rng(1).permutation(len(part))
        norwegian = number < round(shares[str(wave)] * len(part))
        parts.append(part.assign(language=np.where(norwegian, "nb", "en")))
    return pd.concat(parts)


@pytest.mark.parametrize(
    ("before", "after", "reason", "warned"),
    [
        (0.0, 0.0, "", False),
        (0.5, 0.5, "", True),
        (0.5, 0.58, "", True),
        (0.4, 0.6, "language_mix", True),
        (0.0, 1.0, "language_mix", True),
        (0.0, 0.04, "", False),
    ],
)
def test_a_shift_of_languages_breaks_the_line_and_a_mix_is_told(
    respond: Respond, form: Instrument, before: float, after: float, reason: str, warned: bool
) -> None:
    sizes = {"North": [25, 25, 25, 25]}
    frame = in_languages(respond({"2024": sizes, "2025": sizes}), {"2024": before, "2025": after})
    result = comparison.compare(form, frame)
    assert set(result.breaks["reason"]) == {reason}
    assert set(result.changes["reason"]) == {reason}
    assert [problem.code for problem in result.warnings] == [Code.CMP_LANGUAGES_POOLED] * warned


def test_languages_that_are_stated_to_be_identical_may_shift(respond: Respond, form: Instrument) -> None:
    sizes = {"North": [25, 25]}
    frame = in_languages(respond({"2024": sizes, "2025": sizes}), {"2024": 0.2, "2025": 0.8})
    across = stated("HB", "en", **{"from": "1.0.0", "to_language": "nb"})
    result = comparison.compare(form, frame, statements=[across])
    assert dict(zip(result.breaks["scale"], result.breaks["reason"], strict=True)) == {
        scale: "" if scale == "HB" else "language_mix" for scale in form.scales
    }


def test_two_lines_of_linking_are_not_pooled(respond: Respond, form: Instrument, pool: Instrument) -> None:
    sizes = {"North": [25, 25]}
    frames = {
        "0.9.0": in_languages(respond({"2024": sizes}, instrument=pool), {"2024": 0.5}),
        "1.0.0": in_languages(respond({"2025": sizes}), {"2025": 0.5}),
    }
    one = stated("HB", "en", comparability="linked", linking=LINE)
    same = stated("HB", "nb", comparability="linked", linking=LINE)
    other = stated("HB", "nb", comparability="linked", linking={**LINE, "slope": 1.1})
    assert breaks(comparison.compare([pool, form], frames, statements=[one, same]))[0][2:] == ("linked", "")
    assert breaks(comparison.compare([pool, form], frames, statements=[one, other]))[0][3] == "language_mix"
    assert breaks(comparison.compare([pool, form], frames, statements=[one]))[0][3] == "version_unknown"


def test_units_that_differ_clearly_are_told_from_units_that_do_not(respond: Respond, form: Instrument) -> None:
    frame = respond({"2024": {"North": [25] * 12}})
    assert set(comparison.compare(form, frame).variance["aggregation"]) == {"supported"}
    frame["unit"] = np.random.default_rng(1).permutation(frame["unit"].to_numpy())
    assert "not_supported" in set(comparison.compare(form, frame).variance["aggregation"])

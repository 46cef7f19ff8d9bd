"""The ladder of invariance says what holds by mark, colour and words, and the verdict what may be compared."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from toolkit.reporting.invariance_charts import invariance_ladder, latent_means_chart
from toolkit.reporting.invariance_tables import (
    base_level,
    freed_table,
    highest_level,
    holding,
    invariance_sentence,
    invariance_table,
    latent_means_table,
    level_name,
    mean_sentences,
    rule_text,
)
from toolkit.reporting.vector import GREEN
from toolkit.reporting.words import report_words

LEVELS = ["configural", "metric", "scalar", "strict"]
NAN = math.nan


def step(
    level: str, against: str, holds: bool | None, numbers: tuple[float, ...] = (8.2, 6, 0.224, -0.002, 0.001, 0.004)
) -> dict[str, Any]:
    names = ("chisq_diff", "df_diff", "p", "d_cfi", "d_rmsea", "d_srmr")
    return {"level": level, "against": against, **dict(zip(names, numbers, strict=True)), "holds": holds}


def steps(*holds: bool | None) -> pd.DataFrame:
    return pd.DataFrame(
        [step(level, below, held) for below, level, held in zip(LEVELS, LEVELS[1:], holds, strict=False)]
    )


MEANS = pd.DataFrame(
    [
        {"factor": "visual", "context": "south", "intercepts": kind, "est": est, "se": 0.07, "ci_lower": est - 0.13,
         "ci_upper": est + 0.13, "p": 0.1, "d": est, "lowest": low, "highest": high}
        for kind, est, low, high in (
            ("equal", -0.148, NAN, NAN), ("free", -0.09, -0.6, 0.36), ("partial", 0.051, NAN, NAN))
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("holds", "broken", "expected"),
    [
        ((True, True, True), (), "strict"),
        ((True, False, True), (), "metric"),
        ((False, True, True), (), "configural"),
        ((True, None, True), (), "metric"),
        ((True, True, True), ("scalar",), "metric"),
        ((True, True, True), ("configural",), None),
    ],
)
def test_the_ladder_ends_at_the_first_step_that_does_not_hold(
    holds: tuple[bool | None, ...], broken: tuple[str, ...], expected: str | None
) -> None:
    assert highest_level(steps(*holds), LEVELS, broken=broken) == expected


@pytest.mark.parametrize(
    ("holds", "options", "english", "norwegian"),
    [
        ((True, True, True), {}, "means and variances of the scores may be compared.", "kan sammenlignes."),
        ((True, True, False), {}, "The next step does not hold: Strict", "Det neste trinnet holder ikke: Streng"),
        ((True, False, True), {}, "relations between factors may be compared, means may not", "gjennomsnitt kan ikke"),
        ((False, True, True), {}, "neither relations nor means", "verken sammenhenger eller gjennomsnitt"),
        ((True, True, True), {"fits": False}, "nothing may be compared", "ingenting kan sammenlignes"),
        ((True, True, True), {"broken": ["configural"]}, "nothing can be said", "ingenting sies"),
        ((True, True, True), {"broken": ["metric"]}, "cannot be judged", "kan ikke bedømmes"),
        ((True, None, True), {}, "was not tested: Scalar", "ble ikke prøvd: Skalar"),
    ],
)
def test_the_verdict_says_what_may_be_compared(
    holds: tuple[bool | None, ...], options: dict[str, Any], english: str, norwegian: str
) -> None:
    tests = steps(*holds)
    said = invariance_sentence(tests, LEVELS, contexts=["north", "south"], **options)
    assert english in said
    assert "the groups north and south" in said
    said = invariance_sentence(tests, LEVELS, contexts=["2024", "2025"], longitudinal=True, language="nb", **options)
    assert norwegian in said
    assert "rundene 2024 og 2025" in said


def test_ordinal_and_partial_levels_have_words() -> None:
    words = report_words("en")
    names = ["configural", "thresholds", "loadings", "partial intercepts"]
    tests = pd.DataFrame([step(level, below, True) for below, level in pairwise(names)])
    said = invariance_sentence(tests, names, contexts=["a", "b"])
    assert "latent means and relations may be compared" in said
    assert words["inv_verdict_partial"] in said
    assert base_level("partial_scalar") == base_level("Scalar partial") == ("scalar", True)
    assert level_name("scalar-partial", words) == "Scalar, some free"
    assert level_name("partial", words) == words["inv_partial_only"]
    assert level_name("means", words) == "means"
    assert rule_text("chen", words) == words["inv_rule_chen"]
    assert rule_text("a rule of our own", words) == "a rule of our own"


def test_truth_values_may_be_absent() -> None:
    assert [holding(value) for value in (True, False, None, NAN, pd.NA)] == [True, False, None, None, None]


@pytest.mark.parametrize("language", ["en", "nb"])
def test_the_ladder_marks_each_step_by_shape_colour_and_word(language: str) -> None:
    words = report_words(language)
    figure = invariance_ladder(
        steps(True, False, True), LEVELS, rule="chen", contexts=["north", "<south>"], language=language
    )
    root = ET.fromstring(figure.svg)  # noqa: S314 - the picture is our own
    assert root.get("role") == "img"
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for key in ("inv_fits", "inv_yes", "inv_no", "inv_after"):
        assert words[key] in texts
    assert figure.svg.count(f'fill="{GREEN}"/>') == 2
    verdict = invariance_sentence(steps(True, False, True), LEVELS, contexts=["north", "<south>"], language=language)
    assert figure.alternative.startswith(verdict)
    assert "<south>" not in figure.svg
    assert "10.1080/10705510701301834" in figure.svg
    assert figure.table == "invariance"


def test_a_level_that_cannot_be_read_is_flagged_and_ends_the_ladder() -> None:
    words = report_words("en")
    flags = {"metric": [words["cfa_inadmissible"]]}
    figure = invariance_ladder(steps(True, True, True), LEVELS, rule="chen", contexts=["a", "b"], flags=flags)
    assert words["inv_flag"] in figure.title
    assert words["cfa_inadmissible"] in figure.alternative
    assert words["inv_unreadable"] in figure.svg
    assert figure.svg.count(f'fill="{GREEN}"/>') == 1
    misfit = invariance_ladder(steps(True, True, True), LEVELS, rule="chen", contexts=["a", "b"], fits=False)
    assert words["inv_misfits"] in misfit.svg
    assert f'fill="{GREEN}"/>' not in misfit.svg
    empty = pd.DataFrame([step("metric", "configural", None, (NAN,) * 6)])
    untested = invariance_ladder(empty, LEVELS[:2], rule="chi_square", contexts=["a", "b"])
    assert words["inv_not_tested"] in untested.alternative


def test_the_table_shows_fit_test_changes_and_verdict() -> None:
    fits = {
        level: {"chisq": 100.0 + place, "df": 48.0 + place, "cfi": 0.92, "rmsea": 0.09, "srmr": 0.07}
        for place, level in enumerate(LEVELS)
    }
    table = invariance_table(steps(True, False, True), fits, rule="chen", n_persons=301)
    held = [row[-1] for row in table.rows]
    assert held == [
        "the starting point",
        "\N{CHECK MARK} holds",
        "\N{MULTIPLICATION X} does not hold",
        "\N{EN DASH} holds, but an earlier step does not",
    ]
    assert table.rows[1][:3] == ["Metric (loadings equal)", "101.00", "49"]
    assert table.frame["d_cfi"].tolist()[1] == -0.002
    assert "301" in table.note
    robust = {
        level: fit | {"cfi.robust": 0.9, "rmsea.robust": 0.1, "chisq.scaled": 90.0} for level, fit in fits.items()
    }
    table = invariance_table(
        steps(True, True, None), robust, rule="chen", n_persons=301, flags={"strict": ["Broken."]}, language="nb"
    )
    assert table.frame["cfi"].tolist() == [0.9] * 4
    assert table.frame["chisq"].tolist() == [90.0] * 4
    assert table.frame["flag"].tolist()[-1] == "Broken."
    assert report_words("nb")["inv_variant_robust"] in table.note
    some = robust | {"strict": robust["strict"] | {"cfi.robust": NAN}}
    table = invariance_table(steps(True, True, True), some, rule="chen", n_persons=301)
    assert table.frame["cfi"].tolist() == [0.92] * 4
    assert report_words("en")["inv_variant_mixed"] in table.note


def test_means_with_and_without_the_constraint_say_when_the_conclusion_changes() -> None:
    said = mean_sentences(MEANS)
    assert len(said) == 1
    assert "\N{MINUS SIGN}0.15 (held equal)" in said[0]
    assert mean_sentences(MEANS[MEANS["intercepts"] == "equal"]) == []
    table = latent_means_table(MEANS, reference="north", names={"visual": "Sight"})
    assert said[0].replace("visual", "Sight") in table.note
    assert table.rows[0][:3] == ["south", "Sight", "held equal"]
    assert "lowest" in table.frame
    assert "lowest" not in latent_means_table(MEANS[MEANS["intercepts"] == "equal"], reference="north").frame
    draft = latent_means_chart(MEANS, reference="north", language="nb")
    assert "visual, south, holdt like: \N{MINUS SIGN}0,15" in draft.alternative
    assert draft.chart.to_dict(validate=True)["$schema"]


def test_what_was_freed_is_named_in_words() -> None:
    rows = [("f", "=~", "a"), ("a", "~1", ""), ("a", "|", "t1"), ("a", "~~", "a"), ("a", "~~", "b")]
    freed = pd.DataFrame(
        [
            {"level": "scalar", "context": "south", "lhs": lhs, "op": op, "rhs": rhs, "mi": 9.0, "epc": 0.2,
             "p_adjusted": 0.01}
            for lhs, op, rhs in rows
        ]
    )  # fmt: skip
    table = freed_table(freed, names={"a": "A"}, flags=["Broken."])
    assert table.frame["parameter"].tolist() == [
        "f \N{RIGHTWARDS ARROW} A",
        "intercept of A",
        "threshold t1 of A",
        "residual variance of A",
        "A \N{LEFT RIGHT ARROW} b",
    ]
    assert table.note.startswith("Broken.")
    assert "forslag" in freed_table(freed, language="nb").note
    assert freed_table(freed.head(0)).frame.empty

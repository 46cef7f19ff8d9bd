"""How a problem looks on the terminal."""

from __future__ import annotations

import pytest

from toolkit.cli.console import show_problems
from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics.cfa.syntax import parse_model


def test_a_piece_of_a_model_keeps_its_lines_and_its_caret(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(StatisticsError) as caught:
        parse_model("f =~ x1 ++ x2")
    show_problems(caught.value.problems)
    assert capsys.readouterr().err == (
        "STA_MODEL_SYNTAX  line 1\n"
        "  Behind + a term is missing. Got:\n"
        "      f =~ x1 ++ x2\n"
        "               ^\n"
        "  Fix: Remove the + or write a variable behind it.\n"
    )


def test_any_other_problem_takes_three_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show_problems([Problem(code=Code.STA_OPTION_RANGE, what="No.", got="[a]", allowed="b", fix="Do.", line=2)])
    assert capsys.readouterr().err == "STA_OPTION_RANGE  line 2\n  No. Got: [a]. Allowed: b.\n  Fix: Do.\n"

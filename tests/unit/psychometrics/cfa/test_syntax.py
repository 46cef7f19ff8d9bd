"""lavaan's model syntax: what it says, what is refused, and where the caret stands."""

from __future__ import annotations

import math

import pytest

from toolkit.errors import Code, Problem, StatisticsError
from toolkit.psychometrics.cfa.syntax import Modifier, Statement, model_text, parse_model

Row = tuple[str, str, str, tuple[Modifier, ...]]


def rows(text: str) -> list[Row]:
    return [(one.lhs, one.op, one.rhs, one.modifiers) for one in parse_model(text).statements]


def said(text: str) -> tuple[Modifier, ...]:
    """What ``f =~ <text>`` says of its first term."""
    return parse_model(f"f =~ {text}").statements[0].modifiers


def refused(text: str) -> Problem:
    assert parse_model("f =~ x1 + x2")
    with pytest.raises(StatisticsError) as caught:
        parse_model(text)
    return caught.value.problems[0]


def caret(problem: Problem) -> str:
    """The source that a problem shows, from the caret on."""
    assert problem.got
    _, source, mark = problem.got.split("\n")
    return source[mark.index("^") :]


def test_factors_and_items_in_order_of_appearance() -> None:
    model = parse_model("g =~ f1 + f2 + x9\nf1 =~ x1 + x2; f2 =~ x3 + x1")
    assert model.factors == ("g", "f1", "f2")
    assert model.items == ("x9", "x1", "x2", "x3")
    assert [(one.line, one.column) for one in model.statements][:4] == [(1, 6), (1, 11), (1, 16), (2, 7)]


def test_every_operator() -> None:
    text = "f =~ x1 + x2\nx1 ~~ x2\nf ~~ f\nx1 ~ 1\nf ~1\nx1 | t1 + t2\nx1 ~*~ x1"
    assert [row[:3] for row in rows(text)] == [
        ("f", "=~", "x1"),
        ("f", "=~", "x2"),
        ("x1", "~~", "x2"),
        ("f", "~~", "f"),
        ("x1", "~1", ""),
        ("f", "~1", ""),
        ("x1", "|", "t1"),
        ("x1", "|", "t2"),
        ("x1", "~*~", "x1"),
    ]
    assert all(row[3] == () for row in rows(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", ()),
        ("1*x", (Modifier(fixed=1),)),
        ("-0.5*x", (Modifier(fixed=-0.5),)),
        ("- .5 * x", (Modifier(fixed=-0.5),)),
        ("1e-3*x", (Modifier(fixed=0.001),)),
        ("2.*x", (Modifier(fixed=2),)),
        ("NA*x", (Modifier(free=True),)),
        ("a*x", (Modifier(label="a"),)),
        ("'a b'*x", (Modifier(label="a b"),)),
        ('label("a")*x', (Modifier(label="a"),)),
        ("start(0.8)*x", (Modifier(start=0.8),)),
        ("start(-1)*x", (Modifier(start=-1),)),
        ("start(c(0.5, NA))*x", (Modifier(start=0.5), Modifier())),
        ("c(1, NA)*x", (Modifier(fixed=1), Modifier(free=True))),
        ("c(a, a)*x", (Modifier(label="a"), Modifier(label="a"))),
        ('c("a","b")*x', (Modifier(label="a"), Modifier(label="b"))),
        ('c(a, "", 0)*x', (Modifier(label="a"), Modifier(), Modifier(fixed=0))),
        ('c("", "")*x', ()),
        ("c(1)*x", (Modifier(fixed=1),)),
        ('label(c("a", b))*x', (Modifier(label="a"), Modifier(label="b"))),
        ("a*x + 0.5*x", (Modifier(fixed=0.5, label="a"),)),
        ("start(0.5)*a*x", (Modifier(start=0.5, label="a"),)),
        ("a*NA*x + start(2)*x", (Modifier(free=True, start=2, label="a"),)),
        ("c(1, NA)*x + a*x", (Modifier(fixed=1, label="a"), Modifier(free=True, label="a"))),
        ("c(1, NA)*c(a, b)*x", (Modifier(fixed=1, label="a"), Modifier(free=True, label="b"))),
        ("1*x + 1*x", (Modifier(fixed=1),)),
    ],
)
def test_modifiers(text: str, expected: tuple[Modifier, ...]) -> None:
    assert said(text) == expected


def test_modifiers_of_intercepts_and_thresholds() -> None:
    text = "f =~ x1 + x2; x1 ~ 0.5*1; x2 ~ c(0, NA)*1; f ~ 0; x1 | a*t1 + -0.5*t2; x1 ~*~ 1*x1; x1 ~~ 0*x2"
    assert [row[3] for row in rows(text)][2:] == [
        (Modifier(fixed=0.5),),
        (Modifier(fixed=0), Modifier(free=True)),
        (Modifier(fixed=0),),
        (Modifier(label="a"),),
        (Modifier(fixed=-0.5),),
        (Modifier(fixed=1),),
        (Modifier(fixed=0),),
    ]


def test_a_parameter_named_again_is_one_statement() -> None:
    assert rows("f =~ x1 + x2; x1 ~~ a*x2; f =~ b*x1; x2 ~~ start(1)*x1")[0][3] == (Modifier(label="b"),)
    assert rows("f =~ x1 + x2; x1 ~~ a*x2; x2 ~~ start(1)*x1")[-1] == (
        *("x1", "~~", "x2"),
        (Modifier(start=1, label="a"),),
    )


def test_several_left_sides() -> None:
    text = "f + g =~ 1*x1 + x2; x1 + x2 ~~ x3 + x4; x1 + x2 ~ 1; h =~ x3 + x4"
    assert [row[:3] for row in rows(text)][4:10] == [
        ("x1", "~~", "x3"),
        ("x1", "~~", "x4"),
        ("x2", "~~", "x3"),
        ("x2", "~~", "x4"),
        ("x1", "~1", ""),
        ("x2", "~1", ""),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "f=~x1+x2;x1~~x2",
        "\n\n# a comment ; with =~\n  f =~ x1 + # one\n\n  x2 ! two\n;; x1 ~~ x2 # end",
        "f =~\n x1\n + x2\r\nx1 ~~\rx2",
        "f =~ x1 + start(\n0.5\n)*x2 + x2; x1 ~~ x2".replace("start(\n0.5\n)*", ""),
        "f\t=~ x1 +\u00a0x2\nx1 ~~ x2\n",
    ],
)
def test_layout_does_not_matter(text: str) -> None:
    assert rows(text) == rows("f =~ x1 + x2\nx1 ~~ x2")


def test_a_bracket_and_a_modifier_go_on_in_the_next_line() -> None:
    assert said("c(1,\n NA\n)\n*x") == said("c(1, NA)*x")


@pytest.mark.parametrize(
    "name", ["x.1", ".x", "x_1", "åpenhet", "Größe", "项目", "हिन्दी", "e\u0301tat", "c", "start", "e1"]
)
def test_names(name: str) -> None:
    assert parse_model(f"f =~ {name} + 2*{name}").items == (name,)
    assert said(f"{name}*y") == (Modifier(label=name),)


def test_equal_becomes_the_label_of_the_other_parameter() -> None:
    assert [row[3] for row in rows('f =~ x1 + a*x2 + equal("f=~x2")*x3')][1:] == [(Modifier(label="a"),)] * 2
    assert [row[3] for row in rows('f =~ x1 + equal("f =~ x3")*x2 + x3')][1:] == [(Modifier(label="f=~x3"),)] * 2
    chain = rows('f =~ x1 + equal("f=~x3")*x2 + equal("f=~x4")*x3 + NA*x4')
    assert [row[3][0].label for row in chain[1:]] == ["f=~x4"] * 3
    assert chain[-1][3][0].free
    groups = rows('f =~ x1 + c(a, b)*x2 + equal("f=~x2")*x3 + equal("f=~x2")*c(NA, NA)*x4')
    assert groups[2][3] == (Modifier(label="a"), Modifier(label="b"))
    assert groups[3][3] == (Modifier(free=True, label="a"), Modifier(free=True, label="b"))
    others = rows(
        'f =~ x1 + x2; x1 ~~ x1; x2 ~~ equal("x1~~x1")*x2; x1 ~ 1; x2 ~ equal("x1~1")*1; x1|t1; x2|equal("x1|t1")*t1'
    )
    assert [row[3][0].label for row in others[2:]] == ["x1~~x1"] * 2 + ["x1~1"] * 2 + ["x1|t1"] * 2


def test_a_made_label_is_no_label_that_is_there() -> None:
    made = rows('f =~ x1 + x2 + equal("f=~x2")*x3 + "f=~x2"*x4')
    assert [row[3][0].label for row in made[1:]] == ["f=~x2.", "f=~x2.", "f=~x2"]


def test_the_error_shows_line_and_caret() -> None:
    with pytest.raises(StatisticsError) as caught:
        parse_model("# mood\n  f =~ x1 ++ x2")
    assert str(caught.value) == (
        "STA_MODEL_SYNTAX: line 2: Behind + a term is missing. Got:\n"
        "      f =~ x1 ++ x2\n"
        "               ^\n"
        "Fix: Remove the + or write a variable behind it."
    )


def test_the_caret_stands_right_below_tabs_wide_and_combined_letters() -> None:
    for text in ("f\t=~ x1\t++ x2", "f =~ e\u0301 ++ x2"):
        problem = refused(text)
        assert caret(problem).startswith("+") or "e\u0301" in text
    assert refused("f =~ 项目 ++ x2").got == "\n    f =~ 项目 ++ x2\n               ^"
    assert refused("f =~ e\u0301 ++ x2").got == "\n    f =~ e\u0301 ++ x2\n            ^"


def test_of_a_long_line_the_part_around_the_caret_is_shown() -> None:
    problem = refused(
        "f =~ " + " + ".join(f"x{i}" for i in range(100)) + " ++ y + " + " + ".join("abcdefghijklmnopqrstuvwxyz")
    )
    assert problem.got
    assert caret(problem).startswith("+ y")
    assert max(len(line) for line in problem.got.split("\n")) < 110
    assert problem.got.count(" ... ") == 1
    assert problem.got.split("\n")[1].endswith(" ...")


@pytest.mark.parametrize(
    ("text", "what", "at"),
    [
        ("f =~ x\ny ~ x", "Regressions", "x"),
        ("f =~ x\nx ~ a*y", "Regressions", "y"),
        ("f =~ x\nx ~ 1 - y", "Regressions", "- y"),
        ("c(1)*f =~ x", "The bracket (", "(1)*f =~ x"),
        ("f =~ x\na := b*c", "Defined parameters", ":= b*c"),
        ("f =~ a*x\na == 1", "Constraints (==)", "== 1"),
        ("f =~ a*x\na > 0", "Constraints (>)", "> 0"),
        ("f =~ a*x\na < 0", "Constraints (<)", "< 0"),
        ("f <~ x", "Formative factors", "<~ x"),
        ("f = x", "The sign =", "= x"),
        ("f =~ x %in% y", "The sign %", "%in% y"),
        ("level: 1\nf =~ x", "Blocks", ": 1"),
        ("f =~ x1:x2", "Blocks", ":x2"),
        ("f =~ 0.5?x", "The short form", "?x"),
        ("f =~ 1/2*x", "Numbers are written out", "/2*x"),
        ("efa('a')*f =~ x", "Exploratory blocks", "efa('a')*f =~ x"),
        ("f =~ efa('a')*x", "Exploratory blocks", "efa('a')*x"),
        ("f =~ lower(0)*x", "Bounds", "lower(0)*x"),
        ("f =~ sqrt(2)*x", "There is no function sqrt()", "sqrt(2)*x"),
        ("f =~ c(1, NA*x", "The bracket that opens here", "c(1, NA*x"),
        ("f =~ start(0.5", "The bracket that opens here", "start(0.5"),
        ("f =~ c(1, NA))*x", "The bracket )", ")*x"),
        ("f =~ (x)", "The bracket (", "(x)"),
        ("f =~ c(1 > 2)*x", "Constraints (>)", "> 2)*x"),
        ("f =~ c()*x", "Here a number, NA or a label", ")*x"),
        ("f =~ c(1,,2)*x", "Here a number, NA or a label", ",2)*x"),
        ("f =~ start(a)*x", "start() takes numbers", "start(a)*x"),
        ("f =~ label(1)*x", "label() takes names", "label(1)*x"),
        ("f =~ equal(a)*x", "equal() takes a parameter in quotes", "equal(a)*x"),
        ('f =~ equal("f=~y")*x', "The model does not name", 'equal("f=~y")*x'),
        ('f =~ equal("y")*x', "The model does not name", 'equal("y")*x'),
        ('f =~ x + equal(c("f=~x", "f=~x"))*y', "equal() names one parameter", 'equal(c("f=~x", "f=~x"))*y'),
        ('f =~ c(1, NA)*x + equal("f=~x")*y', "The parameter f=~x differs", 'equal("f=~x")*y'),
        ("f =~", "On the right side of =~ nothing", ""),
        ("f =~ ; g =~ x", "On the right side of =~ nothing", " ; g =~ x"),
        ("f =~ x +", "Behind + a term is missing", ""),
        ("f =~ x + + y", "Behind + a term is missing", "+ y"),
        ("f =~ 1*", "Behind * a variable", ""),
        ("f =~ 0.5", "After a number", ""),
        ("f =~ 'a' x", "After a number", "x"),
        ("f =~ -x", "Behind - a number", "x"),
        ("f =~ x y", "Between two terms + is missing", "y"),
        ("f =~ x*2*", "Behind * a variable", ""),
        ("f =~ x*2", "After a number", ""),
        ("f =~ x1 =~ x2", "A second operator", "=~ x2"),
        ("f =~ x1 +\ng =~ x2", "A second operator", "=~ x2"),
        ("f", "A statement needs an operator", ""),
        ("f x", "Here an operator must stand", "x"),
        ("=~ x", "A statement starts with", "=~ x"),
        ("1 =~ x", "A statement starts with", "1 =~ x"),
        ("f =~ NA", "NA is a word of R", "NA"),
        ("TRUE =~ x", "TRUE is a word of R", "TRUE =~ x"),
        ("f =~ 2x", "A name cannot start with a digit", "2x"),
        ("f =~ 1e999*x", "The number is too large", "1e999*x"),
        ("f =~ x$1", "This character has no meaning", "$1"),
        ("f =~ x\x00", "This character has no meaning", "?"),
        ("f =~ “a”*x", "This quotation mark is not a straight one", "“a”*x"),
        ("f =~ 'a*x", "This quotation mark does not close", "'a*x"),
        ("f =~ −1*x", "This dash is no minus", "−1*x"),
        ("f =∼ x", "The sign =", "=∼ x"),
        ("f ∼∼ f", "This tilde", "∼∼ f"),
        ("f =~ 1*x + 2*x", "Modifiers of one parameter contradict", "2*x"),
        ("f =~ 1*x\nf =~ NA*x", "Modifiers of one parameter contradict", "NA*x"),
        ("f =~ NA*x + 1*x", "Modifiers of one parameter contradict", "1*x"),
        ("f =~ a*b*x", "Modifiers of one parameter contradict", "b*x"),
        ("f =~ start(1)*x + start(2)*x", "Modifiers of one parameter contradict", "start(2)*x"),
        ("f =~ 1*x + start(2)*x", "Modifiers of one parameter contradict", "start(2)*x"),
        ("f =~ c(1, 2)*x + c(1, 2, 3)*x", "Modifiers of one parameter contradict", "c(1, 2, 3)*x"),
        ("f =~ c(1, 2)*x + 1*x", "Modifiers of one parameter contradict", "c(1, 2)*x + 1*x"),
        ('f =~ a*x + b*y + equal("f=~x")*y', "Modifiers of one parameter contradict", 'equal("f=~x")*y'),
        ('f =~ x + y + equal("f=~x")*z + equal("f=~y")*z', "Modifiers of one parameter contradict", 'equal("f=~y")*z'),
        (
            'f =~ c(a,b)*x + equal("f=~x")*c(1,2,3)*y',
            "Modifiers of one parameter contradict",
            'equal("f=~x")*c(1,2,3)*y',
        ),
        ("x ~~ y", "The model has no factor", "y"),
        ("# nothing", "The model has no factor", "# nothing"),
        ("f =~ f", "The factor 'f' is measured by itself", "f"),
        ("f =~ g\ng =~ f", "Factors measure each other in a circle: f - g - f", "f"),
        ("f =~ g + x; g =~ h; h =~ y + g", "Factors measure each other in a circle: g - h - g", "g"),
        ("f =~ x\ny ~~ y", "'y' is no factor", "y ~~ y"),
        ("f =~ x\nx ~~ y", "'y' is no factor", "y"),
        ("f =~ x\nx ~~ f", "'x' is an item and 'f' a factor", "f"),
        ("f =~ x\nf | t1", "'f' is a factor; only items", "f | t1"),
        ("f =~ x\nx | u1", "'u1' names no threshold", "u1"),
        ("f =~ x\nx | t0", "'t0' names no threshold", "t0"),
        ("f =~ x + t1\nx | t1", "'t1' is a threshold here and a variable", "t1"),
        ("f =~ x + y\nx ~*~ y", "A scale factor belongs to one item", "y"),
        ("f =~ x\nf ~*~ f", "A scale factor belongs to one item", "f"),
        ("f =~ x\nx ~ 0.5", "An intercept is written as ~ 1", "0.5"),
        ("f =~ x\nx ~", "On the right side of ~ nothing", ""),
        ("f =~ x1*x2 + x1", "'x1' is a label here and a variable", "x1*x2 + x1"),
    ],
)
def test_what_is_refused_and_where(text: str, what: str, at: str) -> None:
    problem = refused(text)
    assert problem.code == Code.STA_MODEL_SYNTAX
    assert problem.what.startswith(what)
    assert caret(problem) == at
    assert problem.line is not None
    assert 1 <= problem.line <= text.count("\n") + 1
    assert problem.fix


def test_a_quoted_label_may_be_the_name_of_a_variable() -> None:
    assert rows('f =~ "x1"*x2 + x1')[0][3] == (Modifier(label="x1"),)


@pytest.mark.parametrize("text", ["", "  \n ", None, 3])
def test_no_text_is_refused(text: object) -> None:
    with pytest.raises(StatisticsError) as caught:
        parse_model(text)
    assert caught.value.codes == (Code.STA_MODEL_SYNTAX,)


@pytest.mark.parametrize(
    "text",
    [
        'f =~ x1 + equal("f=~x2")*x2',
        'f =~ x1 + equal("f=~x3")*x2 + equal("f=~x2")*x3',
        'f =~ equal("f=~x2")*x1 + equal("f=~x3")*x2 + equal("f=~x4")*x3 + equal("f=~x2")*x4',
    ],
)
def test_equality_in_a_circle_is_refused(text: str) -> None:
    problem = refused(text)
    assert problem.code == Code.STA_CIRCULAR_EQUALITY
    assert problem.what.startswith("equal() leads back to where it started: f=~x2 - ")
    assert caret(problem).startswith("equal(")


def test_large_models_are_read_and_larger_ones_refused() -> None:
    items = [f"x{i}" for i in range(10_000)]
    assert len(parse_model("f =~ " + " + ".join(items)).items) == 10_000
    chain = "f =~ x0\n" + "\n".join(f'f =~ equal("f=~x{i - 1}")*x{i}' for i in range(5000, 0, -1))
    assert {one.modifiers[0].label for one in parse_model(chain).statements} == {"f=~x0"}
    tower = "\n".join(f"f{i} =~ f{i + 1}" for i in range(5000))
    assert parse_model(tower).items == ("f5000",)
    for text in (
        "f =~ " + "+".join("x" * 120_000),
        "+".join(f"f{i}" for i in range(200)) + " =~ " + "+".join(items),
        "+".join(f"f{i}" for i in range(1000)) + f" =~ c({','.join('1' * 1000)})*x",
        f"f =~ c({','.join('1' * 1001)})*x",
        tower + "\nf5000 =~ f0",
        "f =~ " + "c(" * 1000 + "1" + ")" * 1000 + "*x",
        "f =~ " + "(" * 1000 + "x" + ")" * 1000,
        "f =~ " + "9" * 100_000 + "*x",
        '"' * 100_000,
    ):
        assert refused(text).code == Code.STA_MODEL_SYNTAX


def test_statements_are_written_as_syntax() -> None:
    text = (
        'mood =~ NA*calm + a*calm + c(0.5, "")*rested + start(c(NA, 2))*rested + c("", "b")*rested\n'
        'calm ~~ "the same"*rested + \'"\'*calm\n'
        "calm ~ 0.5*1\n"
        "calm | -0.5*t1 + t2\n"
        "calm ~*~ 1*calm"
    )
    assert model_text(parse_model(text).statements) == text


def test_long_statements_are_broken() -> None:
    text = model_text(parse_model("f =~ " + " + ".join(f"item{i}" for i in range(100))).statements)
    assert max(len(line) for line in text.split("\n")) <= 110
    assert len(parse_model(text).items) == 100


def test_numbers_are_written_in_full() -> None:
    value = 0.1 + 0.2
    statement = Statement(lhs="f", op="=~", rhs="x", modifiers=(Modifier(fixed=-value),))
    assert parse_model(model_text([statement])).statements[0].modifiers[0].fixed == -value
    tiny = Statement(lhs="f", op="=~", rhs="x", modifiers=(Modifier(start=1e-300),))
    assert math.isclose(parse_model(model_text([tiny])).statements[0].modifiers[0].start or 0, 1e-300)


def test_the_text_of_a_problem_without_source_stays_on_one_line() -> None:
    problem = Problem(code=Code.STA_MODEL_SYNTAX, what="No.", got="a", allowed="b", fix="Do.")
    assert str(problem) == "STA_MODEL_SYNTAX: No. Got: a. Allowed: b. Fix: Do."

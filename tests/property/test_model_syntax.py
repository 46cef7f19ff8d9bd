"""Any text is a model or a coded error, and a model that is written is read again as it was."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from toolkit.errors import Code, StatisticsError
from toolkit.psychometrics.cfa.syntax import ModelSyntax, Modifier, Operator, Statement, model_text, parse_model

many = settings(max_examples=300, deadline=None, derandomize=True)

CODES = {(Code.STA_MODEL_SYNTAX,), (Code.STA_CIRCULAR_EQUALITY,)}
PIECES = (
    *("f", "g", "x1", "x2", "x3", "a", "t1", "NA", "1", "0.5", "-", "1e9", ".", "''", '"b"', "c(", "start(", "equal("),
    *(
        '"f=~x1"',
        '"f=~x2"',
        ")",
        ",",
        "+",
        "*",
        "=~",
        "=~",
        "~~",
        "~",
        "|",
        "~*~",
        ":=",
        "==",
        "<",
        ":",
        "%",
        "\n",
        "\n",
    ),
    *(
        ";",
        "#",
        "!",
        " ",
        "\t",
        "\r",
        "é",
        "項",
        "\u0301",
        "\u2028",
        "\x00",
        "“",
        "efa(",
        "c(1, NA)*",
        "f =~ x1 + x2\n",
    ),
)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
LABELS = st.sampled_from(["a", "b", ".c", "NA", "two words", "x1", "a=~b", 'say "a"', "it's", "1", "é"])


def outcome(text: str) -> ModelSyntax | None:
    """The model, or None where the text is refused as it should be."""
    try:
        return parse_model(text)
    except StatisticsError as caught:
        error = caught
    assert error.codes in CODES
    problem = error.problems[0]
    if problem.line is not None:
        assert 1 <= problem.line <= len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
        assert problem.got is not None
        _, source, caret = problem.got.split("\n")
        assert caret.strip(" ") == "^"
        assert len(source) <= 110
    return None


def content(model: ModelSyntax) -> list[tuple[object, ...]]:
    return [(one.lhs, one.op, one.rhs, one.modifiers) for one in model.statements]


def reads_again(model: ModelSyntax) -> None:
    again = parse_model(model_text(model.statements))
    assert content(again) == content(model)
    assert (again.factors, again.items) == (model.factors, model.items)


@given(st.text())
@example("(" * 1000)
@example("c(" * 1000 + ")" * 1000)
@example("f =~ " + "start(" * 1000)
@example("f =~ 1*" * 1000)
@many
def test_any_text_is_a_model_or_a_coded_error(text: str) -> None:
    if (model := outcome(text)) is not None:
        reads_again(model)


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
@many
def test_pieces_of_models_in_any_order_too(text: str) -> None:
    for whole in (text, f"f =~ x1 + {text}", f"f =~ x1 + x2\n{text}"):
        if (model := outcome(whole)) is not None:
            reads_again(model)


@st.composite
def modifiers(draw: st.DrawFn) -> tuple[Modifier, ...]:
    one = st.one_of(
        st.builds(Modifier, fixed=NUMBERS, label=st.just("") | LABELS),
        st.builds(Modifier, free=st.booleans(), start=st.none() | NUMBERS, label=st.just("") | LABELS),
    )
    said = tuple(draw(st.lists(one, max_size=3)))
    return said if any(modifier != Modifier() for modifier in said) else ()


@st.composite
def statements(draw: st.DrawFn) -> list[Statement]:
    """A model of two factors with modifiers anywhere."""
    items = [f"x{i}" for i in range(1, 7)]
    keys: list[tuple[str, Operator, str]] = [("f", "=~", item) for item in items[:3]]
    keys += [("g", "=~", item) for item in items[3:]]
    others: list[tuple[str, Operator, str]] = [("f", "~~", "g"), ("f", "~~", "f"), ("x1", "~~", "x5"), ("g", "~1", "")]
    others += [("x2", "~1", ""), ("x1", "|", "t1"), ("x1", "|", "t2"), ("x3", "~*~", "x3")]
    keys += draw(st.lists(st.sampled_from(others), unique=True))
    order = draw(st.permutations(keys))
    return [Statement(lhs=lhs, op=op, rhs=rhs, modifiers=draw(modifiers())) for lhs, op, rhs in order]


@given(statements())
@many
def test_what_is_written_is_read_again(told: list[Statement]) -> None:
    model = parse_model(model_text(told))
    assert content(model) == [(one.lhs, one.op, one.rhs, one.modifiers) for one in told]
    reads_again(model)

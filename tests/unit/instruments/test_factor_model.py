"""The factor model that the scales of an instrument state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from toolkit import instruments
from toolkit.errors import Code, DefinitionError
from toolkit.instruments import Instrument
from toolkit.psychometrics.cfa.syntax import ModelSyntax, parse_model

BFI = Path(__file__).parents[2] / "instruments" / "bfi" / "1.0.0"
STRUCTURES = ("correlated", "higher_order", "bifactor", "one_factor")


@pytest.fixture(params=["eomhs@1.0.0", "eomhs@0.9.0", BFI], ids=["eomhs 1.0.0", "eomhs 0.9.0", "bfi"])
def shipped(request: pytest.FixtureRequest) -> Instrument:
    return instruments.load(request.param)


def changed(catalog: Path, **words: str) -> Instrument:
    """Load ``mood`` with words of its files replaced."""
    for file in (catalog / "mood" / "1.0.0").iterdir():
        content = file.read_text(encoding="utf-8")
        for old, new in words.items():
            content = content.replace(old, new)
        file.write_text(content, encoding="utf-8")
    return instruments.load(catalog / "mood" / "1.0.0")


def measures(model: ModelSyntax) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {factor: [] for factor in model.factors}
    for statement in model.statements:
        if statement.op == "=~":
            found[statement.lhs].append(statement.rhs)
    return found


def test_correlated_factors_are_the_scales(shipped: Instrument) -> None:
    model = parse_model(shipped.to_model())
    assert measures(model) == {code: list(scale.items) for code, scale in shipped.scales.items()}
    assert {statement.op for statement in model.statements} == {"=~"}


def test_a_general_factor_stands_above_the_scales(shipped: Instrument) -> None:
    model = parse_model(shipped.to_model(structure="higher_order"))
    assert measures(model)["general"] == list(shipped.scales)
    assert list(model.factors) == [*shipped.scales, "general"]


def test_bifactor_has_no_correlation_between_factors(shipped: Instrument) -> None:
    model = parse_model(shipped.to_model(structure="bifactor"))
    items = [item for scale in shipped.scales.values() for item in scale.items]
    assert measures(model) == {"general": items} | {code: list(scale.items) for code, scale in shipped.scales.items()}
    zero = [statement for statement in model.statements if statement.op == "~~"]
    n = len(shipped.scales) + 1
    assert len({frozenset((statement.lhs, statement.rhs)) for statement in zero}) == n * (n - 1) // 2 == len(zero)
    assert {statement.modifiers[0].fixed for statement in zero} == {0.0}


def test_one_factor_has_all_items(shipped: Instrument) -> None:
    model = parse_model(shipped.to_model(structure="one_factor"))
    assert measures(model) == {"general": [item for scale in shipped.scales.values() for item in scale.items]}


def test_lines_are_short(shipped: Instrument) -> None:
    lines = [line for structure in STRUCTURES for line in shipped.to_model(structure=structure).splitlines()]
    assert max(len(line) for line in lines) <= 110


def test_some_items_make_a_smaller_model_that_tells_what_is_left_out() -> None:
    eomhs = instruments.load("eomhs@1.0.0")
    text = eomhs.to_model(items={"HB1", "HB3", "HB2", "TB4", "TB5", "ZE2"})
    assert measures(parse_model(text)) == {"HB": ["HB1", "HB2", "HB3"], "TB": ["TB4", "TB5"]}
    for told in (
        "# TB: two items do not determine a factor alone; it needs its correlations with others",
        "# ZE: no factor, because it has one item; ZE2 is left out",
        "# CI: no factor, because none of its items is chosen",
    ):
        assert told in text.splitlines()


def test_two_factors_and_two_items_get_equal_loadings() -> None:
    eomhs = instruments.load("eomhs@1.0.0")
    chosen = ["HB1", "HB2", "HB3", "TB4", "TB5", "ZE2"]
    bifactor = parse_model(eomhs.to_model(structure="bifactor", items=chosen))
    assert measures(bifactor)["general"] == chosen
    pair = [one for one in bifactor.statements if (one.lhs, one.op) == ("TB", "=~")]
    assert [one.modifiers[0].label for one in pair] == ["TB_loading", "TB_loading"]
    assert pair[0].modifiers[0].free
    variance = next(one for one in bifactor.statements if one.lhs == one.rhs == "TB")
    assert variance.modifiers[0].fixed == 1
    higher = parse_model(eomhs.to_model(structure="higher_order", items=chosen))
    assert [one.modifiers[0].label for one in higher.statements if one.lhs == "general" and one.op == "=~"] == [
        "general_loading",
        "general_loading",
    ]


def test_items_of_no_scale_are_told(mood: Instrument) -> None:
    text = mood.to_model()
    assert "# of no scale: T1" in text.splitlines()
    assert measures(parse_model(text)) == {"MOOD": ["M1", "M2"]}


@pytest.mark.parametrize("code", ["T1", "NA"])
def test_a_factor_whose_name_is_taken_gets_another(catalog: Path, code: str) -> None:
    text = changed(catalog, MOOD=code).to_model()
    assert parse_model(text).factors == (f"{code}_f",)
    assert f"# {code}: the factor is called {code}_f, because {code} means something else here" in text.splitlines()


def test_the_general_factor_has_a_name_of_its_own(catalog: Path) -> None:
    scale = changed(catalog, MOOD="general")
    assert parse_model(scale.to_model(structure="one_factor")).factors == ("general_f",)
    item = changed(catalog, general="MOOD", T1="general")
    assert parse_model(item.to_model(structure="one_factor")).factors == ("general_f",)


def test_a_formative_instrument_has_no_factor_model(catalog: Path, mood: Instrument) -> None:
    assert mood.to_model()
    formative = changed(catalog, reflective="formative")
    for structure in STRUCTURES:
        with pytest.raises(DefinitionError) as caught:
            formative.to_model(structure=structure)
        assert caught.value.codes == (Code.DEF_NO_FACTOR_MODEL,)


@pytest.mark.parametrize(
    ("structure", "items"),
    [
        ("higher_order", None),
        ("bifactor", None),
        ("correlated", ["M1"]),
        ("one_factor", ["M1", "T1"]),
        ("correlated", []),
    ],
)
def test_too_few_scales_or_items_are_refused(mood: Instrument, structure: str, items: list[str] | None) -> None:
    assert mood.to_model(structure="one_factor")
    with pytest.raises(DefinitionError, match="at least") as caught:
        mood.to_model(structure=structure, items=items)
    assert caught.value.codes == (Code.DEF_NO_FACTOR_MODEL,)


def test_unknown_items_words_and_structures_are_refused(catalog: Path, mood: Instrument) -> None:
    for instrument, code, options in (
        (mood, Code.DEF_UNKNOWN_NAME, {"items": ["M1", "M2", "M3"]}),
        (mood, Code.DEF_VALUE, {"structure": "free"}),
        (changed(catalog, M2="NA"), Code.DEF_RESERVED_NAME, {}),
    ):
        with pytest.raises(DefinitionError) as caught:
            instrument.to_model(**options)
        assert caught.value.codes == (code,)


def test_the_page_on_questionnaires_shows_the_text() -> None:
    page = (Path(__file__).parents[3] / "docs" / "instruments.md").read_text(encoding="utf-8")
    text = page.split("```lavaan\n")[1].split("```")[0]
    chosen = ["HB1", "HB2", "HB3", "TB1", "TB2", "ZE1"]
    assert instruments.load("eomhs@1.0.0").to_model(structure="higher_order", items=chosen) == text
    calls = page.split("## Factor models")[1].split("```python\n")[1].split("```")[0]
    exec(calls, {"instrument": instruments.load("eomhs@1.0.0")})  # noqa: S102  the example of our own page

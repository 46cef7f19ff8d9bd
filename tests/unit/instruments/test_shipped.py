"""The instruments that are shipped, and the one that tests answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit import instruments
from toolkit.instruments import Instrument

NEGATIONS = {
    "en": {"not", "no", "never", "none", "without", "don't", "cannot", "can't", "isn't", "unable"},
    "nb": {"ikke", "ingen", "aldri", "uten", "ingenting", "intet"},
}
JOINED = {"en": {" and "}, "nb": {" og "}}
REFERENTS = {
    "en": {"CI": "In the last 3 months, I ", "LS": "In my unit, ", "CC": "In my unit, "},
    "nb": {"CI": "De siste 3 månedene har jeg ", "LS": "I min enhet ", "CC": "I min enhet "},
}


VERSIONS = ("0.9.0", "1.0.0")


@pytest.fixture(scope="module")
def eomhs() -> Instrument:
    return instruments.load("eomhs@1.0.0")


@pytest.fixture(scope="module")
def pool() -> Instrument:
    return instruments.load("eomhs@0.9.0")


@pytest.fixture(params=VERSIONS)
def shipped(request: pytest.FixtureRequest) -> Instrument:
    return instruments.load(f"eomhs@{request.param}")


def test_eomhs_has_the_scales_of_its_blueprint(eomhs: Instrument) -> None:
    sizes = {"HB": 5, "TB": 5, "ZE": 5, "CI": 6, "LS": 5, "CC": 5}
    assert {code: len(scale.items) for code, scale in eomhs.scales.items()} == sizes
    for code, size in sizes.items():
        assert eomhs.scales[code].items == tuple(f"{code}{number}" for number in range(1, size + 1))
        assert eomhs.scales[code].minimum_answered == 4
        assert eomhs.scales[code].reversed == ()
    assert len(eomhs.item_codes) == 31
    assert eomhs.codes("HB1") == eomhs.codes("CI1") == (1, 2, 3, 4, 5, -7, -8, -9)
    assert [name for name, missing in eomhs.missing_codes.items() if missing.structural] == ["not_relevant"]
    assert eomhs.items["CI1"].responses == "frequency"
    assert [covariate.code for covariate in eomhs.definition.covariates] == [
        *("position", "sector", "profession", "tenure", "ips_training"),
    ]


def test_the_pool_has_seven_items_a_scale_and_is_otherwise_scored_and_answered_like_1_0_0(
    pool: Instrument, eomhs: Instrument
) -> None:
    assert list(pool.scales) == list(eomhs.scales)
    for code, scale in pool.scales.items():
        assert len(scale.items) == 7
        assert all(item.startswith(code) for item in scale.items)
        assert (scale.minimum_answered, scale.reversed) == (5, ())
        assert scale.rates_leader == eomhs.scales[code].rates_leader == (code == "LS")
    assert len(pool.item_codes) == 42
    for part in ("missing", "responses", "scoring", "covariates", "speaker", "measurement", "construct_measured"):
        assert getattr(pool.definition, part) == getattr(eomhs.definition, part), part
    for language in ("en", "nb"):
        for part in ("title", "responses", "missing", "scales", "covariates"):
            assert getattr(pool.texts[language], part) == getattr(eomhs.texts[language], part), part


def test_most_of_1_0_0_stems_from_the_pool_with_three_anchors_a_scale(pool: Instrument, eomhs: Instrument) -> None:
    languages = ("en", "nb")
    for code, scale in eomhs.scales.items():
        anchors = [
            item
            for item in scale.items
            if item in pool.items
            and all(pool.texts[name].items[item].text == eomhs.texts[name].items[item].text for name in languages)
        ]
        assert len(anchors) >= 3, code
    assert sorted(set(eomhs.items) - set(pool.items)) == ["CI5", "ZE4"]
    dropped = set(pool.items) - set(eomhs.items)
    assert len(dropped) == 13
    # Codes of dropped items stand above those in use, so that no later item is taken for one of them.
    for item in dropped:
        assert int(item[2:]) > max(int(kept[2:]) for kept in eomhs.scales[item[:2]].items), item


@pytest.mark.parametrize("language", ["en", "nb"])
def test_eomhs_items_are_short_plain_and_say_whom_they_are_about(shipped: Instrument, language: str) -> None:
    items = shipped.texts[language].items
    for code, item in items.items():
        words = item.text.rstrip(".").lower().split()
        assert 8 <= len(words) <= 18, code
        assert not NEGATIONS[language] & set(words), code
        assert item.status == "draft", code
        begins = REFERENTS[language].get(code[:2], "I " if language == "en" else "Jeg ")
        assert item.text.startswith(begins), code
    joined = {code for code, item in items.items() if any(word in item.text for word in JOINED[language])}
    # In these four the word joins the two sides of one cooperation, not two questions.
    assert joined == {"CC1", "CI3", "CI4", "CI5"} & set(items)
    assert len({item.text for item in items.values()}) == len(shipped.items)


@pytest.mark.parametrize("language", ["en", "nb"])
def test_eomhs_says_how_long_it_takes_and_promises_no_anonymity(shipped: Instrument, language: str) -> None:
    text = shipped.texts[language]
    assert shipped.definition.minutes == {"0.9.0": 8, "1.0.0": 6}[shipped.version]
    assert f" {len(shipped.items)} " in text.introduction
    assert "anonym" not in text.model_dump_json().lower()
    label = text.missing["not_relevant"]
    assert label in (text.sections["CI"].introduction or "")


def test_norwegian_uses_the_terms_of_the_services(shipped: Instrument) -> None:
    words = shipped.texts["nb"].model_dump_json()
    for term in ("individuell jobbstøtte (IPS)", "NAV", "rbeid og psykisk helse", "jobbspesialist"):
        assert term in words


def test_bfi_is_described_as_its_data_are(bfi_spec: dict[str, object]) -> None:
    bfi = instruments.load(Path(__file__).parents[2] / "instruments" / "bfi" / "1.0.0")
    assert list(bfi.item_codes) == bfi_spec["items"]
    assert {code for scale in bfi.scales.values() for code in scale.reversed} == set(bfi_spec["reverse"])
    assert bfi.points("A1") == (1, 2, 3, 4, 5, 6) == bfi.codes("A1")
    assert bfi.languages == ("en", "nb")

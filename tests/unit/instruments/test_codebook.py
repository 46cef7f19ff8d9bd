"""The codebook explains every column and code of an export."""

from __future__ import annotations

import pytest

from tests.collecting import load
from toolkit.collection.flow import display_order
from toolkit.instruments.codebook import codebook


@pytest.mark.parametrize("name", ["eomhs@1.0.0", "bfi@1.0.0"])
def test_every_question_and_every_code_is_explained_once_in_every_language(name: str) -> None:
    instrument = load(name)
    book = codebook(instrument)
    texts = [f"text_{language}" for language in instrument.languages]
    assert list(book.columns) == ["variable", "code", "kind", "scales", *texts]
    assert not book.duplicated(["variable", "code"]).any()
    asked = book[book["code"] == ""]
    assert tuple(asked["variable"]) == display_order(instrument)
    for item in instrument.item_codes:
        rows = book[(book["variable"] == item) & (book["code"] != "")]
        assert tuple(rows["code"]) == tuple(str(code) for code in instrument.codes(item))
        kinds = {
            str(code): "point" if code in instrument.points(item) else "missing" for code in instrument.codes(item)
        }
        assert dict(zip(rows["code"], rows["kind"], strict=True)) == kinds
        for language in instrument.languages:
            assert list(rows[f"text_{language}"]) == list(instrument.labels(item, language).values())
    for covariate in instrument.definition.covariates:
        rows = book[(book["variable"] == covariate.code) & (book["code"] != "")]
        assert tuple(rows["code"]) == covariate.options
        assert set(rows["kind"]) == {"option"}
    assert book[texts].map(bool).all(axis=None)


def test_items_name_their_scales() -> None:
    instrument = load("bfi@1.0.0")
    asked = codebook(instrument).query("kind == 'item'").set_index("variable")["scales"]
    for scale in instrument.definition.scales:
        assert {asked[item] for item in scale.items} == {scale.code}

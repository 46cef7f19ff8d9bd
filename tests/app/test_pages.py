"""The logic of the pages, without a browser: every page, every notice, every language."""

from __future__ import annotations

from typing import NoReturn

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.pages import page_text
from toolkit import wiring
from toolkit.collection.ports import Answer
from toolkit.errors import Code, Problem, StorageError
from toolkit.ui import shell, words
from toolkit.ui.answering import Choice
from toolkit.ui.pages import notice


@pytest.mark.parametrize("language", ["en", "nb"])
@pytest.mark.parametrize("kind", sorted(notice.KINDS))
def test_every_notice_in_every_language(services: wiring.Services, kind: str, language: str) -> None:
    app = AppTest.from_file(shell.__file__)
    app.query_params["notice"] = kind
    app.session_state["page_language"] = language
    app.run()
    assert not app.exception
    heading, text = notice.KINDS[kind]
    say = words.words(language)
    assert say[heading] in page_text(app)
    assert say[text] in page_text(app)


def test_a_page_without_a_link_welcomes(services: wiring.Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.ui.pages.respond.cookie", lambda: None)
    app = AppTest.from_file(shell.__file__).run()
    assert words.words("en")["welcome_heading"] in page_text(app)


def test_an_answer_is_in_the_database_before_it_is_called_saved(
    services: wiring.Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, units = services.waves.add_service("Service", ["Unit"])
    wave = services.waves.add_wave(units, "Wave", "eomhs@1.0.0")
    (token,) = services.waves.invite(wave.id, units[0].id, 1)
    cookie = services.responding.open_link(token)
    monkeypatch.setattr("toolkit.ui.pages.respond.cookie", lambda: cookie)
    app = AppTest.from_file(shell.__file__).run()
    assert app.button(key="begin").disabled
    app.checkbox(key="agreed").check().run()
    app.button(key="begin").click().run()
    assert "/finish-later" in page_text(app)
    assert [len(radio.options) for radio in app.radio] == [8] * 5
    app.radio[0].set_value(Choice("4")).run()
    draft = services.responding.visit(cookie).draft
    assert draft is not None
    assert services.responding.visit(cookie).answers["HB1"] == Answer("4", 1)
    assert "Saved. 1 of 5" in page_text(app)
    # The database is gone for a moment: the page says so, and the answer is saved when it is back.
    writing = services.store.writing
    monkeypatch.setattr(type(services.store), "writing", _unavailable)
    app.radio[1].set_value(Choice("2")).run()
    assert words.words("en")["not_saved"] in [error.value for error in app.error]
    assert "/finish-later" not in page_text(app)
    # Another language does not put an older answer in the place of the choice that waits to be saved.
    app.radio[0].set_value(Choice("1")).run()
    app.segmented_control(key="language").set_value("nb").run()
    assert [radio.value for radio in app.radio[:2]] == [Choice("1"), Choice("2")]
    assert words.words("nb")["not_saved"] in [error.value for error in app.error]
    monkeypatch.setattr(type(services.store), "writing", writing.__func__)
    app.button(key="retry").click().run()
    assert not app.error
    assert "/finish-later" in page_text(app)
    assert services.responding.visit(cookie).answers["HB1"] == Answer("1", 2)
    assert services.responding.visit(cookie).answers["HB2"] == Answer("2", 1)


def _unavailable(_store: object) -> NoReturn:
    raise StorageError(Problem(code=Code.STO_UNAVAILABLE, what="Gone.", fix="Wait."))


def test_every_refused_link_has_a_notice() -> None:
    assert set(notice.REFUSALS.values()) <= set(notice.KINDS)


def test_pages_have_an_address_each() -> None:
    assert set(shell.PAGES) == {"", "withdraw", "overview", "unit", "change", "staff", "validation"}


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["nb-NO"], "nb"),
        (["nn"], "nb"),
        (["no"], "nb"),
        (["en-GB"], "en"),
        (["fi", "nb"], "nb"),
        (["fi"], "en"),
        ([], "en"),
    ],
)
def test_the_browser_language_comes_first(wanted: list[str], expected: str) -> None:
    assert words.best_language(wanted, ["en", "nb"], "en") == expected


def test_every_language_has_the_same_words_with_the_same_places_to_fill() -> None:
    english = words.words("en")
    for language in words.app_languages():
        other = words.words(language)
        assert other.keys() == english.keys()
        for key, text in english.items():
            assert _places(text) == _places(other[key]), key
        assert other["consent_version"] == english["consent_version"]


def _places(text: str) -> list[str]:
    return sorted(part.split("}")[0] for part in text.split("{")[1:])

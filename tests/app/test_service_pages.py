"""The pages of a service lead without a browser: what they show of the demonstration, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from toolkit import wiring
from toolkit.cli import app as command_line
from toolkit.settings import Settings
from toolkit.ui import compared, staff
from toolkit.ui.pages import change, overview, unit
from toolkit.ui.words import words

PAGES = {"overview": overview, "unit": unit, "change": change}


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[wiring.Services]:
    address = f"sqlite:///{tmp_path_factory.mktemp('demo') / 'eot.db'}"
    done = CliRunner().invoke(command_line, ["store", "demo", "--database", address])
    assert done.exit_code == 0, done.output
    wired = wiring.wire(Settings(database_url=address, demo=True))
    yield wired
    wired.engine.dispose()


@pytest.fixture
def services(demonstration: wiring.Services, monkeypatch: pytest.MonkeyPatch) -> wiring.Services:
    use(demonstration, monkeypatch)
    return demonstration


def use(wired: wiring.Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compared, "services", lambda: wired)
    # The test has no address that a browser could come from; the browser tests ask with one.
    monkeypatch.setattr(staff, "serves", lambda _: wired.settings.demo)


def opened(page: str, language: str = "en") -> AppTest:
    app = AppTest.from_string(f"from toolkit.ui.pages import {page}\n{page}.show()", default_timeout=60)
    app.session_state["page_language"] = language
    app.run()
    assert not app.exception
    return app


def told(app: AppTest) -> str:
    return " ".join(element.proto.body for element in app.get("html")) + " ".join(
        one.value for kind in (app.text, app.info, app.error, app.caption) for one in kind
    )


@pytest.mark.parametrize("language", ["en", "nb"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_in_every_language(services: wiring.Services, page: str, language: str) -> None:
    text = told(opened(page, language))
    say = words(language)
    assert say[f"{page}_heading"] in text
    assert say["compared_say"] in text
    assert say["compared_demo"] in text
    assert ("0.9.0 to 1.0.0" if language == "en" else "0.9.0 til 1.0.0") in text


def test_only_waves_that_ended_are_offered(services: wiring.Services) -> None:
    app = opened("overview")
    names = {wave.name: wave.status for wave, _ in services.waves.all()}
    assert names["Answer this one"] == "open"
    offered = app.selectbox(key="overview_wave").options
    assert offered == ["Autumn 2026", "Spring 2026", "Autumn 2025", "Spring 2025"]


def test_a_hidden_unit_names_the_next_larger_group(services: wiring.Services) -> None:
    app = opened("unit")
    seen: dict[str, str] = {}
    for service in app.selectbox(key="unit_service").options:
        app.selectbox(key="unit_service").set_value(_id(services, service)).run()
        for name in app.selectbox(key="unit_unit").options:
            app.selectbox(key="unit_unit").set_value(_id(services, name)).run()
            seen[name] = told(app)
            assert not app.exception
    hidden = {name: text for name, text in seen.items() if "The next larger group that can be shown is Service" in text}
    assert "Youth team 20" in hidden
    for name, text in hidden.items():
        assert f"{name}: not shown: too few answers or none." in text
        assert words("en")["compared_say"] not in text
    assert len(seen) == 20


def test_a_pair_that_cannot_be_compared_is_refused_with_its_reason(services: wiring.Services) -> None:
    app = opened("change")
    pairs = app.selectbox(key="change_waves").options
    first = next(pair for pair in pairs if pair.startswith("Spring 2025 \N{RIGHTWARDS ARROW} Autumn 2025"))
    waves = {wave.name: wave.id for wave, _ in services.waves.all()}
    app.selectbox(key="change_waves").set_value((waves["Spring 2025"], waves["Autumn 2025"])).run()
    assert first in pairs
    assert "no change is stated: the questionnaire changed (version 0.9.0 to 1.0.0)" in told(app)


def test_pages_are_refused_outside_a_demonstration(
    demonstration: wiring.Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = replace(demonstration, settings=demonstration.settings.model_copy(update={"demo": False}))
    use(real, monkeypatch)
    for page in PAGES:
        app = opened(page)
        assert words("en")["staff_refused"] in told(app)
        assert words("en")["compared_say"] not in told(app)


def test_an_empty_store_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wired = wiring.wire(Settings(database_url=f"sqlite:///{tmp_path / 'eot.db'}", demo=True))
    use(wired, monkeypatch)
    for page in PAGES:
        assert words("en")["compared_none"] in told(opened(page))
    wired.engine.dispose()


def test_one_wave_has_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, services: wiring.Services) -> None:
    address = f"sqlite:///{tmp_path / 'eot.db'}"
    data = Path(__file__).parents[2] / "data" / "eomhs-1.0.0-synthetic" / "responses.csv"
    command = ["store", "import", str(data), "--instrument", "eomhs@1.0.0", "--name", "Only", "--on", "2026-01-01"]
    command += ["--service", "One", "--add-units", "--freeze", "--demo", "--database", address]
    done = CliRunner().invoke(command_line, command)
    assert done.exit_code == 0, done.output
    wired = wiring.wire(Settings(database_url=address, demo=True))
    use(wired, monkeypatch)
    assert "There is one wave so far. A change needs two." in told(opened("overview"))
    assert "There is one wave so far. A change needs two." in told(opened("change"))
    assert "It is not known how many were invited." in told(opened("unit"))
    wired.engine.dispose()


def _id(services: wiring.Services, name: str) -> str:
    places = services.waves.services()
    by_name = {place.service.name: place.service.id for place in places}
    by_name |= {unit.name: unit.id for place in places for unit in place.units}
    return by_name[name]

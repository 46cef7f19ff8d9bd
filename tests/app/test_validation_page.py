"""The logic of the validation page, without a browser."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.pages import page_text
from toolkit import wiring
from toolkit.collection.ports import Unit, Wave
from toolkit.disclosure.thresholds import NOT_SHOWN
from toolkit.errors import Code
from toolkit.ui import shell, staff, words
from toolkit.ui.pages import validation
from toolkit.validation.jobs import Progress

SHIPPED = Path(__file__).parents[2] / "data" / "eomhs-1.0.0-synthetic" / "responses.csv"
EN = words.words("en")
SECONDS = 60.0


def _page() -> None:
    from toolkit.ui.pages import validation as page

    page.show()


def opened(language: str = "en", **query: str) -> AppTest:
    app = AppTest.from_function(_page, default_timeout=SECONDS)
    app.session_state["page_language"] = language
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def with_file(content: bytes, *, name: str = "answers.csv", language: str = "en") -> AppTest:
    app = opened(language)
    app.radio(key="validation_kind").set_value("file").run()
    app.file_uploader(key="validation_upload").set_value((name, content, "text/csv")).run()
    app.number_input(key="validation_datasets").set_value(20).run()
    return app


def start(app: AppTest) -> AppTest:
    app.button(key="validation_start").click().run()
    assert not app.exception
    return app


def run_of(app: AppTest) -> str:
    (value,) = [app.query_params["run"]] if isinstance(app.query_params["run"], str) else app.query_params["run"]
    return value


def finished(app: AppTest, services: wiring.Services) -> AppTest:
    """Wait for the run that the address names, then show the page again."""
    job = services.jobs.wait(run_of(app), seconds=SECONDS)
    assert job is not None
    assert job.ended
    app.run()
    assert not app.exception
    return app


def open_wave(services: wiring.Services, name: str) -> tuple[Wave, Unit]:
    _, units = services.waves.add_service("Service", ["Hidden unit"])
    return services.waves.add_wave(units, name, "eomhs@1.0.0"), units[0]


def frozen_wave(services: wiring.Services, n: int) -> str:
    wave, unit = open_wave(services, f"Wave of {n}")
    for person, token in enumerate(services.waves.invite(wave.id, unit.id, n)):
        cookie = services.responding.open_link(token)
        draft = services.responding.begin(cookie, language="en", consent_version="1")
        for number, item in enumerate(services.responding.visit(cookie).instrument.item_codes):
            code = 1 + (person * 7 + number * person + person // 3) % 5
            services.responding.save(cookie, draft.id, item, str(code), base=None)
        services.responding.submit(cookie, draft.id)
    services.waves.freeze(wave.id)
    return wave.id


def test_a_file_becomes_a_report_and_the_second_run_is_the_stored_one(services: wiring.Services) -> None:
    content = SHIPPED.read_bytes()
    app = finished(start(with_file(content)), services)
    assert [note.value for note in app.success] == [EN["validation_done"]]
    text = page_text(app)
    for words_of_the_page in (
        "600",
        "31 in 6 scales",
        "Alpha: Health benefit of work",
        "Extracted: 6. Suggested by parallel analysis: 5.",
    ):
        assert words_of_the_page in text
    assert "0.86 (interval 0.84 to 0.88); with units 0.84 to 0.88; ICC(1) 0.02, design effect 1.91" in text
    assert EN["validation_synthetic"] in [note.value for note in app.info]
    key = run_of(app)
    assert f"{staff.REPORTS}/{key}" in text
    report = services.jobs.find(key).result
    assert report.results["input"]["name"] == "answers.csv"
    with zipfile.ZipFile(io.BytesIO(validation._zipped(report.files))) as archive:
        assert {f"tables/{name}.csv" for name in ("items", "loadings", "reliability")} <= set(archive.namelist())
        assert archive.read("tables/items.csv").decode() == report.files["tables/items.csv"]
    fit = report.results["confirmation"]["result"]["fit"]
    assert f"CFI {fit['cfi.robust']:.3f}, RMSEA {fit['rmsea.robust']:.3f}" in text
    # Report, numbers and all tables; the path diagram; and every table of the confirmatory model.
    assert len(app.get("download_button")) == 3 + 1 + 9
    page = report.confirmation["en"]
    assert page.sentences[0].startswith("The model has one factor for each of 6 scales")
    for sentence in page.sentences:
        assert sentence in [text.value for text in app.text]
    assert "R0" not in "".join(table.to_csv() for table in page.tables.values())
    # Another tab asks for the same: it is there at once, and says so.
    other = start(with_file(content))
    assert [note.value for note in other.success] == [EN["validation_stored"]]
    assert run_of(other) == key
    # The address alone shows it too, in another language, with that language's numbers.
    again = opened("nb", run=key)
    assert "0,8" in page_text(again)
    assert words.words("nb")["validation_done"] in [note.value for note in again.success]


def test_the_choices_of_the_confirmatory_model_reach_the_run(services: wiring.Services) -> None:
    app = with_file(SHIPPED.read_bytes(), language="nb")
    app.selectbox(key="validation_model").select("own").run()
    app.text_area(key="validation_model_text").set_value("work =~ HB1 + HB2 + HB3 + HB4 + TB1").run()
    app.selectbox(key="validation_estimator").select("ML").run()
    assert app.selectbox(key="validation_invariance").options[:3] == ["ingenting", "språk", "tjeneste"]
    app.selectbox(key="validation_invariance").select("language").run()
    app.checkbox(key="validation_split").check().run()
    app = finished(start(app), services)
    report = services.jobs.find(run_of(app)).result
    plan = report.results["plan"]
    assert (plan["cfa_estimator"], plan["invariance_by"], plan["split"]) == ("ML", "language", True)
    assert plan["model"] == "work =~ HB1 + HB2 + HB3 + HB4 + TB1\n"
    assert report.results["confirmation"]["sample"] == "other_half"
    assert set(report.confirmation["nb"].figures) == {"cfa-path", "invariance-ladder"}
    text = page_text(app)
    assert words.words("nb")["validation_groups"] in text
    verdict = report.results["confirmation"]["invariance"]["verdict"]
    assert words.words("nb")[f"validation_verdict_{verdict}"] in text
    assert "den halvdelen, trukket med startverdien" in " ".join(one.value for one in app.text)


def test_a_model_that_cannot_be_read_is_refused_with_its_line(services: wiring.Services) -> None:
    app = with_file(SHIPPED.read_bytes())
    app.selectbox(key="validation_model").select("own").run()
    app.text_area(key="validation_model_text").set_value("work =~ HB1 +").run()
    app = start(app)
    assert [error.value for error in app.error] == [EN["validation_refused"]]
    assert Code.STA_MODEL_SYNTAX in page_text(app)
    assert "run" not in app.query_params
    app.selectbox(key="validation_model").select("none").run()
    app = finished(start(app), services)
    report = services.jobs.find(run_of(app)).result
    assert report.results["confirmation"] is None
    assert report.confirmation == {}
    assert EN["validation_groups"] not in page_text(app)


def test_the_language_of_a_wave_can_be_compared_and_few_are_protected(services: wiring.Services) -> None:
    frozen_wave(services, 40)
    app = opened()
    assert app.selectbox(key="validation_invariance").options[:2] == ["nothing", "language"]
    app.number_input(key="validation_datasets").set_value(20).run()
    app.selectbox(key="validation_invariance").select("language").run()
    finished(start(app), services)
    found = services.jobs.find(run_of(app)).result.results
    assert found["confirmation"]["invariance"] is None
    (absent,) = [one for one in found["not_computed"] if one["statistic"] == "invariance"]
    assert absent["problems"][0]["got"] == NOT_SHOWN["en"]


def test_a_damaged_file_is_refused_with_row_column_value_and_fix(services: wiring.Services) -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    column = lines[0].split(",").index("HB2")
    cells = lines[3].split(",")
    cells[column] = "9"
    app = start(with_file("\n".join([*lines[:3], ",".join(cells), *lines[4:]]).encode(), name="damaged.csv"))
    assert [error.value for error in app.error] == [EN["validation_refused"]]
    text = page_text(app)
    for part in ("damaged.csv", "row 4", "column HB2", ': <span lang="en">9</span>', EN["validation_fix"]):
        assert part in text
    assert Code.RSP_CODE_NOT_ALLOWED in text
    assert "run" not in app.query_params


def test_what_a_file_says_is_shown_as_words(services: wiring.Services) -> None:
    app = start(with_file(b"<b>x</b>,y\n1\n", name="a<i>.csv"))
    text = page_text(app)
    assert "a&lt;i&gt;.csv" in text
    assert "<i>" not in text


def test_a_failing_run_says_why(services: wiring.Services) -> None:
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()[:3]
    app = finished(start(with_file("\n".join(lines).encode())), services)
    assert [error.value for error in app.error] == [EN["validation_failed"]]
    assert Code.RSP_TOO_FEW_RESPONDENTS in page_text(app)


def test_a_frozen_wave_is_validated_and_protected(services: wiring.Services) -> None:
    frozen_wave(services, 40)
    app = opened()
    assert app.selectbox(key="validation_wave").options == ["Wave of 40"]
    app.number_input(key="validation_datasets").set_value(20).run()
    finished(start(app), services)
    report = services.jobs.find(run_of(app)).result
    assert report.results["data"]["smallest_group"] == 10
    assert report.results["input"]["name"] == "Wave of 40"
    assert [name for name, content in report.files.items() if "Hidden unit" in content or "R00001" in content] == []


@pytest.mark.parametrize("language", ["en", "nb"])
def test_a_wave_of_few_says_only_that_it_is_not_shown(services: wiring.Services, language: str) -> None:
    frozen_wave(services, 9)
    app = start(opened(language))
    assert NOT_SHOWN[language] in [note.value for note in app.info]
    assert not app.error
    assert "run" not in app.query_params


def test_only_frozen_waves_are_offered_and_the_service_refuses_others(services: wiring.Services) -> None:
    wave, _ = open_wave(services, "Still open")
    app = opened()
    assert EN["validation_no_wave"] in [note.value for note in app.info]
    assert app.button(key="validation_start").disabled
    services.waves.freeze(wave.id)
    app.run()
    assert app.selectbox(key="validation_wave").options == ["Still open"]
    assert not app.button(key="validation_start").disabled


def test_a_wave_that_is_not_frozen_is_refused(services: wiring.Services, monkeypatch: pytest.MonkeyPatch) -> None:
    wave, _ = open_wave(services, "Still open")
    monkeypatch.setattr("toolkit.ui.validating.frozen_waves", lambda _name: (wave,))
    app = start(opened())
    assert [error.value for error in app.error] == [EN["validation_refused"]]
    assert Code.COL_WAVE_NOT_FROZEN in page_text(app)


def test_a_run_is_watched_and_cancelled(services: wiring.Services) -> None:
    begun = Event()

    def work(progress: Progress, cancelled: Callable[[], bool]) -> Any:
        progress(3, 8, "Exploring the factors")
        begun.set()
        while not cancelled():
            begun.wait(0.01)
        raise _stopped()

    key = "0" * 64
    services.jobs.start(key, work)
    assert begun.wait(SECONDS)
    app = opened("nb", run=key)
    assert app.get("progress")[0].proto.text == words.words("nb")["validation_step_3"]
    app.button(key="validation_cancel").click().run()
    assert services.jobs.wait(key, seconds=SECONDS).state == "cancelled"
    app.run()
    assert words.words("nb")["validation_cancelled"] in [note.value for note in app.info]


def _stopped() -> Exception:
    from toolkit.validation import RunCancelledError

    return RunCancelledError()


def test_a_forgotten_run_says_so(services: wiring.Services) -> None:
    assert EN["validation_forgotten"] in [note.value for note in opened(run="1" * 64).info]


def test_the_newest_version_comes_first_and_a_broken_one_says_why(
    services: wiring.Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from toolkit.instruments.catalog import Catalog

    source = services.settings.catalog / "eomhs" / "1.0.0"
    for version in ("1.2.0", "1.10.0"):
        folder = tmp_path / "more" / "eomhs" / version
        folder.mkdir(parents=True)
        for file in source.iterdir():
            (folder / file.name).write_text(
                file.read_text(encoding="utf-8").replace("1.0.0", version), encoding="utf-8"
            )
    (tmp_path / "more" / "eomhs" / "1.10.0" / "definition.yaml").write_text("nothing: [", encoding="utf-8")
    more = replace(services, catalog=Catalog((services.settings.catalog, tmp_path / "more")))
    for module in ("pages.validation", "validating", "staff"):
        monkeypatch.setattr(f"toolkit.ui.{module}.services", lambda: more)
    app = opened()
    chosen = app.selectbox(key="validation_instrument")
    assert [option.rsplit("@", maxsplit=1)[1].rstrip(")") for option in chosen.options] == [
        "1.10.0",
        "1.2.0",
        "1.0.0",
        "0.9.0",
    ]
    assert Code.DEF_YAML in page_text(app)
    chosen.select("eomhs@1.2.0").run()
    assert Code.DEF_YAML not in page_text(app)
    nothing = replace(services, catalog=Catalog((tmp_path / "empty",)))
    monkeypatch.setattr("toolkit.ui.pages.validation.services", lambda: nothing)
    assert EN["validation_no_instrument"] in [note.value for note in opened().info]


def test_staff_pages_name_each_other_and_mark_the_current_one(services: wiring.Services) -> None:
    text = page_text(opened("nb"))
    say = words.words("nb")
    assert f'<a href="/staff?language=nb" target="_self">{say["staff_heading"]}</a>' in text
    assert (
        f'<a href="/validation?language=nb" target="_self" aria-current="page">{say["validation_heading"]}</a>' in text
    )
    assert set(staff.PAGES) <= set(shell.PAGES)


def test_the_language_comes_with_the_link(services: wiring.Services) -> None:
    app = AppTest.from_function(_page, default_timeout=SECONDS)
    app.query_params["language"] = "nb"
    assert words.words("nb")["validation_introduction"] in page_text(app.run())
    app.segmented_control(key="page_language").set_value("en").run()
    assert EN["validation_introduction"] in page_text(app)


def test_nothing_is_served_outside_a_demonstration(services: wiring.Services, monkeypatch: pytest.MonkeyPatch) -> None:
    assert staff.serves("127.0.0.1")
    assert not staff.serves("192.0.2.7")
    ordinary = replace(services, settings=services.settings.model_copy(update={"demo": False}))
    monkeypatch.setattr("toolkit.ui.staff.services", lambda: ordinary)
    app = opened()
    assert [error.value for error in app.error] == [EN["staff_refused"]]
    assert not app.button
    assert "eot-staff" not in page_text(app)
    assert json.dumps(page_text(app)).count("eomhs") == 0

"""The report is one accessible page that loads nothing, with every number also in tables."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from toolkit import instruments
from toolkit import psychometrics as pm
from toolkit.errors import Code, DefinitionError
from toolkit.instruments import Instrument
from toolkit.reporting import narrative, write_validation_report
from toolkit.reporting.confirmation_narrative import confirmation_sentences
from toolkit.reporting.confirmation_report import confirmation_page, confirmation_tables
from toolkit.reporting.table import Table, shown
from toolkit.reporting.validation_report import report_language, validation_report_files, validation_work
from toolkit.storage.response_files import read_responses
from toolkit.validation import InputFile, RunCancelledError, ValidationPlan, ValidationRun, validate
from toolkit.validation.run import STEPS

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT / "data" / "eomhs-1.0.0-synthetic" / "responses.csv"


@pytest.fixture(scope="module")
def eomhs() -> Instrument:
    return instruments.load("eomhs@1.0.0")


@pytest.fixture(scope="module")
def run(eomhs: Instrument) -> ValidationRun:
    answers = read_responses(DATA, eomhs).iloc[:250].copy()
    answers["HB1"] = 4.0
    return validate(eomhs, answers, plan=ValidationPlan(n_datasets=20))


@pytest.fixture(scope="module")
def folder(run: ValidationRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report") / "new"
    files = write_validation_report(run, place)
    assert [file.name for file in files[:2]] == ["report.html", "results.json"]
    assert all(file.is_file() for file in files)
    return place


@pytest.fixture(scope="module")
def page(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


class Outline(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self) -> None:
        HTMLParser.__init__(self)
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    return parser


def test_the_page_loads_nothing(page: str, outline: Outline) -> None:
    assert "default-src 'none'" in page
    for name in ("script", "link", "img", "iframe", "object"):
        assert outline.of(name) == []
    assert re.findall(r"url\((?!#)|@import|\bsrc=", page) == []
    outside = {attributes["href"] for attributes in outline.of("a") if not str(attributes["href"]).startswith("#")}
    assert all(str(link).startswith("https://doi.org/") for link in outside)


def test_the_page_has_language_headings_captions_and_scopes(page: str, outline: Outline) -> None:
    assert outline.of("html") == [{"lang": "en"}]
    assert len(outline.of("h1")) == 1
    assert page.count("<caption>") == len(outline.of("table")) > 10
    assert all(attributes.get("scope") in {"col", "row"} for attributes in outline.of("th"))
    levels = [int(tag[1]) for tag, _ in outline.tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    identifiers = [str(attributes["id"]) for _, attributes in outline.tags if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for attributes in outline.of("a"):
        link = str(attributes["href"])
        assert not link.startswith("#") or link[1:] in identifiers


def test_every_chart_has_words_and_a_table(run: ValidationRun, outline: Outline, page: str, folder: Path) -> None:
    pictures = [attributes for _, attributes in outline.tags if attributes.get("role") == "img"]
    assert len(pictures) == page.count("<figure>") == 6 + 5 + 3
    named = [attributes for attributes in pictures if "aria-label" in attributes]
    # The path diagram holds its title and its words itself.
    assert len(named) == len(pictures) - 1
    assert all(len(str(attributes["aria-label"])) > 40 for attributes in named)
    (other,) = [attributes for attributes in pictures if attributes not in named]
    for part in str(other["aria-labelledby"]).split():
        assert f'id="{part}"' in page
    for name in ("distribution", "reliability", "item_analysis", "scores", "eigenvalues", "loadings"):
        assert (folder / "tables" / f"{name}.csv").is_file()


def test_warnings_and_synthetic_answers_are_told(page: str) -> None:
    assert "STA_CONSTANT_ITEM" in page
    assert "Synthetic answers." in page
    assert "(exploratory)" in page


def test_tables_hold_the_numbers_of_the_run_in_full(run: ValidationRun, folder: Path) -> None:
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    with (folder / "tables" / "reliability.csv").open(encoding="utf-8", newline="") as file:
        rows = {(row["scale"], row["coefficient"]): row for row in csv.DictReader(file)}
    for code, scale in results["scales"].items():
        assert float(rows[code, "alpha"]["estimate"]) == scale["alpha"]["estimate"]
        assert float(rows[code, "omega total"]["low"]) == scale["omega"]["interval"]["low"]
    with (folder / "tables" / "distribution.csv").open(encoding="utf-8", newline="") as file:
        counts = {row["item"]: row for row in csv.DictReader(file)}
    for item, found in results["items"].items():
        for code, count in found["distribution"].items():
            assert int(counts[item][code]) == count


def test_every_coefficient_stands_side_by_side_and_with_its_formula(
    run: ValidationRun, page: str, folder: Path
) -> None:
    wide = pd.read_csv(folder / "tables" / "reliability_side_by_side.csv", index_col="coefficient")
    long = pd.read_csv(folder / "tables" / "coefficients.csv").set_index(["scale", "coefficient"])
    assert list(wide.columns) == list(run.scales)
    for code, scale in run.scales.items():
        assert len(scale.coefficients) == len(wide) == 20
        for line in scale.coefficients:
            row = long.loc[(code, line.name)]
            assert row["estimate"] == line.estimate == wide.loc[row["of"], code]
            assert (row["formula"], row["n_persons"]) == (line.formula, line.n_persons)
    assert "<caption>Reliability: every coefficient side by side</caption>" in page
    assert "<details><summary>Table: Reliability coefficients with their intervals and formulas" in page
    assert run.scales["TB"].coefficients[-1].formula in page


def test_the_criteria_for_the_number_of_factors_stand_side_by_side(run: ValidationRun, page: str, folder: Path) -> None:
    retention = run.structure.retention
    assert retention.table["n_factors"].notna().any()
    assert "Number of factors: the criteria side by side" in page
    assert retention.reading in page
    written = pd.read_csv(folder / "tables" / "number_of_factors.csv")
    assert written["criterion"].tolist() == retention.table.index.tolist()
    pd.testing.assert_series_equal(
        written["n_factors"].astype(float), retention.table["n_factors"].reset_index(drop=True)
    )


def test_a_text_that_a_spreadsheet_would_run_is_defused() -> None:
    frame = pd.DataFrame({"text": ["=1+1", "@cmd", "+x", "-x", "plain", "-7"], "number": [-1.5, 2, 3, 4, 5, 6]})
    rows = list(csv.reader(Table(name="t", caption="t", frame=frame).to_csv().splitlines()))
    assert [row[0] for row in rows[1:]] == ["'=1+1", "'@cmd", "'+x", "'-x", "plain", "-7"]
    assert rows[1][1] == "-1.5"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.125, 2, "0.12"),
        (-0.004, 2, "0.00"),
        (-1.5, 1, "\N{MINUS SIGN}1.5"),
        (12345, 0, "12,345"),
        (float("nan"), 2, "\N{EN DASH}"),
        (None, 0, "\N{EN DASH}"),
        (pd.NA, 0, "\N{EN DASH}"),
        (True, 0, "yes"),
        (1e-9, 6, "1.0e\N{MINUS SIGN}09"),
        ("word", 0, "word"),
    ],
)
def test_cells_as_a_page_shows_them(value: Any, decimals: int, text: str) -> None:
    assert shown(value, decimals) == text


def test_sentences_carry_the_uncertainty_and_the_formula(run: ValidationRun) -> None:
    told = " ".join(narrative.summary(run, language="en"))
    alpha = run.scales["TB"].alpha
    assert alpha is not None
    assert f"alpha {alpha.estimate:.2f} ({alpha.interval.low:.2f} to {alpha.interval.high:.2f})" in told
    assert alpha.method in told
    assert "This is exploratory." in told
    assert "HB1" in told
    assert narrative.p_value(0.0001) == "p < .001"
    assert narrative.p_value(0.04) == "p = 0.040"


def test_the_item_texts_speak_the_chosen_language(run: ValidationRun, eomhs: Instrument, tmp_path: Path) -> None:
    write_validation_report(run, tmp_path, language="nb")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert eomhs.texts["nb"].items["TB1"].text in page
    assert eomhs.texts["en"].items["TB1"].text not in page


def test_a_language_that_the_instrument_lacks_is_refused(eomhs: Instrument) -> None:
    assert (report_language(eomhs, None), report_language(eomhs, "nb")) == ("en", "nb")
    with pytest.raises(DefinitionError) as refused:
        report_language(eomhs, "fr")
    assert refused.value.codes == (Code.DEF_LANGUAGE_ABSENT,)


def test_the_same_run_gives_the_same_files(run: ValidationRun, folder: Path, tmp_path: Path) -> None:
    again = write_validation_report(run, tmp_path)
    for file in again:
        assert file.read_bytes() == (folder / file.relative_to(tmp_path)).read_bytes()


def test_the_work_of_a_report_makes_the_same_files_in_one_more_step(eomhs: Instrument) -> None:
    frame = read_responses(DATA, eomhs).iloc[:100]
    plan = ValidationPlan(n_datasets=20)
    source = InputFile(name="answers.csv", sha256="0" * 64)
    work = validation_work(eomhs, frame, plan=plan, source=source, language="nb")
    seen: list[tuple[int, int, str]] = []
    report = work(lambda *step: seen.append(step), lambda: False)
    assert [(step, n_steps) for step, n_steps, _ in seen] == [(step, len(STEPS) + 1) for step in range(len(STEPS) + 1)]
    assert [label for _, _, label in seen] == [*STEPS, "Making the report"]
    assert (report.instrument, report.source) == (eomhs.name, "answers.csv")
    assert report.scale_names["HB"] == eomhs.texts["nb"].scales["HB"].name
    expected = validate(eomhs, frame, plan=plan, source=source)
    assert report.results["content_sha256"] == expected.to_dict()["content_sha256"]
    assert report.files["tables/items.csv"] == validation_report_files(expected, language="nb")["tables/items.csv"]
    # Stopped while the report is made: no report.
    steps: list[int] = []
    with pytest.raises(RunCancelledError):
        work(lambda step, _steps, _label: steps.append(step), lambda: steps[-1:] == [len(STEPS)])
    assert steps[-1] == len(STEPS)


@pytest.fixture(scope="module")
def confirmatory(eomhs: Instrument) -> ValidationRun:
    """A model that cannot be read, fitted to one half, and compared over languages."""
    answers = read_responses(DATA, eomhs)
    model = "work =~ HB1 + HB2 + HB3 + HB4\ntreatment =~ TB1 + TB2 + TB3\nHB1 ~~ -0.3*HB1\n"
    plan = ValidationPlan(n_datasets=20, model=model, cfa_estimator="ML", split=True, invariance_by="language")
    return validate(eomhs, answers, plan=plan)


def test_a_solution_that_cannot_be_read_is_flagged_wherever_it_stands(confirmatory: ValidationRun) -> None:
    assert confirmatory.confirmation is not None
    assert not confirmatory.confirmation.usable
    files = validation_report_files(confirmatory)
    page = files["report.html"]
    section = page[page.index('id="confirmation"') : page.index('id="ratings"')]
    assert section.count('class="banner flag"') >= 1
    assert "Inadmissible solution" in section
    assert "negative residual variance of HB1" in section
    assert re.search(r"Path diagram[^<]*cannot be read", section)
    assert "<svg" in section
    for table in ("cfa_fit", "cfa_loadings"):
        assert f"tables/{table}.csv" in files
    assert "Inadmissible solution" in " ".join(narrative.summary(confirmatory, language="en"))
    assert "the half, drawn with the seed" in section
    assert "The other half stays for confirming." in page


def test_the_confirmatory_section_shows_no_number_that_is_none(confirmatory: ValidationRun, page: str) -> None:
    broken = validation_report_files(confirmatory)["report.html"]
    for text in (page, broken):
        section = text[text.index('id="confirmation"') : text.index('id="ratings"')]
        words = re.sub(r"<[^>]*>", " ", re.sub(r"<style.*?</style>", " ", section, flags=re.DOTALL))
        assert not re.search(r"\b(nan|NaN|None|inf)\b", words)
        assert "{" not in words


def test_the_confirmatory_section_says_what_was_confirmed_on_whom(run: ValidationRun, page: str, folder: Path) -> None:
    assert '<li><a href="#confirmation">Confirmatory model</a></li>' in page
    section = page[page.index('id="confirmation"') : page.index('id="ratings"')]
    assert "The model has one factor for each of 6 scales" in section
    assert "the same persons that were explored" in section
    assert "Answers are taken as ordered (WLSMV)" in section
    assert section.count("<svg") == 3
    assert run.confirmation is not None
    assert run.confirmation.result is not None
    written = pd.read_csv(folder / "tables" / "cfa_fit.csv").set_index("code")
    assert written.loc["cfi", "robust"] == run.confirmation.result.fit["cfi.robust"]
    assert "HB: Health benefit of work" in section


def test_scales_that_state_no_model_leave_the_reason(eomhs: Instrument) -> None:
    definition = eomhs.definition.model_copy(update={"scales": ()})
    bare = Instrument(definition=definition, texts=eomhs.texts, definition_hash=eomhs.definition_hash)
    run = validate(bare, read_responses(DATA, eomhs).iloc[:80], plan=ValidationPlan(n_datasets=20))
    page = validation_report_files(run)["report.html"]
    section = page[page.index('id="confirmation"') : page.index('id="ratings"')]
    assert "There is no confirmatory model." in section
    assert "scales" in section


def test_sentences_stand_in_every_language(run: ValidationRun, confirmatory: ValidationRun) -> None:
    for one in (run, confirmatory):
        for language in ("en", "nb"):
            page = confirmation_page(one, language=language)
            assert page is not None
            assert bool(page.flags) == (one is confirmatory)
            assert bool(page.invariance) == (one is confirmatory)
            assert all("{" not in sentence for sentence in (*page.sentences, *page.invariance, page.codes))
    norwegian = confirmation_page(run, language="nb")
    assert norwegian is not None
    assert norwegian.sentences[0].startswith("Modellen har én faktor for hver av 6 skalaer")
    assert "0," in norwegian.sentences[2]


def test_simulated_cut_offs_and_other_structures_have_tables(eomhs: Instrument, run: ValidationRun) -> None:
    assert run.confirmation is not None
    complete = read_responses(DATA, eomhs)[["HB1", "HB2", "HB3", "HB4"]]
    fitted = pm.cfa(complete.where(complete > 0), "HB =~ HB1 + HB2 + HB3 + HB4", ordered=True)
    cutoffs = pm.dynamic_fit_cutoffs(fitted, n_replications=20, rng=1)
    told = replace(run, confirmation=replace(run.confirmation, dynamic_cutoffs=cutoffs))
    tables = {table.name: table for table in confirmation_tables(told, spoken="en")}
    assert list(tables["cfa_dynamic_cutoffs"].frame["level"])[:3] == ["the model holds"] * 3
    assert "dynamic cut-off, the model holds" in {heading for _, heading, _ in tables["cfa_fit"].columns}
    structures = tables["cfa_structures"].frame
    assert list(structures["structure"]) == ["correlated factors (model of this run)", "one factor"]
    assert "Simulated cut-offs" in " ".join(confirmation_sentences(told))

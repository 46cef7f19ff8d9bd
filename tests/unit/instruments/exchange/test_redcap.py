"""REDCap data dictionaries, written and read."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.form_drafts import drafted, written
from toolkit import instruments
from toolkit.errors import Code, DefinitionError
from toolkit.instruments import Instrument
from toolkit.instruments.exchange import ExportOptions, ImportOptions, exporter, importer
from toolkit.instruments.exchange.redcap import COLUMNS

GOLDEN = Path(__file__).parent / "golden"
OPTIONS = ImportOptions(file="dictionary.csv")
HEADER = ",".join(f'"{name}"' for name in COLUMNS) + "\n"


def dictionary(*rows: dict[str, str]) -> bytes:
    """Write rows below the header; keys are the first words of the columns."""
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([row.get(name.split(" ")[0].strip(",").lower(), "") for name in COLUMNS])
    return made.getvalue().encode()


def item(name: str, **cells: str) -> dict[str, str]:
    return {"variable": name, "form": "f", "choices": "1, No | 2, Yes", **cells} | {
        "field": cells.get("field", "radio")
    }


def test_the_dictionary_is_as_written_by_hand(mood: Instrument) -> None:
    made = exporter("redcap")(mood, ExportOptions())
    assert list(made.files) == ["mood-1.0.0.redcap.en.csv"]
    rows = list(csv.reader(io.StringIO(made.files["mood-1.0.0.redcap.en.csv"].decode(), newline="")))
    with (GOLDEN / "mood.redcap.en.csv").open(encoding="utf-8", newline="") as golden:
        assert rows == list(csv.reader(golden))
    assert {len(row) for row in rows} == {18}
    assert {loss.where for loss in made.losses} >= {"scales", "scoring", "speaker", "*: items.*.status"}


def test_a_dictionary_of_another_project_becomes_a_draft(tmp_path: Path) -> None:
    made = importer("redcap")((GOLDEN / "clinic.redcap.csv").read_bytes(), OPTIONS)
    draft = written(made, tmp_path)
    assert draft.id == "clinic-visit"
    assert draft.item_codes == ("wait", "staff", "pain", "sleep", "again")
    assert draft.codes("wait") == (1, 2, 3, 99)
    assert draft.points("wait") == (1, 2, 3)
    assert draft.labels("wait", "en") == {1: "No", 2: "Partly, at times", 3: "Yes", 99: "Don’t know"}
    assert draft.texts["en"].items["wait"].text == "The wait was short."
    assert draft.texts["en"].items["wait"].help == "Think of today"
    assert draft.points("again") == (0, 1)
    assert [section.items for section in draft.definition.sections] == [("wait", "staff"), ("pain", "sleep", "again")]
    assert [(one.code, one.options) for one in draft.definition.covariates] == [("ward", ("north", "south"))]
    told = "\n".join(str(loss) for loss in made.losses)
    for lost in (
        *("[wait] > '1'", "the mark as required: 'y'", "the matrix: 'nights'", "[pain] + [sleep]", "@HIDDEN-PDF"),
        *("visit_date", "row 11, tags", "row 12, remarks", "study_id", "HTML was removed", "'99' is read as a missing"),
    ):
        assert lost in told


def test_other_languages_are_files_of_their_own() -> None:
    eomhs = instruments.load("eomhs@1.0.0")
    made = exporter("redcap")(eomhs, ExportOptions(languages=("nb", "en")))
    assert list(made.files) == ["eomhs-1.0.0.redcap.nb.csv", "eomhs-1.0.0.redcap.en.csv"]
    draft = importer("redcap")(made.files["eomhs-1.0.0.redcap.nb.csv"], OPTIONS)
    assert list(draft.texts) == ["nb"]


def test_names_of_fields_are_short_small_and_told_apart() -> None:
    rows = [item("A_very_long_name_of_a_field_1"), item("A_very_long_name_of_a_field_2"), item("Record_ID")]
    made = importer("redcap")(dictionary(*rows), ImportOptions(file="f.csv", id="long"))
    definition = made.definition_yaml
    assert "A_very_long_name_of_a_field_1" in definition
    again = exporter("redcap")(drafted(made), ExportOptions())
    lines = list(csv.reader(io.StringIO(next(iter(again.files.values())).decode(), newline="")))
    names = [line[0] for line in lines[1:]]
    assert names == [
        "record_id",
        "introduction",
        "a_very_long_name_of_a_fiel",
        "a_very_long_name_of_a_fi_2",
        "record_id_2",
    ]


def test_no_cell_starts_a_formula(mood: Instrument) -> None:
    text = mood.texts["en"]
    items = {code: one.model_copy(update={"text": "=SUM(A1)", "help": "+1"}) for code, one in text.items.items()}
    changed = text.model_copy(update={"items": items, "title": "@x", "introduction": "-2 [m1] <b>"})
    attacked = Instrument(definition=mood.definition, texts={"en": changed}, definition_hash="")
    made = exporter("redcap")(attacked, ExportOptions())
    content = next(iter(made.files.values()))
    for row in csv.reader(io.StringIO(content.decode(), newline="")):
        assert all(cell[:1] not in ("=", "+", "-", "@") for cell in row)
    assert "[m1]" not in content.decode()
    assert "<b>" not in content.decode()
    back = drafted(importer("redcap")(content, OPTIONS))
    assert back.texts["en"].items["M1"].text == "=SUM(A1)"
    assert back.texts["en"].introduction == "-2 [m1] <b>"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"PK\x03\x04", "zip"),
        (b"a,b\n1,2\n", "no column"),
        (HEADER.encode() + b"\xff,1\n", "UTF-8"),
        (HEADER.encode() + b"a\x00,1\n", "zero byte"),
        (HEADER.encode() + b'"a"b,1\n', "quotation"),
        (HEADER.encode() + b",".join([b"x"] * 19), "more cells"),
        (b'"Field Label",' + HEADER.encode(), "twice"),
        (HEADER.encode() + b"x" * (11 * 1024 * 1024), "too large"),
        (HEADER.encode() + b"a\n" * 100_001, "too large"),
    ],
)
def test_what_is_no_dictionary_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        importer("redcap")(content, OPTIONS)
    assert caught.value.codes == (Code.DEF_FOREIGN_FILE,)
    assert words in caught.value.problems[0].what
    assert caught.value.problems[0].file == "dictionary.csv"


def test_a_dictionary_without_questions_is_refused() -> None:
    with pytest.raises(DefinitionError) as caught:
        importer("redcap")(dictionary(item("a", field="text")), OPTIONS)
    assert caught.value.codes == (Code.DEF_NOTHING_TO_IMPORT,)


def test_odd_choices_are_told() -> None:
    many = " | ".join(f"{code}, Label {code}" for code in range(5000))
    rows = [
        item("many", choices=many),
        item("twice", choices="1, A | 1, B | 2, C"),
        item("mixed", choices="1, A | 2, B | NA, Not asked"),
        item("mixed", choices="2, A | 1, B"),
        item("one", choices="1, A | nothing"),
        item("range", choices="-2, A | -1, B | 0, C | 1, D"),
    ]
    made = importer("redcap")(dictionary(*rows), OPTIONS)
    draft = drafted(made)
    assert draft.item_codes == ("twice", "mixed", "mixed_2", "range")
    assert draft.codes("mixed") == (1, 2, -71)
    assert draft.points("range") == (-2, -1, 0, 1)
    told = [str(loss) for loss in made.losses]
    for words in (
        "more than 1000 answers",
        "the code '1' is used twice",
        "'mixed' is called 'mixed_2'",
        "'nothing' is left out",
    ):
        assert any(words in one for one in told), words
    assert any("order of their codes" in one for one in told)


def labelled(*labels: str) -> bytes:
    made = io.StringIO()
    rows = [[f"q{place}", "f", "", "radio", label, "1, No | 2, Yes"] for place, label in enumerate(labels)]
    csv.writer(made).writerows([COLUMNS, *rows])
    return made.getvalue().encode()


def test_html_that_is_left_open_takes_no_time() -> None:
    label = "<script>" * 8000 + "<!--" * 8000 + "< " * 8000
    assert drafted(importer("redcap")(labelled(*[label] * 50), OPTIONS)).item_codes[49] == "q49"


def test_what_a_page_hides_is_removed() -> None:
    label = "Well<script>x()</script>?<!-- y --><br>Yes &amp; no<style>p{}</style >"
    made = importer("redcap")(labelled(label), OPTIONS)
    assert drafted(made).texts["en"].items["q0"].text == "Well ? Yes & no"
    assert any(loss.what == "HTML was removed" for loss in made.losses)


def test_more_missing_codes_than_any_questionnaire_has_are_refused() -> None:
    words = " | ".join(f"w{code}, Word {code}" for code in range(60))
    with pytest.raises(DefinitionError, match="not scored beside others"):
        importer("redcap")(dictionary(item("q", choices=f"1, A | 2, B | {words}")), OPTIONS)


def test_too_many_questions_are_refused() -> None:
    with pytest.raises(DefinitionError) as caught:
        importer("redcap")(dictionary(*(item(f"q{place}") for place in range(2001))), OPTIONS)
    assert caught.value.codes == (Code.DEF_FOREIGN_FILE,)


def test_the_names_of_the_programming_interface_are_read() -> None:
    content = (
        b'field_name,form_name,field_type,field_label,select_choices_or_calculations\na,f,radio,A?,"1, No | 2, Yes"\n'
    )
    assert drafted(importer("redcap")(content, OPTIONS)).item_codes == ("a",)

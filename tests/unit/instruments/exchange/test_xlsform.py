"""XLSForm workbooks, written and read."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from pathlib import Path

import openpyxl
import pytest

from tests.form_drafts import drafted, written
from toolkit import instruments
from toolkit.errors import Code, DefinitionError
from toolkit.instruments import Instrument
from toolkit.instruments.exchange import ExportOptions, ImportOptions, exporter, importer

GOLDEN = Path(__file__).parent / "golden"
OPTIONS = ImportOptions(file="form.xlsx")


def golden(name: str, sheet: str) -> list[list[str]]:
    with (GOLDEN / f"{name}.xlsform.{sheet}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def workbook(**sheets: list[list[str]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append([value or None for value in row])
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def packed(parts: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


SURVEY = [["type", "name", "label"], ["select_one a", "q1", "Well?"]]
CHOICES = [["list_name", "name", "label"], ["a", "1", "No"], ["a", "2", "Yes"]]


@pytest.mark.parametrize("sheet", ["survey", "choices", "settings"])
def test_the_workbook_is_as_written_by_hand(mood: Instrument, sheet: str) -> None:
    made = exporter("xlsform")(mood, ExportOptions())
    book = openpyxl.load_workbook(io.BytesIO(made.files["mood-1.0.0.xlsx"]))
    assert book.sheetnames == ["survey", "choices", "settings"]
    rows = [list(row) for row in book[sheet].iter_rows(values_only=True)]
    assert [[value or "" for value in row] for row in rows if any(row)] == golden("mood", sheet)


@pytest.mark.parametrize("name", ["eomhs@0.9.0", "eomhs@1.0.0"])
def test_pyxform_makes_an_xform_of_every_workbook(name: str, tmp_path: Path) -> None:
    from pyxform.xls2xform import convert

    instrument = instruments.load(name)
    made = exporter("xlsform")(instrument, ExportOptions())
    file = tmp_path / "form.xlsx"
    file.write_bytes(next(iter(made.files.values())))
    found = convert(file)
    assert found.warnings == []
    for language in instrument.languages:
        assert re.search(rf'<translation lang="[^"]+ \({language}\)"', found.xform)
    assert found.xform.count("<select1 ") == len(instrument.items) + len(instrument.definition.covariates)
    for code in instrument.item_codes:
        assert f"<{code}/>" in found.xform
    assert f'id="{instrument.id}" version="{instrument.version}"' in found.xform
    assert "required=" not in found.xform


def test_pyxform_reads_awkward_words_and_codes(mood: Instrument, tmp_path: Path) -> None:
    from pyxform.xls2xform import convert

    text = mood.texts["en"]
    items = {code: one.model_copy(update={"text": "=SUM(A1)", "help": "+1 ${x}"}) for code, one in text.items.items()}
    changed = text.model_copy(update={"items": items, "introduction": "-2 ${M1} <b> & \x07"})
    attacked = Instrument(definition=mood.definition, texts={"en": changed}, definition_hash="")
    made = exporter("xlsform")(attacked, ExportOptions())
    file = tmp_path / "form.xlsx"
    file.write_bytes(next(iter(made.files.values())))
    assert "=SUM(A1)" in convert(file).xform
    told = "\n".join(str(loss) for loss in made.losses)
    assert "a space was set after '$'" in told
    assert "control characters were removed" in told
    sheet = openpyxl.load_workbook(file)["survey"]
    awkward = [cell for row in sheet.iter_rows() for cell in row if str(cell.value)[:1] in ("=", "+", "-", "@")]
    assert awkward
    assert {cell.data_type for cell in awkward} == {"s"}
    assert all(cell.quotePrefix for cell in awkward)
    back = drafted(importer("xlsform")(file.read_bytes(), OPTIONS))
    assert back.texts["en"].items["M1"].text == "=SUM(A1)"


def test_a_form_of_others_becomes_a_draft(tmp_path: Path) -> None:
    content = workbook(**{name: golden("farm", name) for name in ("survey", "choices", "settings")}, notes=[["x"]])
    made = importer("xlsform")(content, OPTIONS)
    draft = written(made, tmp_path)
    assert draft.name == "farm-form@0.1.0"
    assert draft.languages == ("en", "nb")
    assert draft.item_codes == ("weeds", "water")
    assert draft.codes("weeds") == (1, 2, 3, 98)
    assert draft.points("weeds") == (1, 2, 3)
    assert draft.texts["nb"].items["water"].text == "Jeg vanner."
    assert draft.texts["en"].items["weeds"].help == "By hand"
    assert draft.texts["nb"].sections["fields"].introduction == "Tenk på i år."
    assert [(one.code, one.options) for one in draft.definition.covariates] == [("crop", ("rye", "oats"))]
    told = "\n".join(str(loss) for loss in made.losses)
    for lost in (
        *("relevant: '${weeds} = 1'", "required: 'yes'", "constraint: '. != 3'", "appearance: 'likert'"),
        *("${weeds} + 1", "'select_multiple often'", "'text'", "'date'", "'start'", "a repeated question", "'Elvish'"),
        *("the choice 'other'", "no list 'nowhere'", "the version was replaced", "'98' is read as a missing code"),
        "notes: the sheet is left out",
    ):
        assert lost in told
    assert "required: 'no'" not in told


def test_formulas_are_not_computed() -> None:
    survey = [*SURVEY, ["select_one a", "q2", "=1+1"], ["select_one a", '=HYPERLINK("http://example.org")', "Third"]]
    made = importer("xlsform")(workbook(survey=survey, choices=CHOICES), OPTIONS)
    assert "HYPERLINK" not in made.definition_yaml + made.texts["en"]
    assert [loss.what for loss in made.losses].count("the formula is left out") == 2


def test_bare_labels_are_in_the_default_language() -> None:
    settings = [["default_language"], ["Norwegian Bokmål"]]
    made = importer("xlsform")(workbook(survey=SURVEY, choices=CHOICES, settings=settings), OPTIONS)
    assert list(made.texts) == ["nb"]
    assert list(importer("xlsform")(workbook(survey=SURVEY, choices=CHOICES), OPTIONS).texts) == ["en"]


def test_groups_that_do_not_match_and_disabled_rows_are_told() -> None:
    survey = [
        ["type", "name", "label", "disabled"],
        ["end_group"],
        ["begin_group", "g", "G", "yes"],
        ["note", "n", "N"],
    ]
    survey += [
        ["begin_group", "h", "H"],
        ["select_one a", "q1", "Well?"],
        ["note", "m", "M"],
        ["select_one a", "q1", "Z"],
    ]
    made = importer("xlsform")(workbook(survey=survey, choices=CHOICES), OPTIONS)
    told = "\n".join(str(loss) for loss in made.losses)
    for words in ("was not begun", "it is disabled", "between two items", "'q1' is called 'q1_2'", "a group was ended"):
        assert words in told


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = packed({"[Content_Types].xml": b"<x/>", "xl/worksheets/sheet1.xml": b"0" * (60 * 1024 * 1024)})
    assert len(bomb) < 100_000
    with pytest.raises(DefinitionError, match="unpacks to more"):
        importer("xlsform")(bomb, OPTIONS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_workbook_with_entities_is_refused(encoding: str) -> None:
    good = workbook(survey=SURVEY, choices=CHOICES)
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/workbook.xml"] = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>'.encode(encoding)
    with pytest.raises(DefinitionError, match="document type definition"):
        importer("xlsform")(packed(parts), OPTIONS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no .xlsx workbook"),
        (b"type,name,label\n", "no .xlsx workbook"),
        (b"\xd0\xcf\x11\xe0" + b"0" * 600, "encrypted"),
        (b"0" * (11 * 1024 * 1024), "too large"),
        (packed({"a.txt": b"a"}), "no .xlsx workbook"),
        (packed({f"{place}.txt": b"" for place in range(501)}), "unpacks to more"),
        (workbook(sheet=SURVEY), "no sheet 'survey'"),
        (workbook(survey=SURVEY * 10_001, choices=CHOICES), "too many rows"),
    ],
)
def test_what_is_no_workbook_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        importer("xlsform")(content, OPTIONS)
    assert caught.value.codes == (Code.DEF_FOREIGN_FILE,)
    assert words in caught.value.problems[0].what


def test_a_form_without_choices_is_refused() -> None:
    with pytest.raises(DefinitionError) as caught:
        importer("xlsform")(workbook(survey=SURVEY), OPTIONS)
    assert caught.value.codes == (Code.DEF_NOTHING_TO_IMPORT,)


def test_a_wrong_identifier_is_refused() -> None:
    with pytest.raises(DefinitionError) as caught:
        importer("xlsform")(workbook(survey=SURVEY, choices=CHOICES), ImportOptions(file="x", id="Not Right"))
    assert caught.value.codes == (Code.DEF_VALUE,)


def test_thousands_of_choices_are_told() -> None:
    choices = [*CHOICES, *(["b", str(code), f"Label {code}"] for code in range(5000))]
    survey = [*SURVEY, ["select_one b", "q2", "Which?"]]
    made = importer("xlsform")(workbook(survey=survey, choices=choices), OPTIONS)
    assert "q2" not in made.definition_yaml
    assert any("q2" in loss.where and "left out" in loss.what for loss in made.losses)

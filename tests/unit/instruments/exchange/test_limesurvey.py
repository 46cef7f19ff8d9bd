"""LimeSurvey survey structures, written and read."""

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

GOLDEN = Path(__file__).parent / "golden"
OPTIONS = ImportOptions(file="survey.txt", id="survey")


def test_the_structure_is_as_written_by_hand(mood: Instrument) -> None:
    made = exporter("limesurvey")(mood, ExportOptions())
    content = made.files["mood-1.0.0.limesurvey.txt"]
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter="\t"))
    with (GOLDEN / "mood.limesurvey.tsv").open(encoding="utf-8", newline="") as golden:
        assert rows == list(csv.reader(golden, delimiter="\t"))
    assert {loss.where for loss in made.losses} >= {"version", "scales", "items[*].intent", "sections[*].code"}


def test_a_survey_of_others_becomes_a_draft(tmp_path: Path) -> None:
    made = importer("limesurvey")((GOLDEN / "sleep.limesurvey.tsv").read_bytes(), OPTIONS)
    draft = written(made, tmp_path)
    assert draft.languages == ("en", "nb")
    assert draft.item_codes == ("fall", "wakea", "wakeb", "nap", "rested")
    assert draft.points("fall") == (1, 2, 3)
    assert draft.points("wakea") == (1, 2, 9)
    assert draft.points("rested") == (1, 2, 3, 4, 5)
    assert draft.texts["en"].introduction == "About your sleep."
    assert draft.texts["nb"].items["wakeb"].text == "etter midnatt"
    assert draft.labels("fall", "nb")[3] == "Alltid"
    first, second, _ = draft.definition.sections
    assert draft.texts["en"].sections[first.code].introduction == "Think of the last week."
    assert draft.texts["en"].sections[second.code].introduction == "How often do you wake up:"
    assert draft.definition.covariates[0].options == ("bed", "sofa")
    told = "\n".join(str(loss) for loss in made.losses)
    for lost in (
        *('fall == "A1"', "the mark as mandatory: 'Y'", "the answer 'other': 'Y'", "the array filter: 'fall'"),
        *(
            "'long text'",
            "{wake_a + wake_b}",
            "class 'QTA'",
            "end text",
            "the words of 'en' stand in",
            "'A' was removed",
        ),
    ):
        assert lost in told


def test_codes_fit_what_limesurvey_takes() -> None:
    made = exporter("limesurvey")(instruments.load("eomhs@1.0.0"), ExportOptions())
    rows = list(
        csv.DictReader(io.StringIO(next(iter(made.files.values())).decode("utf-8-sig"), newline=""), delimiter="\t")
    )
    questions = [row["name"] for row in rows if row["class"] == "Q" and row["language"] == "en"]
    answers = {row["name"] for row in rows if row["class"] == "A"}
    assert all(name.isalnum() and name[0].isalpha() and len(name) <= 20 for name in questions)
    assert len(questions) == len(set(questions))
    assert all(name.isalnum() and len(name) <= 5 for name in answers)
    assert [row["mandatory"] for row in rows if row["class"] == "Q"] == ["N"] * 2 * len(questions)
    # Every language has the same rows in the same order.
    structure = {
        language: [(row["class"], row["id"], row["type/scale"]) for row in rows if row["language"] == language]
        for language in ("en", "nb")
    }
    assert structure["en"] == structure["nb"]
    assert any(loss.where == "covariates[ips_training].code" for loss in made.losses)


def test_no_words_are_read_as_formulas_or_expressions(mood: Instrument) -> None:
    text = mood.texts["en"]
    items = {code: one.model_copy(update={"text": "=1 {TOKEN}", "help": '+a\\"b'}) for code, one in text.items.items()}
    attacked = Instrument(
        definition=mood.definition,
        texts={"en": text.model_copy(update={"items": items, "introduction": "@a\tb <script>x</script>"})},
        definition_hash="",
    )
    content = next(iter(exporter("limesurvey")(attacked, ExportOptions()).files.values()))
    for row in csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter="\t"):
        assert all(cell[:1] not in ("=", "+", "-", "@") for cell in row)
    assert not any(mark in content.decode() for mark in ("{TOKEN}", "<script>", "\\"))
    back = drafted(importer("limesurvey")(content, OPTIONS))
    assert back.texts["en"].items["M1"].text == "=1 {TOKEN}"
    assert back.texts["en"].items["M1"].help == '+a\\"b'


def test_utf_16_is_read_as_limesurvey_reads_it() -> None:
    content = (GOLDEN / "sleep.limesurvey.tsv").read_text(encoding="utf-8").encode("utf-16")
    assert "Jeg sovner fort." in importer("limesurvey")(content, OPTIONS).texts["nb"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<?xml version='1.0'?><document/>", Code.DEF_FOREIGN_FILE),
        (b"class\ttype/scale\tname\ttext\n", Code.DEF_NOTHING_TO_IMPORT),
        (b"class\ttype/scale\tname\ttext\nQ\tL\tq\t\xe5\n", Code.DEF_FOREIGN_FILE),
        (b"class\ttype/scale\tname\ttext\nA\t0\t1\tx\nSQ\t0\ta\tb\nQ\tL\tq\tx\n", Code.DEF_NOTHING_TO_IMPORT),
    ],
)
def test_what_holds_no_survey_is_refused(content: bytes, code: Code) -> None:
    with pytest.raises(DefinitionError) as caught:
        importer("limesurvey")(content, OPTIONS)
    assert caught.value.codes == (code,)

"""What holds for any questionnaire that is written for a form tool and read back, and for any file that is read."""

from __future__ import annotations

import fnmatch
import io
import string
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.form_drafts import drafted
from toolkit import instruments
from toolkit.errors import DefinitionError
from toolkit.instruments.definition import Definition
from toolkit.instruments.exchange import ExportOptions, ImportOptions, exporter, importer
from toolkit.instruments.instrument import Instrument
from toolkit.instruments.lint import lint
from toolkit.instruments.text import Text

FORMATS = ("redcap", "xlsform", "limesurvey")
EOMHS = instruments.load("eomhs@1.0.0")
PLAIN = "abcXYZ 0123,;:.'\"!?()&=+-@%/éøß中{}"
FREE = PLAIN + "<>[]$#_*`~|\\\n"


class Invented:
    """Questionnaires that lint, made of a seed, with everything a definition can have but scales."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311  inventing needs no secrecy

    def words(self, letters: str = PLAIN) -> str:
        found = "".join(self.random.choices(letters, k=self.random.randint(1, 30))).strip()
        return found or "x"

    def code(self) -> str:
        letters = string.ascii_letters + string.digits + "_"
        tail = self.random.choices(letters, k=self.random.choice([0, 1, 2, 5, 12, 24, 31]))
        return self.random.choice(string.ascii_letters) + "".join(tail)

    def codes(self, least: int, most: int) -> list[str]:
        found = {(code := self.code()).casefold(): code for _ in range(self.random.randint(least, most))}
        while len(found) < least:
            found |= {(code := self.code()).casefold(): code}
        return list(found.values())

    def names(self, least: int, most: int) -> list[str]:
        return [code.lower() for code in self.codes(least, most)]

    def definition(self) -> dict[str, Any]:
        random = self.random
        missing_names = self.names(0, 3)
        numbers = random.sample([*range(-9999, -20), *range(60, 10000)], k=len(missing_names))
        missing = [
            {"name": name, "code": code, "structural": random.random() < 0.5}
            for name, code in zip(missing_names, numbers, strict=True)
        ]
        sets = [
            {
                "name": name,
                "points": sorted(random.sample(range(-10, 50), k=random.randint(2, 6))),
                "missing": random.sample(missing_names, k=random.randint(0, len(missing_names))),
            }
            for name in self.names(1, 3)
        ]
        taken = self.codes(2, 9)
        n_items = random.randint(1, len(taken))
        items = taken[:n_items]
        n_first = random.randint(1, n_items)
        pages = [page for page in (items[:n_first], items[n_first:]) if page]
        return {
            "format": 1,
            "id": random.choice(["mood", "a-very-long-name-of-a-questionnaire-2", "x--y-"]),
            "version": "1.2.3",
            "original_language": random.choice(["en", "nb"]),
            "speaker": "respondents",
            "measurement": "reflective",
            "construct": "anything",
            "minutes": 3,
            "missing": missing,
            "responses": sets,
            "items": [
                {"code": code, "responses": random.choice(sets)["name"], "intent": self.words(FREE)} for code in items
            ],
            "sections": [
                {"code": code, "items": page}
                for code, page in zip(self.codes(len(pages), len(pages)), pages, strict=True)
            ],
            "covariates": [{"code": code.lower(), "options": self.names(2, 4)} for code in taken[n_items:]],
        }

    def text(self, language: str, definition: dict[str, Any]) -> dict[str, Any]:
        # Marks of the language and the answer keep labels apart.
        def label(mark: object) -> str:
            return f"{language} {mark} {self.words()}".replace("_", ".").strip()

        def maybe() -> str | None:
            return self.words(FREE) if self.random.random() < 0.5 else None

        return {
            "instrument": definition["id"],
            "version": "1.2.3",
            "language": language,
            "title": self.words(FREE),
            "introduction": self.words(FREE),
            "responses": {
                one["name"]: {code: label(f"p{code}") for code in one["points"]} for one in definition["responses"]
            },
            "missing": {one["name"]: label(f"m{one['name']}") for one in definition["missing"]},
            "sections": {
                one["code"]: {"heading": self.words(), "introduction": maybe()} for one in definition["sections"]
            },
            "items": {
                one["code"]: {"status": "draft", "text": self.words(), "help": maybe()} for one in definition["items"]
            },
            "covariates": {
                one["code"]: {"text": self.words(), "options": {name: label(f"o{name}") for name in one["options"]}}
                for one in definition["covariates"]
            },
        }


def invented(seed: int) -> Instrument:
    """Return the first questionnaire of a seed that lints."""
    for attempt in range(100):
        maker = Invented(seed + attempt)
        values = maker.definition()
        definition = Definition.model_validate(values)
        main = definition.original_language
        languages = [
            main,
            *maker.random.sample(["nb" if main == "en" else "en", "pt-BR"], k=maker.random.randint(0, 2)),
        ]
        texts = {one: Text.model_validate(maker.text(one, values)) for one in languages}
        if not lint(definition, list(texts.values())).problems:
            return Instrument(definition=definition, texts=texts, definition_hash="0" * 64)
    raise AssertionError(seed)


def values_of(instrument: Instrument, renamed: dict[str, str]) -> dict[str, Any]:
    """Return every value of a questionnaire by its place, with codes as the first questionnaire calls them."""

    def called(kind: str, code: object) -> object:
        return renamed.get(f"{kind} {code}", code)

    definition = instrument.definition
    found: dict[str, Any] = {
        key: getattr(definition, key) for key in ("id", "version", "original_language", "speaker", "measurement")
    }
    found |= {"construct": definition.construct_measured, "minutes": definition.minutes, "scoring": definition.scoring}
    for one in definition.missing:
        name = called("missing", one.name)
        found |= {f"missing[{name}].name": one.name, f"missing[{name}].code": one.code}
        found[f"missing[{name}].structural"] = one.structural
    for set_ in definition.responses:
        name = called("responses", set_.name)
        found |= {f"responses[{name}].name": set_.name, f"responses[{name}].points": set_.points}
        found[f"responses[{name}].missing"] = [called("missing", one) for one in set_.missing]
    for place, code in enumerate(instrument.item_codes):
        item = instrument.items[code]
        name = called("items", code)
        found |= {f"items[{name}].code": code, f"items[{name}].intent": item.intent, f"items[{name}].place": place}
        found[f"items[{name}].responses"] = called("responses", item.responses)
    for section in definition.sections:
        name = called("sections", section.code)
        found |= {f"sections[{name}].code": section.code}
        found[f"sections[{name}].items"] = [called("items", code) for code in section.items]
    for covariate in definition.covariates:
        name = called("covariates", covariate.code)
        found |= {f"covariates[{name}].code": covariate.code, f"covariates[{name}].options": covariate.options}
    return found | words_of(instrument, called)


def words_of(instrument: Instrument, called: Callable[[str, object], object]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for language, text in instrument.texts.items():
        found |= {f"{language}: title": text.title, f"{language}: introduction": text.introduction}
        for name, labels in text.responses.items():
            found |= {
                f"{language}: responses.{called('responses', name)}.{code}": told for code, told in labels.items()
            }
        found |= {f"{language}: missing.{called('missing', name)}": told for name, told in text.missing.items()}
        for code, told in text.sections.items():
            where = f"{language}: sections.{called('sections', code)}"
            found |= {f"{where}.heading": told.heading, f"{where}.introduction": told.introduction}
        for code, asked in text.items.items():
            where = f"{language}: items.{called('items', code)}"
            found |= {f"{where}.status": asked.status, f"{where}.text": asked.text, f"{where}.help": asked.help}
        for code, asked in text.covariates.items():
            where = f"{language}: covariates.{called('covariates', code)}"
            found |= {f"{where}.text": asked.text, f"{where}.options": list(asked.options.values())}
    return found


def renames(first: Instrument, draft: Instrument) -> dict[str, str]:
    """Return what the draft's codes were in the first questionnaire, by the places where they stand."""
    found = {}
    pairs = list(zip(first.item_codes, draft.item_codes, strict=True))
    found |= {f"items {new}": old for old, new in pairs}
    found |= {f"responses {draft.items[new].responses}": first.items[old].responses for old, new in pairs}
    codes_of = {one.code: one.name for one in first.definition.missing}
    found |= {f"missing {one.name}": codes_of[one.code] for one in draft.definition.missing}
    for kind in ("sections", "covariates"):
        old, new = getattr(first.definition, kind), getattr(draft.definition, kind)
        found |= {f"{kind} {two.code}": one.code for one, two in zip(old, new, strict=True)}
    return found


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=60, phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 10**9))
def test_what_is_not_in_the_loss_report_comes_back(name: str, seed: int) -> None:
    questionnaire = invented(seed)
    exported = exporter(name)(questionnaire, ExportOptions())
    content = next(iter(exported.files.values()))
    imported = importer(name)(content, ImportOptions(file="form"))
    draft = drafted(imported)
    renamed = renames(questionnaire, draft)
    before, after = values_of(questionnaire, {}), values_of(draft, renamed)
    losses = [*exported.losses, *imported.losses]
    told = [loss.where.replace("[", "[[]") for loss in losses if loss.where]
    told += [where[: where.rindex(".options.")] + ".options" for where in told if ".options." in where]
    # An importer names places by the draft's codes.
    for key, old in renamed.items():
        kind, new = key.split(" ")
        told += [where.replace(f"{kind}.{new}", f"{kind}.{old}") for where in told if f"{kind}.{new}" in where]
        told += [where.replace(f"{kind}[[]{new}]", f"{kind}[[]{old}]") for where in told if f"{kind}[[]{new}]" in where]
    lost = [
        place
        for place in before.keys() | after.keys()
        if before.get(place) != after.get(place)
        and not any(
            fnmatch.fnmatchcase(place, pattern) or fnmatch.fnmatchcase(place, f"{pattern}[.[]*") for pattern in told
        )
    ]
    assert {place: (before.get(place), after.get(place)) for place in lost} == {}


@settings(deadline=None, max_examples=15, phases=[Phase.explicit, Phase.generate])
@given(seed=st.integers(0, 10**9))
def test_pyxform_reads_every_workbook(seed: int) -> None:
    from pyxform.xls2xform import convert

    questionnaire = invented(seed)
    content = next(iter(exporter("xlsform")(questionnaire, ExportOptions()).files.values()))
    found = convert(io.BytesIO(content), file_type=".xlsx")
    # pyxform knows codes of languages, and none with a region.
    assert all("pt-BR" in warning for warning in found.warnings)
    assert found.xform.count("<select1 ") == len(questionnaire.items) + len(questionnaire.definition.covariates)


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None, max_examples=40)
@given(changes=st.lists(st.tuples(st.integers(0, 10**6), st.binary(min_size=0, max_size=4)), min_size=1, max_size=6))
def test_a_damaged_file_is_refused_or_makes_a_draft_that_loads(name: str, changes: list[tuple[int, bytes]]) -> None:
    content = bytearray(next(iter(exporter(name)(EOMHS, ExportOptions()).files.values())))
    for place, inserted in changes:
        start = place % len(content)
        content[start : start + 1] = inserted
    try:
        made = importer(name)(bytes(content), ImportOptions(file="form"))
    except DefinitionError:
        return
    drafted(made)


cells = st.one_of(
    st.text(string.printable, max_size=20),
    st.sampled_from(
        [
            *("radio", "dropdown", "yesno", "descriptive", "calc", "checkbox", "1, A | 2, B", "1,|2,", "a, b | c, d"),
            *(
                "select_one yes",
                "select_one x",
                "begin_group",
                "end_group",
                "begin repeat",
                "note",
                "yes",
                "x",
                "1",
                "2",
            ),
            *(
                "S",
                "SL",
                "G",
                "Q",
                "SQ",
                "A",
                "L",
                "!",
                "F",
                "A",
                "5",
                "Y",
                "X",
                "T",
                "en",
                "nb",
                "surveyls_title",
                "N7",
            ),
            *(
                "<b>bold</b>",
                "${x}",
                "[x]",
                "=1+1",
                "version",
                "language",
                "-9",
                "99",
                "A1",
                "missing: -8 x structural",
            ),
        ]
    ),
)


@settings(deadline=None, max_examples=150)
@given(rows=st.lists(st.lists(cells, min_size=18, max_size=18), max_size=12), name=st.sampled_from(FORMATS))
def test_any_cells_are_refused_or_make_a_draft_that_loads(rows: list[list[str]], name: str) -> None:
    from toolkit.instruments.exchange import limesurvey, redcap
    from toolkit.instruments.exchange.rows import table

    if name == "redcap":
        content = table(redcap.COLUMNS, rows, delimiter=",")
    elif name == "limesurvey":
        content = table(limesurvey.COLUMNS, [row[:13] for row in rows], delimiter="\t")
    else:
        content = workbook_of(rows)
    try:
        made = importer(name)(content, ImportOptions(file="form"))
    except DefinitionError:
        return
    drafted(made)


def workbook_of(rows: list[list[str]]) -> bytes:
    import openpyxl

    def clean(value: str) -> str:
        return "".join(one for one in value if one.isprintable())

    book = openpyxl.Workbook()
    survey = book.active
    survey.title = "survey"
    survey.append(["type", "name", "label", "label::Norwegian (nb)", "hint", "relevant", "intent", "appearance"])
    choices = book.create_sheet("choices")
    choices.append(["list_name", "name", "label", "missing"])
    for row in rows:
        survey.append([clean(value) for value in row[:8]])
        choices.append([clean(value) for value in row[8:12]])
        choices.append(["x", *(clean(value) for value in row[12:15])])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


@settings(deadline=None, max_examples=30)
@given(
    part=st.sampled_from(["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml"]),
    inserted=st.binary(max_size=30),
    place=st.integers(0, 10**6),
)
def test_a_workbook_with_a_broken_part_is_refused_or_read(part: str, inserted: bytes, place: int) -> None:
    content = next(iter(exporter("xlsform")(EOMHS, ExportOptions()).files.values()))
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(made, "w") as new:
        for one in old.infolist():
            data = old.read(one)
            if one.filename == part:
                start = place % len(data)
                data = data[:start] + inserted + data[start + len(inserted) // 2 :]
            new.writestr(one.filename, data)
    try:
        draft = importer("xlsform")(made.getvalue(), ImportOptions(file="form"))
    except DefinitionError:
        return
    drafted(draft)

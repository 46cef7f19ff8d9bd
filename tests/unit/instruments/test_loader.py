"""Instrument folders: what loads, and what each broken file is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit import instruments
from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.loader import inspect_folder, load_folder
from toolkit.instruments.source import MAXIMUM_BYTES, read_source

DEFINITION, TEXT = "definition.yaml", "text.en.yaml"

# code, file, what is replaced, by what, line and key of the problem
BROKEN = [
    (Code.DEF_YAML, DEFINITION, "format: 1", "format: [1", 2, None),
    (Code.DEF_YAML, DEFINITION, "minutes: 2", "minutes: !!python/name:os.system x", 7, None),
    (Code.DEF_YAML, DEFINITION, "minutes: 2", "minutes: &two 2", 7, None),
    (Code.DEF_YAML, DEFINITION, "minutes: 2", "minutes: *two", 7, None),
    (Code.DEF_YAML, DEFINITION, "minutes: 2", "minutes: 2\n---", 8, None),
    (Code.DEF_YAML, DEFINITION, "minutes: 2", "? [a, b]\n: 2", 7, None),
    (Code.DEF_YAML, DEFINITION, "minutes: 2", f"minutes: {'[' * 40}{']' * 40}", 7, None),
    (Code.DEF_DUPLICATE_KEY, DEFINITION, "minutes: 2", "minutes: 2\nminutes: 3", 8, "minutes"),
    (Code.DEF_UNQUOTED_VERSION, DEFINITION, 'version: "1.0.0"', "version: 1.0", 3, "version"),
    (Code.DEF_UNQUOTED_VERSION, TEXT, 'version: "1.0.0"', "version: 1.0.0", 2, "version"),
    (Code.DEF_MISSING_KEY, DEFINITION, "minutes: 2\n", "", 1, "minutes"),
    (Code.DEF_UNKNOWN_KEY, DEFINITION, "intent: calm", "intention: calm", 15, "items[M1].intention"),
    (Code.DEF_VALUE, DEFINITION, "format: 1", "format: 2", 1, "format"),
    (Code.DEF_VALUE, DEFINITION, "minutes: 2", 'minutes: "2"', 7, "minutes"),
    (Code.DEF_VALUE, DEFINITION, "code: -8", "code: -80000", 10, "missing[dont_know].code"),
    (Code.DEF_VALUE, TEXT, "Mood at work", '"Mood at work "', 4, "title"),
    (Code.DEF_VALUE, TEXT, "{0: ", '{"zero": ', 8, "responses.times.zero"),
    (Code.DEF_PLACE, DEFINITION, '"1.0.0"', '"1.0.1"', 3, "version"),
    (Code.DEF_PLACE, DEFINITION, "id: mood", "id: moods", 2, "id"),
    (Code.DEF_PLACE, TEXT, "language: en", "language: nb", 3, "language"),
    (Code.DEF_PLACE, TEXT, "instrument: mood", "instrument: moods", 1, "instrument"),
    (Code.DEF_PLACE, TEXT, '"1.0.0"', '"2.0.0"', 2, "version"),
    (Code.DEF_TWICE, DEFINITION, "{name: dont_know, code: -8}", "{name: not_relevant, code: -8}", 10, None),
    (Code.DEF_TWICE, DEFINITION, "{code: M2, responses", "{code: m1, responses", 16, "items[m1]"),
    (Code.DEF_TWICE, DEFINITION, "items: [T1]", "items: [T1, M1]", 20, "sections[SECOND].items[number 2]"),
    (Code.DEF_TWICE, DEFINITION, "items: [M1, M2], rev", "items: [M1, M2, M1], rev", 22, None),
    (Code.DEF_TWICE, DEFINITION, "[nurse, doctor]", "[nurse, nurse]", 24, None),
    (Code.DEF_TWICE, DEFINITION, "missing: [dont_know]", "missing: [dont_know, dont_know]", 13, None),
    (Code.DEF_TWICE, DEFINITION, "code: position", "code: m1", 24, "covariates[m1]"),
    (Code.DEF_UNKNOWN_NAME, DEFINITION, "M2, responses: agreement", "M2, responses: agreemnt", 16, None),
    (Code.DEF_UNKNOWN_NAME, DEFINITION, "items: [T1]", "items: [T1, T2]", 20, None),
    (Code.DEF_UNKNOWN_NAME, DEFINITION, "items: [M1, M2], rev", "items: [M1, M2, X], rev", 22, None),
    (Code.DEF_UNKNOWN_NAME, DEFINITION, "missing: [dont_know]", "missing: [prefer_not]", 13, None),
    (Code.DEF_NOT_ASKED, DEFINITION, "items: [M1, M2]}\n  - {code: S", "items: [M1]}\n  - {code: S", 16, "items[M2]"),
    (Code.DEF_RESERVED_NAME, DEFINITION, "code: position", "code: unit", 24, "covariates[unit]"),
    (Code.DEF_CODE_OVERLAP, DEFINITION, "code: -8", "code: 3", 12, None),
    (Code.DEF_CODE_OVERLAP, DEFINITION, "code: -8", "code: -7", 10, "missing[dont_know].code"),
    (Code.DEF_POINT_ORDER, DEFINITION, "points: [0, 1]", "points: [1, 0]", 13, "responses[times].points"),
    (Code.DEF_MINIMUM_ANSWERED, DEFINITION, "minimum_answered: 1", "minimum_answered: 3", 22, None),
    (Code.DEF_REVERSED, DEFINITION, "reversed: [M2]", "reversed: [T1]", 22, "scales[MOOD].reversed[number 1]"),
    (
        Code.DEF_REVERSED,
        DEFINITION,
        "covariates:",
        "  - {code: AGAIN, items: [M2], minimum_answered: 1}\ncovariates:",
        23,
        "scales[AGAIN]",
    ),
    (Code.DEF_SCALE_RANGE, DEFINITION, "items: [M1, M2], rev", "items: [M1, M2, T1], rev", 22, "scales[MOOD].items"),
    (Code.DEF_SCORING, DEFINITION, "covariates:", 'scoring: {not_relevant_limit: "3/2"}\ncovariates:', 23, None),
    (Code.DEF_SCORING, DEFINITION, "covariates:", 'scoring: {not_relevant_limit: "1/0"}\ncovariates:', 23, None),
    (Code.DEF_SCORING, DEFINITION, "covariates:", "scoring: {shown_from: 100, shown_to: 0}\ncovariates:", 23, None),
    (Code.DEF_TEXT_LACKING, TEXT, "  M2: {status: draft, text: I am tired at work.}\n", "", 15, "items.M2"),
    (Code.DEF_TEXT_LACKING, TEXT, ", 3: Agree", "", 7, "responses.agreement.3"),
    (Code.DEF_TEXT_LACKING, TEXT, "  SECOND: {heading: Time}\n", "", 12, "sections.SECOND"),
    (Code.DEF_TEXT_LACKING, TEXT, ", doctor: Doctor", "", 24, "covariates.position.options.doctor"),
    (Code.DEF_TEXT_LACKING, TEXT, "  dont_know: Don't know\n", "", 9, "missing.dont_know"),
    (Code.DEF_TEXT_LACKING, DEFINITION, "minutes: 2", "minutes: 2\noriginal_language: nb", 8, "original_language"),
    (Code.DEF_TEXT_EXTRA, TEXT, "3: Agree", "3: Agree, 4: Too much", 7, "responses.agreement.4"),
    (Code.DEF_TEXT_EXTRA, TEXT, "scales:", "  M3: {status: draft, text: I am here.}\nscales:", 19, "items.M3"),
    (Code.DEF_LABEL_TWICE, TEXT, "2: Neither", "2: agree", 7, "responses.agreement.3"),
    (Code.DEF_LABEL_TWICE, TEXT, "dont_know: Don't know", "dont_know: Neither", 11, "missing.dont_know"),
    (Code.DEF_LABEL_TWICE, TEXT, "doctor: Doctor", "doctor: Nurse", 24, "covariates.position.options.doctor"),
    (Code.DEF_MARKDOWN, TEXT, "I am calm", "I am *calm*", 16, "items.M1.text"),
    (Code.DEF_MARKDOWN, TEXT, "2: Neither", "2: 1. Neither", 7, "responses.agreement.2"),
]


def found_in(folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(DefinitionError) as caught:
        load_folder(folder)
    return caught.value.problems


@pytest.mark.parametrize(("code", "file", "old", "new", "line", "key"), BROKEN)
def test_a_broken_file_is_told_by_file_line_and_key(
    catalog: Path, code: Code, file: str, old: str, new: str, line: int, key: str | None
) -> None:
    folder = catalog / "mood" / "1.0.0"
    assert load_folder(folder).name == "mood@1.0.0"
    content = (folder / file).read_text(encoding="utf-8")
    assert old in content
    (folder / file).write_text(content.replace(old, new, 1), encoding="utf-8")
    told = [problem for problem in found_in(folder) if problem.code == code]
    assert told, found_in(folder)
    assert (told[0].file, told[0].line) == (str(folder / file), line)
    assert key is None or told[0].key == key
    assert told[0].fix


def test_all_files_are_told_at_once(catalog: Path) -> None:
    folder = catalog / "mood" / "1.0.0"
    load_folder(folder)
    for file, old, new in (
        (DEFINITION, "minutes: 2", "minuts: 2"),
        (DEFINITION, "speaker: respondents", "speaker: everyone"),
        (TEXT, "status: draft", "status: perfect"),
    ):
        content = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_text(content.replace(old, new, 1), encoding="utf-8")
    (folder / "text.nb.yaml").write_bytes(b"instrument: mood\ntitle: \xe5r\n")
    problems = found_in(folder)
    codes = {(Path(problem.file or "").name, problem.code) for problem in problems}
    assert codes == {
        (DEFINITION, Code.DEF_MISSING_KEY),
        (DEFINITION, Code.DEF_UNKNOWN_KEY),
        (DEFINITION, Code.DEF_VALUE),
        (TEXT, Code.DEF_VALUE),
        ("text.nb.yaml", Code.DEF_ENCODING),
    }
    unknown = next(problem for problem in problems if problem.code is Code.DEF_UNKNOWN_KEY)
    assert unknown.fix == "Did you mean 'minutes'?"
    assert next(problem for problem in problems if problem.code is Code.DEF_ENCODING).line == 2


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("status: draft", "status: perfect", Code.DEF_VALUE),
        ("title: ", "title: [", Code.DEF_YAML),
        ("language: en", "language: nb", Code.DEF_PLACE),
    ],
)
def test_a_broken_text_is_not_also_told_to_be_lacking(catalog: Path, old: str, new: str, code: Code) -> None:
    folder = catalog / "mood" / "1.0.0"
    load_folder(folder)
    content = (folder / TEXT).read_text(encoding="utf-8")
    assert old in content
    (folder / TEXT).write_text(content.replace(old, new, 1), encoding="utf-8")
    assert [problem.code for problem in found_in(folder)] == [code]
    (folder / TEXT).rename(folder / "text.nb.yaml")
    absent = Code.DEF_TEXT_LACKING in [problem.code for problem in found_in(folder)]
    assert absent


def test_a_near_name_is_suggested(catalog: Path) -> None:
    folder = catalog / "mood" / "1.0.0"
    load_folder(folder)
    content = (folder / DEFINITION).read_text(encoding="utf-8")
    (folder / DEFINITION).write_text(content.replace("M1, responses: agreement", "M1, responses: agrement"))
    assert found_in(folder)[0].fix == "Did you mean 'agreement'?"


def test_one_label_never_means_two_answers_in_two_languages(catalog: Path) -> None:
    folder = catalog / "mood" / "1.0.0"
    english = (folder / TEXT).read_text(encoding="utf-8")
    norwegian = english.replace("language: en", "language: nb").replace("1: Disagree", "1: Uenig")
    (folder / "text.nb.yaml").write_text(norwegian, encoding="utf-8")
    assert load_folder(folder).languages == ("en", "nb")
    (folder / "text.nb.yaml").write_text(norwegian.replace("3: Agree", "3: Disagree"), encoding="utf-8")
    problem = found_in(folder)[0]
    assert (problem.code, problem.key) == (Code.DEF_LABEL_TWICE, "responses.agreement.3")


def test_the_original_language_comes_first(catalog: Path) -> None:
    folder = catalog / "mood" / "1.0.0"
    english = (folder / TEXT).read_text(encoding="utf-8")
    (folder / "text.nb.yaml").write_text(english.replace("language: en", "language: nb"), encoding="utf-8")
    assert load_folder(folder).languages == ("en", "nb")
    content = (folder / DEFINITION).read_text(encoding="utf-8")
    (folder / DEFINITION).write_text(content + "original_language: nb\n", encoding="utf-8")
    assert load_folder(folder).languages == ("nb", "en")


def test_a_long_page_is_advice_and_loads(catalog: Path) -> None:
    folder = catalog / "mood" / "1.0.0"
    assert inspect_folder(folder).advice == ()
    more = [f"T{number}" for number in range(2, 14)]
    content = (folder / DEFINITION).read_text(encoding="utf-8")
    items = "".join(f"  - {{code: {code}, responses: times, intent: more}}\n" for code in more)
    content = content.replace("sections:\n", f"{items}sections:\n").replace("[T1]", f"[T1, {', '.join(more)}]")
    (folder / DEFINITION).write_text(content, encoding="utf-8")
    text = (folder / TEXT).read_text(encoding="utf-8")
    words = "".join(f"  {code}: {{status: draft, text: I come once more.}}\n" for code in more)
    (folder / TEXT).write_text(text.replace("scales:\n", f"{words}scales:\n"), encoding="utf-8")
    found = inspect_folder(folder)
    assert found.instrument is not None
    assert [advice.code for advice in found.advice] == [Code.DEF_LONG_PAGE]


@pytest.mark.parametrize("gone", [DEFINITION, TEXT, "."])
def test_an_incomplete_folder_is_told(catalog: Path, gone: str) -> None:
    folder = catalog / "mood" / "1.0.0"
    load_folder(folder)
    if gone == ".":
        folder = folder.parent / "9.9.9"
    else:
        (folder / gone).unlink()
    assert Code.DEF_NOT_FOUND in [problem.code for problem in found_in(folder)]


def test_the_hash_is_that_of_the_file(catalog: Path) -> None:
    import hashlib

    content = (catalog / "mood" / "1.0.0" / DEFINITION).read_bytes()
    assert instruments.load(catalog / "mood" / "1.0.0").definition_hash == hashlib.sha256(content).hexdigest()


def test_words_of_yaml_1_1_stay_words(catalog: Path) -> None:
    source, problems = read_source(b"a: no\nb: 010\nc: 1_000\nd: 2001-01-01\ne: off\nf: ~\ng: 1e3\nh: -0.5\n", "x")
    assert problems == []
    assert source is not None
    expected = ("no", 10, "1_000", "2001-01-01", "off", None, 1000.0, -0.5)
    assert source.data == dict(zip("abcdefgh", expected, strict=True))


@pytest.mark.parametrize("escape", ["00110000", "FFFFFFFF"])
def test_an_escape_beyond_unicode_is_told(escape: str) -> None:
    assert read_source(b'a: "\\U0001F600"', "x")[1] == []
    problem = read_source(f'a: "\\U{escape}"'.encode(), "x")[1][0]
    assert (problem.code, problem.file) == (Code.DEF_YAML, "x")


def test_an_endless_yaml_version_is_told() -> None:
    assert read_source(b"%YAML 1.2\n---\na: 1", "x")[1] == []
    assert read_source(b"%YAML 1." + b"9" * 5000 + b"\n---\na: 1", "x")[1][0].code is Code.DEF_YAML


def test_a_huge_file_is_refused_before_it_is_parsed() -> None:
    assert read_source(b"a: 1\n" + b"#" * 100, "x")[1] == []
    assert read_source(b"a: 1\n" + b"#" * MAXIMUM_BYTES, "x")[1][0].code is Code.DEF_YAML


SHIPPED = Path(__file__).resolve().parents[3] / "instruments" / "eomhs" / "1.0.0"
CONTENT = (SHIPPED / DEFINITION).read_bytes()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_mutated_files_are_refused_as_definition_errors_only(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("mutated") / "eomhs" / "1.0.0"
    folder.mkdir(parents=True)
    content = bytearray(CONTENT)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        length = data.draw(st.integers(0, 30))
        content[place : place + length] = data.draw(
            st.one_of(
                st.binary(max_size=6),
                st.sampled_from(
                    [b"[" * 50, b"{", b"}", b"- ", b": ", b"&a", b"*a", b"!!int", b"%YAML 9.9\n", b"\\x", b"'", b'"']
                ),
                st.sampled_from(
                    [b"\n---\n", b"\t", b"\n? ", b"|", b">-\n", b"\xff", b"\x00", b"0x", b"1e999", b".inf"]
                ),
            )
        )
    (folder / DEFINITION).write_bytes(content)
    (folder / "text.en.yaml").write_bytes((SHIPPED / "text.en.yaml").read_bytes())
    found = inspect_folder(folder)
    if found.instrument is None:
        assert found.problems
        assert all(problem.file and problem.fix for problem in found.problems)
        with pytest.raises(DefinitionError):
            load_folder(folder)
    else:
        assert len(load_folder(folder).item_codes) == 31


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(alphabet="ab:-[]{}#&*!|>'\"%@`\\ \n\t01?,~.", max_size=80)))
def test_any_bytes_are_read_or_told(content: bytes | str) -> None:
    source, problems = read_source(content.encode() if isinstance(content, str) else content, "x.yaml")
    assert source is not None or problems
    assert all(problem.file == "x.yaml" for problem in problems)

"""Answers written as FHIR QuestionnaireResponses, in R4 or R5, and read from them.

A response names its questionnaire as ``url|version`` and says nothing of who answered: no author, source, subject,
identifier or time. Written is at most the month of a wave; read is nothing of it at all.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import uuid4

from toolkit.errors import Code, Problem, ResponsesError
from toolkit.instruments.exchange import URL_BASE, Exported, ExportOptions, ImportedResponses, ImportOptions, Loss
from toolkit.instruments.exchange.fhir import BACKGROUND_GROUP, as_json, require_base, require_release
from toolkit.instruments.exchange.fhir_rules import Release
from toolkit.instruments.exchange.fhir_terms import (
    SERVICE,
    UNIT,
    WAVE,
    Json,
    answers_system,
    background_system,
    own_extension,
    own_value,
    questionnaire_url,
)
from toolkit.instruments.exchange.json_files import read_json
from toolkit.instruments.responses import SHOWN, read_frame

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.instruments.instrument import Instrument

MAXIMUM_BYTES = 100_000_000
CONTEXT = {SERVICE: "service", UNIT: "unit", WAVE: "wave"}
"""The toolkit's own extensions of a response, and the columns that they hold."""

_MONTH = re.compile(r"\d{4}(-(0[1-9]|1[0-2]))?\Z", re.ASCII)
_ABOUT = (
    *("id", "identifier", "basedOn", "partOf", "subject", "encounter", "authored", "author", "source"),
    *("contained", "text"),
)
"""What a response may say about a person or a moment; it is not read."""


def response_to_fhir(
    answers: Mapping[str, Any],
    instrument: Instrument,
    *,
    release: Release,
    url_base: str = URL_BASE,
    authored: str | None = None,
) -> Json:
    """Write the answers of one person as a QuestionnaireResponse.

    Parameters
    ----------
    answers : mapping
        Values by column, as a row of a response frame; what is missing or NaN is left out.
    instrument : Instrument
        The questionnaire.
    release : {"R4", "R5"}
        The release of FHIR.
    url_base : str
        What the addresses begin with; the same as for the questionnaire.
    authored : str, optional
        The month or year of the wave, as ``2026-03`` or ``2026``.

    Returns
    -------
    dict
        The resource, ready to be written as JSON. It has no id.

    Raises
    ------
    DefinitionError
        ``DEF_VALUE`` for another release or an address that is none.
    ResponsesError
        ``RSP_CELL_IS_DATE`` for a time that is more exact than a month; ``RSP_CODE_NOT_ALLOWED`` or
        ``RSP_UNKNOWN_OPTION`` for an answer that the questionnaire does not have.
    """
    require_release(release)
    require_base(url_base)
    if authored is not None and not _MONTH.match(authored):
        what, fix = "The time of a response is at most a month.", "Write it as 2026-03, or leave it out."
        raise ResponsesError(Problem(code=Code.RSP_CELL_IS_DATE, what=what, fix=fix, got=authored))
    spoken = _said(answers.get("language"))
    language = spoken if spoken in instrument.languages else instrument.languages[0]
    groups = []
    for section in instrument.definition.sections:
        items = [_answer(answers, instrument, code, language, url_base) for code in section.items]
        groups.append((f"section-{section.code}", [item for item in items if item]))
    asked = [_background(answers, instrument, number, language, url_base) for number in _covariates(instrument)]
    groups.append((BACKGROUND_GROUP, [item for item in asked if item]))
    context = [
        own_extension(url_base, name, valueString=_said(answers[column]))
        for name, column in CONTEXT.items()
        if column in answers and _said(answers[column])
    ]
    return {
        "resourceType": "QuestionnaireResponse",
        **({"language": spoken} if spoken else {}),
        **({"extension": context} if context else {}),
        "questionnaire": f"{questionnaire_url(url_base, instrument.id)}|{instrument.version}",
        "status": "completed",
        **({"authored": authored} if authored else {}),
        **({"item": items} if (items := [{"linkId": link, "item": inner} for link, inner in groups if inner]) else {}),
    }


def responses_to_fhir(
    frame: pd.DataFrame,
    instrument: Instrument,
    *,
    release: Release,
    url_base: str = URL_BASE,
    authored: Mapping[str, str] | None = None,
) -> Exported:
    """Write a response frame as a Bundle of QuestionnaireResponses.

    Parameters
    ----------
    frame : DataFrame
        A response frame.
    instrument : Instrument
        The questionnaire.
    release : {"R4", "R5"}
        The release of FHIR.
    url_base : str
        What the addresses begin with; the same as for the questionnaire.
    authored : mapping of str to str, optional
        The month of each wave by its name, as ``{"Spring 2026": "2026-03"}``. By default no time is written.

    Returns
    -------
    Exported
        One file of JSON, and what it does not hold. The names of the resources in the bundle are random.

    Raises
    ------
    DefinitionError, ResponsesError
        As :func:`response_to_fhir`.
    """
    months = authored or {}
    entries = []
    for _, row in frame.iterrows():
        answers = {str(column): value for column, value in row.items()}
        month = months.get(_said(answers.get("wave")))
        resource = response_to_fhir(answers, instrument, release=release, url_base=url_base, authored=month)
        entries.append({"fullUrl": f"urn:uuid:{uuid4()}", "resource": resource})
    bundle: Json = {"resourceType": "Bundle", "type": "collection", **({"entry": entries} if entries else {})}
    why = "a response says nothing of who answered"
    known = {*instrument.item_codes, *_covariates(instrument), *CONTEXT.values(), "language"}
    unknown = [str(column) for column in frame.columns if column not in known]
    losses = [
        Loss(what="the names of respondents", where="respondent", why=why),
        *(Loss(what="a column", where=name, why="the questionnaire does not have it") for name in unknown),
    ]
    name = f"{instrument.id}-{instrument.version}-responses.fhir-{release.lower()}.json"
    return Exported(files={name: as_json(bundle)}, losses=tuple(losses))


def export_responses_r4(frame: pd.DataFrame, instrument: Instrument, options: ExportOptions) -> Exported:
    """Write a response frame as a Bundle of FHIR R4."""
    return responses_to_fhir(frame, instrument, release="R4", url_base=options.url_base)


def export_responses_r5(frame: pd.DataFrame, instrument: Instrument, options: ExportOptions) -> Exported:
    """Write a response frame as a Bundle of FHIR R5."""
    return responses_to_fhir(frame, instrument, release="R5", url_base=options.url_base)


def import_responses(content: bytes, instrument: Instrument, options: ImportOptions) -> ImportedResponses:
    """Read a response frame from the bytes of a FHIR file.

    Raises
    ------
    ResponsesError
        ``RSP_FOREIGN_FILE`` for a file that is none, and as :func:`responses_from_fhir`.
    """

    def refuse(what: str, fix: str, line: int | None) -> NoReturn:
        raise ResponsesError(Problem(code=Code.RSP_FOREIGN_FILE, what=what, fix=fix, file=options.file, line=line))

    read = read_json(content, refuse, maximum_bytes=MAXIMUM_BYTES)
    return responses_from_fhir(read, instrument, file=options.file)


def responses_from_fhir(responses: Any, instrument: Instrument, *, file: str | None = None) -> ImportedResponses:
    """Read a response frame from QuestionnaireResponses of R4 or R5.

    Parameters
    ----------
    responses : mapping or list
        A Bundle, a list of QuestionnaireResponses, or one of them, as JSON reads it.
    instrument : Instrument
        The questionnaire that was answered.
    file : str, optional
        The file, for the messages.

    Returns
    -------
    ImportedResponses
        The response frame, with respondents named by their place, and what was not read.

    Raises
    ------
    ResponsesError
        With every problem found; ``row`` counts the responses of the file. ``RSP_FOREIGN_FILE`` for something else,
        ``RSP_NO_ROWS`` without a completed response, ``RSP_WRONG_VERSION`` for answers to another questionnaire,
        ``RSP_UNKNOWN_COLUMN`` for an answer to an unknown question, ``RSP_CODE_NOT_ALLOWED`` for several answers to one
        question or an answer of another code system, and those of :func:`toolkit.instruments.read_frame`.
    """
    reader = _Reader(instrument, file)
    rows: dict[int, dict[str, str]] = {}
    for number, resource in enumerate(_resources(responses, file), start=1):
        status = resource.get("status")
        if status in ("in-progress", "entered-in-error"):
            reader.left_out[str(status)] += 1
            continue
        rows[number] = reader.row(resource, number)
    reader.refuse()
    if not rows:
        what, fix = "The file holds no response that is completed.", "Give a file with answers."
        raise ResponsesError(Problem(code=Code.RSP_NO_ROWS, what=what, fix=fix, file=file))
    frame = read_frame(reader.frame(rows), instrument, file=file)
    return ImportedResponses(frame=frame, losses=tuple(reader.losses()))


def _covariates(instrument: Instrument) -> dict[str, tuple[str, ...]]:
    return {covariate.code: covariate.options for covariate in instrument.definition.covariates}


def _said(value: Any) -> str:
    """Return a cell as text, empty where nothing was said."""
    return value.strip() if isinstance(value, str) else ""


def _answer(answers: Mapping[str, Any], instrument: Instrument, code: str, language: str, url_base: str) -> Json | None:
    """Return the answer to an item; None where there is none."""
    value = answers.get(code)
    if value is None or value != value:
        return None
    labels = instrument.labels(code, language)
    if isinstance(value, str | bool) or value not in labels:
        what, fix = "The item does not have this code.", "Read the answers with read_frame first."
        allowed = ", ".join(str(answer) for answer in labels)
        raise ResponsesError(
            Problem(code=Code.RSP_CODE_NOT_ALLOWED, what=what, fix=fix, item=code, got=str(value)[:40], allowed=allowed)
        )
    system = answers_system(url_base, instrument.id, instrument.items[code].responses)
    coding = {"system": system, "version": instrument.version, "code": str(int(value)), "display": labels[int(value)]}
    return {"linkId": code, "answer": [{"valueCoding": coding}]}


def _background(
    answers: Mapping[str, Any], instrument: Instrument, code: str, language: str, url_base: str
) -> Json | None:
    """Return the answer to a background question; None where there is none."""
    option = _said(answers.get(code))
    if not option:
        return None
    if option not in _covariates(instrument)[code]:
        what, fix = f"'{code}' has no such option.", "Read the answers with read_frame first."
        allowed = ", ".join(_covariates(instrument)[code])
        raise ResponsesError(
            Problem(code=Code.RSP_UNKNOWN_OPTION, what=what, fix=fix, column=code, got=option[:40], allowed=allowed)
        )
    display = instrument.texts[language].covariates[code].options[option]
    system = background_system(url_base, instrument.id, code)
    coding = {"system": system, "version": instrument.version, "code": option, "display": display}
    return {"linkId": code, "answer": [{"valueCoding": coding}]}


def _resources(responses: Any, file: str | None) -> list[Mapping[str, Any]]:
    """Return the QuestionnaireResponses of a bundle or list; other resources of a bundle are not looked at."""
    kind = responses.get("resourceType") if isinstance(responses, Mapping) else None
    found: list[Any] = []
    if kind == "QuestionnaireResponse":
        found = [responses]
    elif kind == "Bundle":
        entries = responses.get("entry", [])
        parts = entries if isinstance(entries, list) else []
        inside = [part.get("resource") for part in parts if isinstance(part, Mapping)]
        found = [one for one in inside if isinstance(one, Mapping) and one.get("resourceType") != "Questionnaire"]
    elif isinstance(responses, list):
        found = responses
    for one in found:
        if not isinstance(one, Mapping) or one.get("resourceType") != "QuestionnaireResponse":
            kind = one.get("resourceType") if isinstance(one, Mapping) else type(one).__name__
            raise _foreign(file, str(kind))
    if not found and kind != "Bundle" and responses != []:
        raise _foreign(file, str(kind))
    return found


def _foreign(file: str | None, got: str) -> ResponsesError:
    what = "The file holds something else than QuestionnaireResponses."
    fix = "Give a Bundle or list of QuestionnaireResponses of FHIR R4 or R5 as JSON."
    return ResponsesError(Problem(code=Code.RSP_FOREIGN_FILE, what=what, fix=fix, file=file, got=got[:60]))


class _Reader:
    """Turns responses into rows of text, and collects problems and losses."""

    def __init__(self, instrument: Instrument, file: str | None) -> None:
        self.instrument = instrument
        self.file = file
        self.covariates = _covariates(instrument)
        self.problems: list[Problem] = []
        self.dropped: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.unnamed = 0

    def add(self, code: Code, what: str, fix: str, row: int, **where: str | None) -> None:
        if len(self.problems) < SHOWN:
            self.problems.append(Problem(code=code, what=what, fix=fix, file=self.file, row=row, **where))  # type: ignore[arg-type]  # the names of places are those of Problem

    def refuse(self) -> None:
        """Raise when anything was found."""
        if self.problems:
            raise ResponsesError(self.problems)

    def row(self, resource: Mapping[str, Any], number: int) -> dict[str, str]:
        """Return the answers of one response by column."""
        self.version(resource.get("questionnaire"), number)
        self.dropped.update(key for key in _ABOUT if key in resource)
        row = {"respondent": f"response {number}"}
        language = resource.get("language")
        if isinstance(language, str):
            row["language"] = language
        for name, column in CONTEXT.items():
            value = own_value(resource, name)
            if isinstance(value, str):
                row[column] = value
        for link, answers in _answered(resource):
            if link not in self.instrument.items and link not in self.covariates:
                what = f"There is an answer to '{link[:40]}', which {self.instrument.name} does not ask."
                self.add(Code.RSP_UNKNOWN_COLUMN, what, "Remove it, or name the right questionnaire.", number)
            elif len(answers) > 1 or link in row:
                what, fix = "The question has several answers.", "Keep one of them."
                self.add(Code.RSP_CODE_NOT_ALLOWED, what, fix, number, item=link)
            else:
                row[link] = self.value(link, answers[0], number)
        return row

    def version(self, canonical: Any, number: int) -> None:
        """Tell a response to another questionnaire or version."""
        url, _, version = canonical.partition("|") if isinstance(canonical, str) else ("", "", "")
        named = url.rstrip("/").rpartition("/")[2]
        if not url:
            self.unnamed += 1
        elif named != self.instrument.id or (version and version != self.instrument.version):
            what, fix = (
                "The response belongs to another questionnaire.",
                f"Keep the responses to {self.instrument.name}.",
            )
            allowed = f"...{self.instrument.id}|{self.instrument.version}"
            self.add(Code.RSP_WRONG_VERSION, what, fix, number, got=str(canonical)[:80], allowed=allowed)
        elif not version:
            self.unnamed += 1

    def value(self, link: str, answer: Mapping[str, Any], number: int) -> str:
        """Return an answer as a cell holds it."""
        coding = answer.get("valueCoding")
        if isinstance(coding, Mapping):
            self.system(link, coding.get("system"), number)
            code = coding.get("code")
            return code if isinstance(code, str) else ""
        for key in ("valueInteger", "valueDecimal"):
            value = answer.get(key)
            if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1_000_000:
                return f"{value:g}"
        if isinstance(answer.get("valueBoolean"), bool):
            return str(int(answer["valueBoolean"]))
        text = answer.get("valueString")
        if isinstance(text, str):
            return text
        what, fix = "The answer is of a kind that is not read.", "Give the code of the answer as valueCoding."
        self.add(Code.RSP_TEXT_IN_NUMBERS, what, fix, number, item=link, got=", ".join(map(str, answer))[:40])
        return ""

    def system(self, link: str, system: Any, number: int) -> None:
        """Tell an answer of another code system than the question's, whatever address it begins with."""
        if not isinstance(system, str):
            return
        own = (
            background_system("", self.instrument.id, link)
            if link in self.covariates
            else answers_system("", self.instrument.id, self.instrument.items[link].responses)
        )
        if not system.endswith(own):
            what, fix = "The answer is of another code system.", "Code the answers as the exported questionnaire does."
            self.add(Code.RSP_CODE_NOT_ALLOWED, what, fix, number, item=link, got=system[:80], allowed=f"...{own}")

    def frame(self, rows: Mapping[int, Mapping[str, str]]) -> pd.DataFrame:
        """Return the rows as a frame of text."""
        import pandas as pd

        answered = {column for row in rows.values() for column in row}
        context = [name for name in (*self.covariates, *CONTEXT.values(), "language") if name in answered]
        columns = ["respondent", *self.instrument.item_codes, *context]
        cells = [[row.get(column, "") for column in columns] for row in rows.values()]
        return pd.DataFrame(cells, columns=columns, index=pd.Index(list(rows), name="row"), dtype="str")

    def losses(self) -> Iterator[Loss]:
        """Tell what was not read."""
        for key, count in self.dropped.items():
            why = "who answered, and when, is not kept"
            yield Loss(what=f"{key} of {count:,} responses", where=key, why=why)
        for status, count in self.left_out.items():
            why = "only answers that were given for good are read"
            yield Loss(what=f"{count:,} responses that are {status}", where="status", why=why)
        if self.unnamed:
            what, why = f"{self.unnamed:,} responses do not name their version", f"{self.instrument.name} was taken"
            yield Loss(what=what, where="questionnaire", why=why)


def _answered(resource: Mapping[str, Any]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Return the linkId and answers of every answered item, at any depth."""
    waiting: list[Any] = [resource]
    while waiting:
        holder = waiting.pop()
        if not isinstance(holder, Mapping):
            continue
        answers = holder.get("answer")
        if isinstance(answers, list) and answers:
            link = holder.get("linkId")
            yield (link if isinstance(link, str) else ""), [one for one in answers if isinstance(one, Mapping)] or [{}]
        for inner in (holder.get("item"), answers):
            if isinstance(inner, list):
                waiting += reversed(inner)

"""A questionnaire written as a FHIR Questionnaire, in R4 or R5."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.exchange import URL_BASE, Exported, ExportOptions, Loss, Standing
from toolkit.instruments.exchange.fhir_rules import RELEASES, Release
from toolkit.instruments.exchange.fhir_terms import (
    BACKGROUND,
    DEFINITION_HASH,
    INTENT,
    ITEM_CONTROL,
    ITEM_CONTROL_CODES,
    MEASUREMENT,
    MINUTES,
    MISSING_ANSWER,
    SPEAKER,
    STRUCTURAL,
    Json,
    answers_system,
    background_system,
    own_extension,
    questionnaire_url,
    weight,
    worded,
)

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument
    from toolkit.instruments.text import Text

BACKGROUND_GROUP = "background-questions"
"""The linkId of the group of background questions. All that are no item's hold a hyphen, as no item code does."""

_URL = re.compile(r"(https?://|urn:)[^\s|#]+\Z")


def to_fhir(
    instrument: Instrument,
    *,
    release: Release,
    languages: Sequence[str] = (),
    standing: Standing = "draft",
    url_base: str = URL_BASE,
) -> Exported:
    """Write a questionnaire as a FHIR Questionnaire.

    Parameters
    ----------
    instrument : Instrument
        The questionnaire.
    release : {"R4", "R5"}
        The release of FHIR.
    languages : sequence of str
        Languages to write, the main one first; all by default, the original first. The others stand beside the main
        one as translations.
    standing : {"draft", "active", "retired"}
        The status of the resource.
    url_base : str
        What the addresses of the questionnaire, its answers and the toolkit's own extensions begin with.

    Returns
    -------
    Exported
        One file of JSON, and what it does not hold.

    Raises
    ------
    DefinitionError
        ``DEF_LANGUAGE_ABSENT`` for a language without a text; ``DEF_VALUE`` for another release, or an address that is
        none.

    Examples
    --------
    >>> import json
    >>> from toolkit import instruments
    >>> from toolkit.instruments.exchange.fhir import to_fhir
    >>> exported = to_fhir(instruments.load("eomhs@1.0.0"), release="R5", standing="active")
    >>> resource = json.loads(exported.files["eomhs-1.0.0.fhir-r5.json"])
    >>> resource["url"], resource["version"], resource["item"][0]["item"][1]["linkId"]
    ('https://example.org/fhir/Questionnaire/eomhs', '1.0.0', 'HB1')
    """
    require_release(release)
    require_base(url_base)
    options = ExportOptions(languages=tuple(languages), standing=standing, url_base=url_base)
    writer = _Writer(instrument, release, options)
    resource = writer.questionnaire()
    name = f"{instrument.id}-{instrument.version}.fhir-{release.lower()}.json"
    return Exported(files={name: as_json(without_empty(resource))}, losses=tuple(_losses(instrument, writer)))


def export_r4(instrument: Instrument, options: ExportOptions) -> Exported:
    """Write a questionnaire as a Questionnaire of FHIR R4."""
    return _export(instrument, options, "R4")


def export_r5(instrument: Instrument, options: ExportOptions) -> Exported:
    """Write a questionnaire as a Questionnaire of FHIR R5."""
    return _export(instrument, options, "R5")


def _export(instrument: Instrument, options: ExportOptions, release: Release) -> Exported:
    return to_fhir(
        instrument,
        release=release,
        languages=options.languages,
        standing=options.standing,
        url_base=options.url_base,
    )


def as_json(resource: Json) -> bytes:
    """Write a resource as the bytes of a file."""
    return (json.dumps(resource, ensure_ascii=False, indent=2, allow_nan=False) + "\n").encode("utf-8")


def require_release(release: str) -> None:
    """Refuse a release of FHIR that is not written or read here."""
    if release not in RELEASES:
        what, fix = "There is no such release of FHIR here.", "Choose R4 or R5."
        allowed = ", ".join(RELEASES)
        raise DefinitionError(
            Problem(code=Code.DEF_VALUE, what=what, fix=fix, key="release", got=release, allowed=allowed)
        )


def require_base(url_base: str) -> None:
    """Refuse a beginning of addresses that canonical addresses cannot have."""
    if not _URL.match(url_base):
        what, fix = "The beginning of the addresses is none.", "Give the address of your FHIR server or web site."
        allowed = "https://..., http://... or urn:..., without a space, | or #"
        raise DefinitionError(
            Problem(code=Code.DEF_VALUE, what=what, fix=fix, key="url_base", got=url_base, allowed=allowed)
        )


class _Writer:
    """Writes one questionnaire."""

    def __init__(self, instrument: Instrument, release: Release, options: ExportOptions) -> None:
        self.instrument = instrument
        self.release = release
        self.base = options.url_base
        self.standing = options.standing
        self.languages = options.chosen(instrument)
        self.unworded: list[str] = []
        reversed_ = {code for scale in instrument.definition.scales for code in scale.reversed}
        self.reversed = frozenset(reversed_)

    def questionnaire(self) -> Json:
        """Return the resource."""
        definition = self.instrument.definition
        sections = [self.section(section.code, section.items) for section in definition.sections]
        background = [self.background()] if definition.covariates else []
        return {
            "resourceType": "Questionnaire",
            "id": f"{definition.id}-{definition.version}",
            "language": self.languages[0],
            "extension": [
                own_extension(self.base, DEFINITION_HASH, valueString=self.instrument.definition_hash),
                own_extension(self.base, SPEAKER, valueCode=definition.speaker),
                own_extension(self.base, MEASUREMENT, valueCode=definition.measurement),
                own_extension(self.base, MINUTES, valueInteger=definition.minutes),
            ],
            "url": questionnaire_url(self.base, definition.id),
            "version": definition.version,
            "name": computable_name(definition.id),
            **self.words("title", lambda text: text.title),
            "status": self.standing,
            **self.words("description", lambda text: text.introduction),
            "purpose": definition.construct_measured,
            "item": [*sections, *background],
        }

    def words(self, key: str, say: Callable[[Text], str | None]) -> Json:
        """Return a text and its translations; nothing where the main language is silent."""
        told = {language: say(self.instrument.texts[language]) for language in self.languages}
        if told[self.languages[0]] is None:
            return {}
        return worded(key, {language: words for language, words in told.items() if words is not None})

    def section(self, code: str, items: Sequence[str]) -> Json:
        """Return the group of a section: its introduction, then its questions."""
        link = f"section-{code}"
        introduction = self.display(f"{link}-introduction", lambda text: text.sections[code].introduction)
        return {
            "linkId": link,
            **self.words("text", lambda text: text.sections[code].heading),
            "type": "group",
            "item": [*introduction, *(self.item(item) for item in items)],
        }

    def item(self, code: str) -> Json:
        """Return a question with its answers."""
        item = self.instrument.items[code]
        system = answers_system(self.base, self.instrument.id, item.responses)
        points = self.instrument.points(code)
        names = {missing.code: missing for missing in self.instrument.definition.missing}
        options = []
        for answer in self.instrument.codes(code):
            coding = self.coding(system, str(answer), _label(self.instrument, code, answer))
            if answer in points:
                counted = points[0] + points[-1] - answer if code in self.reversed else answer
                extensions = [weight(self.release, counted)]
            else:
                missing = names[answer]
                extensions = [own_extension(self.base, MISSING_ANSWER, valueCode=missing.name)]
                if missing.structural:
                    extensions.append(own_extension(self.base, STRUCTURAL, valueBoolean=True))
            options.append({"extension": extensions, "valueCoding": coding})
        help_ = self.display(f"{code}-help", lambda text: text.items[code].help, control="help")
        return {
            "linkId": code,
            "extension": [own_extension(self.base, INTENT, valueString=item.intent)] if item.intent else [],
            **self.words("text", lambda text: text.items[code].text),
            **self.choice(options),
            "item": help_,
        }

    def background(self) -> Json:
        """Return the group of background questions."""
        questions = []
        for covariate in self.instrument.definition.covariates:
            system = background_system(self.base, self.instrument.id, covariate.code)
            options = [
                {"valueCoding": self.coding(system, name, _option(covariate.code, name))} for name in covariate.options
            ]
            words = self.words("text", _question(covariate.code))
            questions.append({"linkId": covariate.code, **words, **self.choice(options)})
        extension = [own_extension(self.base, BACKGROUND, valueBoolean=True)]
        return {"linkId": BACKGROUND_GROUP, "extension": extension, "type": "group", "item": questions}

    def choice(self, options: list[Json]) -> Json:
        """Return how a question with one answer of a list is written in the release."""
        kind = {"type": "choice"} if self.release == "R4" else {"type": "coding"}
        only = {} if self.release == "R4" else {"answerConstraint": "optionsOnly"}
        return {**kind, "required": False, **only, "answerOption": options}

    def coding(self, system: str, code: str, say: Callable[[Text], str]) -> Json:
        """Return one answer."""
        version = self.instrument.version
        return {"system": system, "version": version, "code": code, **self.words("display", say)}

    def display(self, link: str, say: Callable[[Text], str | None], control: str | None = None) -> list[Json]:
        """Return words that are shown, if the main language has them."""
        words = self.words("text", say)
        if not words:
            silent = [language for language in self.languages if say(self.instrument.texts[language]) is not None]
            self.unworded += [f"{link} in {language}" for language in silent]
            return []
        coding = {"system": ITEM_CONTROL_CODES, "code": control}
        marked = [{"url": ITEM_CONTROL, "valueCodeableConcept": {"coding": [coding]}}] if control else []
        return [{"linkId": link, "extension": marked, **words, "type": "display"}]


def _label(instrument: Instrument, item: str, answer: int) -> Callable[[Text], str]:
    return lambda text: instrument.labels(item, text.language)[answer]


def _question(covariate: str) -> Callable[[Text], str]:
    return lambda text: text.covariates[covariate].text


def _option(covariate: str, name: str) -> Callable[[Text], str]:
    return lambda text: text.covariates[covariate].options[name]


def computable_name(identifier: str) -> str:
    """Return an identifier as FHIR names things for programs: ``EoStage`` for ``eo-stage``."""
    return "".join(part[:1].upper() + part[1:] for part in identifier.split("-"))


def _losses(instrument: Instrument, writer: _Writer) -> Iterator[Loss]:
    """Tell what the resource does not hold."""
    yield from _losses_of_definition(instrument)
    yield from _losses_of_texts(instrument, writer)


def _losses_of_definition(instrument: Instrument) -> Iterator[Loss]:
    definition = instrument.definition
    for scale in definition.scales:
        why = "FHIR has no scales; each option says what it counts, turned round where the item is reversed"
        yield Loss(what="the scale, its rule and its names", where=f"scales[{scale.code}]", why=why)
    why = "FHIR has no rule for scores"
    if definition.scales:
        yield Loss(what="how scales are scored and shown", where="scoring", why=why)
    used = {item.responses for item in definition.items}
    for responses in definition.responses:
        if responses.name not in used:
            why = "no item uses it, and FHIR writes answers with their question"
            yield Loss(what="the response set", where=f"responses[{responses.name}]", why=why)
    offered = {name for responses in definition.responses if responses.name in used for name in responses.missing}
    for missing in definition.missing:
        if missing.name not in offered:
            why = "no item offers it, and FHIR writes answers with their question"
            yield Loss(what="the missing code", where=f"missing[{missing.name}]", why=why)


def _losses_of_texts(instrument: Instrument, writer: _Writer) -> Iterator[Loss]:
    for language in writer.languages:
        why = "FHIR has no place for how far a translation was checked"
        yield Loss(what="the status of each item's words", where=f"text.{language}: items.*.status", why=why)
    for language in instrument.languages:
        if language not in writer.languages:
            why = "the language was not asked for"
            yield Loss(what="the whole text", where=f"text.{language}", why=why)
    if instrument.definition.original_language != writer.languages[0]:
        what, why = "the original language", "the main language of the file is the one that was named first"
        yield Loss(what=what, where="original_language", why=why)
    for place in writer.unworded:
        why = "FHIR translates words of the main language, which has none here"
        yield Loss(what="words that only a translation has", where=place, why=why)


def without_empty(value: Any) -> Any:
    """Leave out empty lists, which FHIR does not have."""
    if isinstance(value, dict):
        return {key: without_empty(part) for key, part in value.items() if part != []}
    if isinstance(value, list):
        return [without_empty(part) for part in value]
    return value

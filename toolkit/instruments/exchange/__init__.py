"""Questionnaires written in and read from the formats of other programs, each with a report of what is lost.

:data:`EXPORTERS` and :data:`IMPORTERS` are the formats by the name that the command line knows; a format joins with one
line. A converter is pure: it takes and returns bytes, and reads and writes no file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Literal, Protocol, cast

from toolkit.errors import Code, DefinitionError, Problem

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.instruments.instrument import Instrument

URL_BASE = "https://example.org/fhir"
"""What addresses begin with where nobody says otherwise; it belongs to nobody."""

Standing = Literal["draft", "active", "retired"]
"""Whether a version is not released yet, released, or superseded by a later one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """One thing that the other format, or the toolkit, has no place for.

    Attributes
    ----------
    what : str
        What is lost or changed, in a few words.
    where : str
        The key or element that held it, such as ``scales[MOOD].reversed``; empty where it concerns the whole.
    why : str
        Why, and where it went instead, in one sentence.
    """

    what: str
    where: str
    why: str

    def __str__(self) -> str:
        """Return the loss in one line."""
        return f"{f'{self.where}: ' if self.where else ''}{self.what} ({self.why})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A questionnaire in another format.

    Attributes
    ----------
    files : mapping of str to bytes
        Contents by file name, such as ``eomhs-1.0.0.fhir-r4.json``.
    losses : tuple of Loss
        What the files do not hold.
    """

    files: Mapping[str, bytes]
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A draft made from a file of another format.

    Attributes
    ----------
    id, version : str
        As the folders will be named.
    definition_yaml : str
        The content of ``definition.yaml``.
    texts : mapping of str to str
        The content of ``text.<language>.yaml`` by language.
    losses : tuple of Loss
        What of the file the draft does not hold, and what was made up because the file does not say it.
    """

    id: str
    version: str
    definition_yaml: str
    texts: Mapping[str, str]
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImportedResponses:
    """Answers read from a file of another format.

    Attributes
    ----------
    frame : DataFrame
        A response frame.
    losses : tuple of Loss
        What of the file the frame does not hold.
    """

    frame: pd.DataFrame
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What a caller chooses for an export; a format uses what it has a place for.

    Attributes
    ----------
    languages : tuple of str
        Languages to write, the main one first; empty for all, the original first.
    standing : {"draft", "active", "retired"}
        What became of the version.
    url_base : str
        Address that the questionnaire's own address begins with, where the format asks for one.
    """

    languages: tuple[str, ...] = ()
    standing: Standing = "draft"
    url_base: str = URL_BASE

    def chosen(self, instrument: Instrument) -> tuple[str, ...]:
        """Return the languages to write, the main one first.

        Raises
        ------
        DefinitionError
            ``DEF_LANGUAGE_ABSENT`` for a language that the questionnaire has no text in.
        """
        for language in self.languages:
            if language not in instrument.languages:
                what, fix = "The questionnaire has no text in this language.", "Choose one of its languages."
                allowed = ", ".join(instrument.languages)
                problem = Problem(code=Code.DEF_LANGUAGE_ABSENT, what=what, fix=fix, got=language, allowed=allowed)
                raise DefinitionError(problem)
        return tuple(dict.fromkeys(self.languages)) or instrument.languages


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What a caller says about a file that it may not say itself.

    Attributes
    ----------
    file : str
        The file as messages name it.
    id : str or None
        Identifier of the draft; from the file where None.
    language : str
        Language of words whose language the file does not tell.
    """

    file: str
    id: str | None = None
    language: str = "en"


class Exporter(Protocol):
    """Writes a questionnaire in another format."""

    def __call__(self, instrument: Instrument, options: ExportOptions, /) -> Exported:
        """Return the files and what they do not hold."""
        ...


class Importer(Protocol):
    """Reads one file of another format as a draft."""

    def __call__(self, content: bytes, options: ImportOptions, /) -> Imported:
        """Return the draft; raise DefinitionError for a file that is damaged or holds no question."""
        ...


class ResponseExporter(Protocol):
    """Writes a response frame in another format."""

    def __call__(self, frame: pd.DataFrame, instrument: Instrument, options: ExportOptions, /) -> Exported:
        """Return the files and what they do not hold."""
        ...


class ResponseImporter(Protocol):
    """Reads one file of another format as a response frame."""

    def __call__(self, content: bytes, instrument: Instrument, options: ImportOptions, /) -> ImportedResponses:
        """Return the answers; raise ResponsesError for a file that is damaged or does not fit the questionnaire."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One entry of a table of formats.

    Attributes
    ----------
    module, function : str
        Where the converter is, below this package; it is imported when it is called.
    title : str
        What the format is, for help and documents.
    endings : tuple of str
        How names of its files end; a file of several formats is told by ``--format``.
    """

    module: str
    function: str
    title: str
    endings: tuple[str, ...] = field(default=())


EXPORTERS: dict[str, Format] = {
    "fhir-r4": Format("fhir", "export_r4", "FHIR R4 Questionnaire", (".json",)),
    "fhir-r5": Format("fhir", "export_r5", "FHIR R5 Questionnaire", (".json",)),
    "redcap": Format("redcap", "export_redcap", "REDCap data dictionary", (".csv",)),
    "xlsform": Format("xlsform", "export_xlsform", "XLSForm workbook", (".xlsx",)),
    "limesurvey": Format("limesurvey", "export_limesurvey", "LimeSurvey survey structure", (".txt", ".tsv")),
}
"""Formats that a questionnaire can be written in."""

IMPORTERS: dict[str, Format] = {
    "fhir": Format("fhir_draft", "import_fhir", "FHIR Questionnaire, R4 or R5", (".json",)),
    "redcap": Format("redcap", "import_redcap", "REDCap data dictionary", (".csv",)),
    "xlsform": Format("xlsform", "import_xlsform", "XLSForm workbook", (".xlsx",)),
    "limesurvey": Format("limesurvey", "import_limesurvey", "LimeSurvey survey structure", (".txt", ".tsv")),
}
"""Formats that a draft can be made from."""

RESPONSE_EXPORTERS: dict[str, Format] = {
    "fhir-r4": Format("fhir_responses", "export_responses_r4", "FHIR R4 QuestionnaireResponses", (".json",)),
    "fhir-r5": Format("fhir_responses", "export_responses_r5", "FHIR R5 QuestionnaireResponses", (".json",)),
}
"""Formats that answers can be written in."""

RESPONSE_IMPORTERS: dict[str, Format] = {
    "fhir": Format("fhir_responses", "import_responses", "FHIR QuestionnaireResponses, R4 or R5", (".json",)),
}
"""Formats that answers can be read from."""


def exporter(name: str) -> Exporter:
    """Return the exporter of a format.

    Raises
    ------
    DefinitionError
        ``DEF_UNKNOWN_NAME`` for a format that is not in :data:`EXPORTERS`.
    """
    return cast("Exporter", _converter(name, EXPORTERS))


def importer(name: str) -> Importer:
    """Return the importer of a format.

    Raises
    ------
    DefinitionError
        ``DEF_UNKNOWN_NAME`` for a format that is not in :data:`IMPORTERS`.
    """
    return cast("Importer", _converter(name, IMPORTERS))


def response_exporter(name: str) -> ResponseExporter:
    """Return the exporter of answers of a format; raises as :func:`exporter`."""
    return cast("ResponseExporter", _converter(name, RESPONSE_EXPORTERS))


def response_importer(name: str) -> ResponseImporter:
    """Return the importer of answers of a format; raises as :func:`exporter`."""
    return cast("ResponseImporter", _converter(name, RESPONSE_IMPORTERS))


def _converter(name: str, formats: Mapping[str, Format]) -> object:
    if name not in formats:
        what, fix = f"There is no format '{name}'.", "Choose one of the list."
        allowed = ", ".join(formats)
        raise DefinitionError(Problem(code=Code.DEF_UNKNOWN_NAME, what=what, fix=fix, got=name, allowed=allowed))
    chosen = formats[name]
    return getattr(import_module(f"{__name__}.{chosen.module}"), chosen.function)

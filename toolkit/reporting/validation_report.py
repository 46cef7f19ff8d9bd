"""The validation report: one page to read, one JSON file with every number, and one CSV file for each table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.reporting import narrative
from toolkit.reporting.confirmation_narrative import (
    confirmation_flags,
    confirmation_sentences,
    invariance_sentences,
)
from toolkit.reporting.confirmation_report import ConfirmationPage, confirmation_page, factor_names, key_to_codes
from toolkit.reporting.documents import render
from toolkit.reporting.tables import scale_name, validation_tables
from toolkit.reporting.validation_charts import validation_charts
from toolkit.reporting.words import FOLDER, languages_of

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.instruments.instrument import Instrument
    from toolkit.validation.jobs import Work
    from toolkit.validation.plan import ValidationPlan
    from toolkit.validation.run import InputFile, Progress, ValidationRun


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationReport:
    """A report that is made and not written.

    Attributes
    ----------
    instrument : str
        Identifier and version.
    source : str
        Name of the file or wave that the answers came from.
    scale_names : mapping of str to str
        Names of the scales by code, in the language of the item texts.
    files : mapping of str to str
        Relative path to content, as :func:`validation_report_files` returns it.
    results : mapping
        What ``results.json`` holds.
    confirmation : mapping of str to ConfirmationPage
        The confirmatory model by language of a page; empty where there is none.
    """

    instrument: str
    source: str
    scale_names: Mapping[str, str]
    files: Mapping[str, str]
    results: Mapping[str, Any]
    confirmation: Mapping[str, ConfirmationPage]


def report_language(instrument: Instrument, language: str | None) -> str:
    """Return the language of the item texts: the one asked for, otherwise English, otherwise the original.

    Raises
    ------
    DefinitionError
        ``DEF_LANGUAGE_ABSENT``.
    """
    if language is None:
        return "en" if "en" in instrument.languages else instrument.languages[0]
    if language not in instrument.languages:
        raise DefinitionError(
            Problem(
                code=Code.DEF_LANGUAGE_ABSENT,
                what=f"{instrument.name} has no text in this language.",
                got=language,
                allowed=", ".join(instrument.languages),
                fix="Choose one of its languages.",
            )
        )
    return language


def validation_report_files(run: ValidationRun, *, language: str | None = None) -> dict[str, str]:
    """Make the files of a report without writing them.

    Parameters
    ----------
    run : ValidationRun
        What was found.
    language : str, optional
        Language of the item texts; English where the instrument has it.

    Returns
    -------
    dict of str to str
        Relative path to content: ``report.html``, ``results.json`` and ``tables/*.csv``.
    """
    spoken = report_language(run.instrument, language)
    results = run.to_dict()
    tables = validation_tables(run, language=spoken)
    page = render(
        "validation_report.html.j2",
        run=run,
        language=spoken,
        text=run.instrument.texts[spoken],
        tables=tables,
        figures=validation_charts(run, language=spoken),
        names={code: scale_name(run, code, spoken) for code in run.scales},
        rules={rating.measurement_property.replace("_", " "): rating.rule for rating in run.ratings},
        told=narrative,
        unset={
            "n_factors": "number of scales",
            "wave": "the latest" if run.data.waves else "none named",
            "model": "correlated factors, one a scale",
            "cfa_estimator": "WLSMV up to five points, MLR above",
            "invariance_by": "none",
        },
        confirmed=_confirmed(run, spoken),
        digest=results["content_sha256"],
    )
    return {
        "report.html": page,
        "results.json": json.dumps(results, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        **{f"tables/{name}.csv": table.to_csv() for name, table in tables.items()},
    }


def _confirmed(run: ValidationRun, spoken: str) -> dict[str, list[str]]:
    """Return what the page says of the confirmatory model, in English with the scales' names as spoken."""
    absent = [problem for one in run.not_computed if one.statistic == "cfa" for problem in one.problems]
    found = run.confirmation
    return {
        "flags": [] if found is None else confirmation_flags(found, names=factor_names(run, spoken)),
        "sentences": confirmation_sentences(run),
        "invariance": invariance_sentences(run),
        "codes": [codes] if (codes := key_to_codes(run, spoken)) else [],
        "reasons": [f"{problem.what} {problem.fix}" for problem in absent],
    }


def validation_work(
    instrument: Instrument,
    frame: pd.DataFrame,
    *,
    plan: ValidationPlan,
    source: InputFile,
    language: str,
    smallest_group: int = 0,
) -> Work:
    """Return the work of validating and making the report, for a place where long work is done.

    Parameters
    ----------
    instrument, frame, plan, source, smallest_group
        As :func:`toolkit.validation.validate` takes them.
    language : str
        Language of the item texts.

    Returns
    -------
    callable
        Takes ``progress`` and ``cancelled`` and returns a :class:`ValidationReport`. Making the report is one more
        step after those of the run.
    """
    from toolkit.validation.run import STEPS, RunCancelledError, validate

    def work(progress: Progress, cancelled: Callable[[], bool]) -> ValidationReport:
        def one_more(step: int, n_steps: int, label: str) -> None:
            progress(step, n_steps + 1, label if step < len(STEPS) else "Making the report")

        run = validate(
            instrument,
            frame,
            plan=plan,
            source=source,
            progress=one_more,
            cancelled=cancelled,
            smallest_group=smallest_group,
        )
        files = validation_report_files(run, language=language)
        pages = [(spoken, confirmation_page(run, language=spoken)) for spoken in languages_of(FOLDER)]
        if cancelled():
            raise RunCancelledError
        return ValidationReport(
            instrument=instrument.name,
            source=source.name,
            scale_names={code: scale_name(run, code, language) for code in run.scales},
            files=files,
            results=json.loads(files["results.json"]),
            confirmation={spoken: page for spoken, page in pages if page is not None},
        )

    return work


def write_validation_report(run: ValidationRun, directory: Path | str, *, language: str | None = None) -> list[Path]:
    """Write the report of a run into a folder.

    Everything is made before the first file is written.

    Parameters
    ----------
    run : ValidationRun
        What was found.
    directory : path or str
        The folder; it is made if it is not there.
    language : str, optional
        Language of the item texts; English where the instrument has it.

    Returns
    -------
    list of Path
        The files: the page, the numbers, then the tables.

    Raises
    ------
    DefinitionError
        ``DEF_LANGUAGE_ABSENT``.
    """
    files = validation_report_files(run, language=language)
    folder = Path(directory)
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in files.items():
        path = folder / name
        path.write_text(content, encoding="utf-8", newline="\n")
        written.append(path)
    return written

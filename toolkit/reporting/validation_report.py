"""The validation report: one page to read, one JSON file with every number, and one CSV file for each table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.reporting import narrative
from toolkit.reporting.documents import render
from toolkit.reporting.tables import scale_name, validation_tables
from toolkit.reporting.validation_charts import validation_charts

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument
    from toolkit.validation.run import ValidationRun


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
        digest=results["content_sha256"],
    )
    return {
        "report.html": page,
        "results.json": json.dumps(results, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        **{f"tables/{name}.csv": table.to_csv() for name, table in tables.items()},
    }


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

"""``eot store import``: from a file of answers to a wave."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.console import messages, output
from toolkit.cli.store_upkeep import DAY, Database, opened_services
from toolkit.cli.validate import IdColumn, MissingCodes, RenamedColumns, recoded_codes, renamed_columns
from toolkit.errors import Code, Problem, ResponsesError

if TYPE_CHECKING:
    from toolkit.collection.importing import UnitName


def import_file(
    file: Annotated[
        Path, typer.Argument(help="CSV file: a header row, then one row for each respondent, with a column 'unit'.")
    ],
    instrument: Annotated[str, typer.Option(help="Questionnaire, such as eomhs@1.0.0.")],
    name: Annotated[str, typer.Option(help="Name of the wave that is made for the answers.")],
    on: Annotated[datetime, typer.Option(formats=[DAY], help="First day of the wave.")],
    service: Annotated[
        str | None, typer.Option(help="Service of the units, where the file has no column 'service'.")
    ] = None,
    add_units: Annotated[
        bool, typer.Option("--add-units", help="Add services and units that are not there; otherwise they are refused.")
    ] = False,
    invited: Annotated[
        Path | None,
        typer.Option(help="CSV file with the columns unit, n_invited and, where the answers have one, service."),
    ] = None,
    freeze: Annotated[
        bool, typer.Option("--freeze", help="End the wave for good, so that it can be analysed.")
    ] = False,
    demo: Annotated[bool, typer.Option("--demo", help="The answers are synthetic; they are marked so.")] = False,
    id_column: IdColumn = None,
    rename: RenamedColumns = None,
    missing_codes: MissingCodes = None,
    database: Database = None,
) -> None:
    """Make a wave of answers that were collected elsewhere: all of the file, or nothing."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from toolkit.collection.importing import AnswersOfAFile, import_answers
    from toolkit.storage.response_files import read_responses_in_parts

    renamed, recoded = renamed_columns(rename or []), recoded_codes(missing_codes or [])
    with opened_services(database) as services:
        wave = services.waves.new_wave(name, instrument, asked_on=on.date(), is_demo=demo)
        definition = services.catalog.load(wave.instrument)
        counts = _counts(invited, service) if invited is not None else {}
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=messages(), transient=True) as bar:
            task = bar.add_task("Reading", total=None)
            answers = AnswersOfAFile(definition, service=service, file=str(file))
            for rows, part in read_responses_in_parts(
                file, definition, id_column=id_column, rename=renamed, missing_codes=recoded or None
            ):
                answers.add(rows, part)
                bar.update(task, completed=len(answers))
            bar.update(task, description="Writing", completed=0, total=len(answers))
            done = import_answers(
                services.store,
                wave,
                answers,
                n_invited=counts,
                adds_units=add_units,
                freezes=freeze,
                progress=lambda written, total: bar.update(task, completed=written, total=total),
            )
    added = f", {done.n_new_units} of them new" if done.n_new_units else ""
    output().print(
        f"{done.n_responses:,} responses of {done.n_units} units{added}: wave {done.wave.id} ({done.wave.status}).",
        soft_wrap=True,
    )


def _counts(file: Path, service: str | None) -> Mapping[UnitName, int]:
    """Read how many people of each unit were invited."""
    from toolkit.collection.importing import UnitName as Name
    from toolkit.storage.response_files import read_csv

    frame = read_csv(file)
    for column in ("unit", "n_invited"):
        if column not in frame:
            raise ResponsesError(
                Problem(
                    code=Code.RSP_MISSING_COLUMN,
                    file=str(file),
                    row=1,
                    column=column,
                    what=f"There is no column '{column}'.",
                    fix="Give the columns unit, n_invited and, where the answers have one, service.",
                )
            )
    found: dict[Name, int] = {}
    for row, record in zip(frame.index, frame.to_dict("records"), strict=True):
        name = Name(record.get("service") or service, record["unit"])
        written = record["n_invited"]
        if not written.isdecimal() or name in found:
            raise ResponsesError(
                Problem(
                    code=Code.RSP_TEXT_IN_NUMBERS,
                    file=str(file),
                    row=int(row),
                    column="n_invited",
                    what="The unit has a number already." if name in found else "This is no number of people.",
                    got=written[:40],
                    fix="Give every unit one whole number.",
                )
            )
        found[name] = int(written)
    return found

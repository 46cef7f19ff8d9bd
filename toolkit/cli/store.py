"""``eot store``: waves, invitation links and exports of a database, and its upkeep."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.console import output
from toolkit.cli.store_demo import demo
from toolkit.cli.store_import import import_file
from toolkit.cli.store_links import LOCAL_APP, Address, links, opened_privately, private_file
from toolkit.cli.store_upkeep import DAY, Database, backup, check, migrate, opened_services, restore
from toolkit.collection.export import export_frame
from toolkit.instruments.codebook import codebook
from toolkit.storage.folders import check_place, write_atomically

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Waves, invitation links and exports of a database, its backups and checks.",
)
for command in (demo, migrate, backup, restore, check):
    app.command()(command)
app.command("import")(import_file)

WaveId = Annotated[str, typer.Argument(help="Id of the wave, as eot store waves shows it.")]


@app.command("add-wave")
def add_wave(
    instrument: Annotated[str, typer.Option(help="Questionnaire, such as eomhs@1.0.0.")],
    service: Annotated[str, typer.Option(help="Name of the service.")],
    unit: Annotated[list[str], typer.Option(help="Name of a unit; repeat it for each unit.")],
    name: Annotated[str, typer.Option(help="Name of the wave, such as 'Spring 2027'.")],
    on: Annotated[datetime | None, typer.Option(formats=[DAY], help="First day of the wave; today otherwise.")] = None,
    database: Database = None,
) -> None:
    """Add an open wave of one questionnaire, and the service and units that are not there yet."""
    with opened_services(database) as services:
        # The questionnaire is found before anything is written.
        services.catalog.load(instrument)
        day = None if on is None else on.date()
        _, units = services.waves.add_service(service, unit, on=day)
        wave = services.waves.add_wave(units, name, instrument, asked_on=day)
        output().print(f"Added the wave {wave.id} ({wave.instrument}).", soft_wrap=True)


@app.command("add-units")
def add_units(
    wave: WaveId,
    service: Annotated[str, typer.Option(help="Name of the service.")],
    unit: Annotated[list[str], typer.Option(help="Name of a unit; repeat it for each unit.")],
    database: Database = None,
) -> None:
    """Let more units take part in an open wave, of its service or another; those that are not there are added."""
    with opened_services(database) as services:
        day = services.waves.wave(wave).asked_on
        _, units = services.waves.add_service(service, unit, on=day)
        services.waves.add_units(wave, units)
        output().print(f"{len(units)} units of {service} take part.", soft_wrap=True)


@app.command()
def waves(database: Database = None) -> None:
    """List the waves."""
    with opened_services(database) as services:
        console = output()
        for wave, taking_part in services.waves.all():
            # One line that can be copied from, never cut or wrapped; the names, which may be long, below it.
            head = [wave.id, wave.status, wave.instrument, f"{services.waves.n_invited(wave.id)} invited"]
            console.print("  ".join([*head, *(["synthetic"] if wave.is_demo else [])]), soft_wrap=True)
            console.print(f"    {wave.name}; {wave.asked_on}", soft_wrap=True)
            for service, units in taking_part:
                console.print(f"    {service.name}: {', '.join(unit.name for unit in units)}", soft_wrap=True)


@app.command()
def invite(
    wave: WaveId,
    unit: Annotated[str, typer.Option(help="Name of the unit.")],
    number: Annotated[int, typer.Option(min=1, max=10_000, help="How many links, one a person.")],
    out: Annotated[Path, typer.Option(help="CSV file to write; it must not exist.")],
    service: Annotated[str | None, typer.Option(help="Name of the service, where several have such a unit.")] = None,
    database: Database = None,
    address: Address = LOCAL_APP,
) -> None:
    """Make invitation links; they are written once and only their hashes are stored."""
    if out.exists():
        raise typer.BadParameter(f"{out} exists already; name a new file", param_hint="--out")
    with opened_services(database) as services:
        found = services.waves.find_unit(wave, unit, service=service)
        # The file is there before the links are: a link that could not be written would be lost.
        with private_file(out) as opened:
            links(services, wave, found, number, address).to_csv(opened, index=False)
        output().print(f"{number} links: {out}", soft_wrap=True)


@app.command()
def freeze(
    wave: WaveId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database: Database = None,
) -> None:
    """End a wave for good: drafts and receipts are deleted, and answers can be exported."""
    if not yes:
        typer.confirm(f"End the wave {wave} for good? Answers that were not submitted are deleted.", abort=True)
    with opened_services(database) as services:
        frozen = services.waves.freeze(wave)
    output().print(f"Frozen: {frozen.name}.")


@app.command()
def export(
    wave: WaveId,
    out: Annotated[Path, typer.Option(help="Folder to write; it must not exist or be an earlier export.")],
    database: Database = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder with other files too; they stay.")
    ] = False,
) -> None:
    """Write the answers of a frozen wave as CSV, with a codebook."""
    check_place(out, force=force)
    with opened_services(database) as services:
        found, responses, taking_part = services.waves.frozen_responses(wave)
        instrument = services.catalog.load(found.instrument)
        answers = export_frame(instrument, found, responses, taking_part)
        book = codebook(instrument)
        with write_atomically(out, force=force) as folder:
            with opened_privately(folder / "answers.csv") as opened:
                answers.to_csv(opened, index=False)
            book.to_csv(folder / "codebook.csv", index=False)
        output().print(
            f"{len(answers)} respondents: {out / 'answers.csv'}; codebook: {out / 'codebook.csv'}", soft_wrap=True
        )

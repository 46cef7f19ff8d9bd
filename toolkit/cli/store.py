"""``eot store``: waves, invitation links and exports of a database, and its upkeep."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, TextIO
from urllib.parse import urlsplit

import pandas as pd
import typer

from toolkit.cli.console import output
from toolkit.cli.store_import import import_file
from toolkit.cli.store_upkeep import DAY, Database, backup, check, migrate, opened_services, restore
from toolkit.collection.export import export_frame
from toolkit.collection.ports import Unit, Wave
from toolkit.errors import Code, Problem, StorageError
from toolkit.instruments.codebook import codebook
from toolkit.storage.engine import is_server
from toolkit.storage.folders import check_place, write_atomically
from toolkit.wiring import Services

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Waves, invitation links and exports of a database, its backups and checks.",
)
for command in (migrate, backup, restore, check):
    app.command()(command)
app.command("import")(import_file)

WaveId = Annotated[str, typer.Argument(help="Id of the wave, as eot store waves shows it.")]


def _site(address: str) -> str:
    """Return an address that links can begin with; links cannot be made again, so a wrong one is refused."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise typer.BadParameter(f"{address!r} is no address of a site, such as https://survey.example.org")
    return address.rstrip("/")


Address = Annotated[str, typer.Option(help="Address under which respondents reach the app.", callback=_site)]

LOCAL_APP = "http://localhost:8501"
DEMO_WAVE = "demo"
DEMO_SERVICE = "Demonstration service (synthetic)"
DEMO_UNITS = ("Community team North", "Community team South", "Inpatient ward")
DEMO_LINKS_A_UNIT = 10


@app.command()
def demo(database: Database = None, address: Address = LOCAL_APP) -> None:
    """Load one service, three units and one open wave of eomhs, unless they are there already."""
    console = output()
    with opened_services(database) as services:
        if any(wave.id == DEMO_WAVE for wave, _ in services.waves.all()):
            console.print("The demonstration is loaded already.")
            return
        wave, units = _add_demonstration(services)
        file = _beside_database(services) / "invitations.csv"
        if file.exists():
            # Links cannot be made again, so those of an earlier database are kept.
            file.replace(file.with_suffix(".old.csv"))
        with _private_file(file) as opened:
            links = pd.concat(
                [_links(services, wave.id, unit, DEMO_LINKS_A_UNIT, address) for unit in units], ignore_index=True
            )
            links.to_csv(opened, index=False)
        console.print(f"Loaded one service, {len(units)} units and one wave of {wave.instrument}.")
        console.print(f"{len(links)} invitation links: {file}", soft_wrap=True)
        console.print(f"Answer as a clinician: {links['link'].iloc[0]}", soft_wrap=True)


def _add_demonstration(services: Services) -> tuple[Wave, tuple[Unit, ...]]:
    """Add what the demonstration shows, and return the wave that takes answers, with its units."""
    _, units = services.waves.add_service(DEMO_SERVICE, DEMO_UNITS)
    wave = services.waves.add_wave(units, "Demonstration wave", "eomhs@1.0.0", is_demo=True, wave_id=DEMO_WAVE)
    return wave, units


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
        with _private_file(out) as opened:
            _links(services, wave, found, number, address).to_csv(opened, index=False)
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
            with _opened_privately(folder / "answers.csv") as opened:
                answers.to_csv(opened, index=False)
            book.to_csv(folder / "codebook.csv", index=False)
        output().print(
            f"{len(answers)} respondents: {out / 'answers.csv'}; codebook: {out / 'codebook.csv'}", soft_wrap=True
        )


def _beside_database(services: Services) -> Path:
    """Return the folder of the database, or of its key when a server keeps the database."""
    settings = services.settings
    file = settings.secret_file if is_server(services.engine.url) else Path(str(services.engine.url.database))
    return (file or Path()).absolute().parent


def _links(services: Services, wave_id: str, unit: Unit, number: int, address: str) -> pd.DataFrame:
    tokens = services.waves.invite(wave_id, unit.id, number)
    return pd.DataFrame({"unit": unit.name, "link": [f"{address}/i/{token}" for token in tokens]})


@contextmanager
def _private_file(path: Path) -> Iterator[TextIO]:
    """Open a new private file, in a folder that is made if it is not there; tell why it cannot be written."""
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        with _opened_privately(path) as file:
            yield file
    except OSError as error:
        raise StorageError(
            Problem(
                code=Code.STO_FOLDER_NOT_WRITABLE,
                file=str(path),
                what=f"The file cannot be written: {error.strerror or 'input/output error'}.",
                fix="Choose a folder that you may write to, on a disk with free space.",
            )
        ) from None


@contextmanager
def _opened_privately(path: Path) -> Iterator[TextIO]:
    """Open a new file that only its owner can read, from the first byte; it is removed after any failure."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise

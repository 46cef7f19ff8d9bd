"""``eot instrument export`` and ``import``: questionnaires and answers in the formats of other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from toolkit.cli.console import messages, output, show_problems
from toolkit.instruments.exchange import (
    EXPORTERS,
    IMPORTERS,
    RESPONSE_EXPORTERS,
    RESPONSE_IMPORTERS,
    URL_BASE,
    ExportOptions,
    Format,
    Loss,
)

if TYPE_CHECKING:
    from toolkit.instruments.catalog import Catalog
    from toolkit.instruments.exchange import Exported, Standing

Losses = Annotated[Path | None, typer.Option("--losses", help="File for the losses as JSON; they are shown anyhow.")]
SHOWN = 30
"""As many losses are shown; the file has all."""


def _listed(formats: dict[str, Format]) -> str:
    return "; ".join(f"{name}: {one.title}" for name, one in formats.items())


Reference = Annotated[str, typer.Argument(help="Name such as eomhs@1.0.0 or eomhs, or a folder of one version.")]
OutFile = Annotated[Path, typer.Option("--out", help="File to write; a folder where the format has several files.")]
CatalogFolder = Annotated[
    Path | None, typer.Option("--catalog", help="Catalog folder; the settings' folders otherwise.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]
UrlBase = Annotated[
    str, typer.Option("--url", help="What addresses in the file begin with, where the format has addresses.")
]
ForeignFile = Annotated[Path, typer.Argument(help="File of another program.")]


def export(
    instrument: Reference,
    out: OutFile,
    format_: Annotated[str, typer.Option("--format", help=f"Format. {_listed(EXPORTERS)}.")],
    language: Annotated[
        list[str] | None, typer.Option(help="Language to write, the main one first; may be repeated. All otherwise.")
    ] = None,
    url: UrlBase = URL_BASE,
    force: Force = False,
    losses: Losses = None,
    catalog: CatalogFolder = None,
) -> None:
    """Write a questionnaire in the format of another program, and tell what the file does not hold."""
    from toolkit.instruments.catalog import load
    from toolkit.instruments.exchange import exporter

    write = exporter(format_)
    chosen = _catalog(catalog)
    loaded = load(instrument, catalog=chosen)
    options = ExportOptions(
        languages=tuple(language or ()), standing=_standing(instrument, loaded.name, chosen), url_base=url
    )
    _write(write(loaded, options), out, losses, force=force)


def import_file(
    file: ForeignFile,
    format_: Annotated[str, typer.Option("--format", help=f"Format. {_listed(IMPORTERS)}.")],
    out: Annotated[Path, typer.Option("--out", help="Catalog folder for the draft; it is made if it is not there.")],
    identifier: Annotated[
        str | None, typer.Option("--id", help="Identifier of the draft; from the file otherwise.")
    ] = None,
    language: Annotated[str, typer.Option(help="Language of the words, where the file does not tell it.")] = "en",
    losses: Losses = None,
) -> None:
    """Draft a questionnaire from a file of another program, and tell what the draft does not hold."""
    from toolkit.instruments.exchange import ImportOptions, importer
    from toolkit.instruments.loader import inspect_folder
    from toolkit.storage.exchange_files import read_foreign, write_imported, write_losses

    read = importer(format_)
    imported = read(read_foreign(file), ImportOptions(file=str(file), id=identifier, language=language))
    files = write_imported(imported, out)
    if losses is not None:
        write_losses(imported.losses, losses)
    folder = files[0].parent
    found = inspect_folder(folder)
    console = output()
    console.print(f"Drafted {imported.id}@{imported.version} in {', '.join(imported.texts)}.", style="bold")
    for written in files[: 1 + len(imported.texts)]:
        console.print(f"  {written}", soft_wrap=True)
    _tell(imported.losses, "The draft does not hold, or had to make up")
    show_problems(found.problems, style="yellow")
    console.print(f"Then: eot instrument lint {folder}", soft_wrap=True)


def export_responses(
    instrument: Reference,
    responses: Annotated[Path, typer.Option("--responses", help="CSV file of answers, as for eot validate.")],
    out: OutFile,
    format_: Annotated[str, typer.Option("--format", help=f"Format. {_listed(RESPONSE_EXPORTERS)}.")],
    url: UrlBase = URL_BASE,
    force: Force = False,
    losses: Losses = None,
    catalog: CatalogFolder = None,
) -> None:
    """Write a file of answers in the format of another program, without the names of respondents."""
    from toolkit.instruments.catalog import load
    from toolkit.instruments.exchange import response_exporter
    from toolkit.storage.response_files import read_responses

    write = response_exporter(format_)
    loaded = load(instrument, catalog=_catalog(catalog))
    frame = read_responses(responses, loaded)
    _write(write(frame, loaded, ExportOptions(url_base=url)), out, losses, force=force)


def import_responses(
    file: ForeignFile,
    instrument: Annotated[str, typer.Option("--instrument", help="Questionnaire that was answered.")],
    out: Annotated[Path, typer.Option("--out", help="CSV file to write; eot validate reads it.")],
    format_: Annotated[str, typer.Option("--format", help=f"Format. {_listed(RESPONSE_IMPORTERS)}.")],
    force: Force = False,
    losses: Losses = None,
    catalog: CatalogFolder = None,
) -> None:
    """Read answers from a file of another program into a CSV file."""
    from toolkit.instruments.catalog import load
    from toolkit.instruments.exchange import ImportOptions, response_importer
    from toolkit.storage.exchange_files import read_foreign, write_frame, write_losses

    read = response_importer(format_)
    loaded = load(instrument, catalog=_catalog(catalog))
    imported = read(read_foreign(file), loaded, ImportOptions(file=str(file)))
    written = write_frame(imported.frame, loaded, out, force=force)
    if losses is not None:
        write_losses(imported.losses, losses, force=force)
    output().print(f"{len(imported.frame):,} responses to {loaded.name}: {written}", soft_wrap=True)
    _tell(imported.losses, "Not read")


def _write(exported: Exported, out: Path, losses: Path | None, *, force: bool) -> None:
    from toolkit.storage.exchange_files import write_exported, write_losses

    for file in write_exported(exported, out, force=force):
        output().print(str(file), soft_wrap=True)
    if losses is not None:
        write_losses(exported.losses, losses, force=force)
    _tell(exported.losses, "The file does not hold")


def _catalog(folder: Path | None) -> Catalog:
    from toolkit.instruments.catalog import Catalog, default_catalog

    return default_catalog() if folder is None else Catalog((folder,))


def _standing(reference: str, name: str, catalog: Catalog) -> Standing:
    """Return what became of a version: released, superseded, or neither."""
    from toolkit.instruments.releases import read_lock
    from toolkit.instruments.status import read_status

    if any(mark in reference for mark in "/\\"):
        path = Path(reference)
        folder = (path.parent if path.suffix == ".yaml" else path).resolve()
    else:
        folder = catalog.find(name).folder.resolve()
    if read_status(folder.parent).of(folder.name) is not None:
        return "retired"
    released = {tuple(path.split("/")[:2]) for path in read_lock(folder.parent.parent)}
    return "active" if (folder.parent.name, folder.name) in released else "draft"


def _tell(losses: Sequence[Loss], head: str) -> None:
    console = messages()
    if not losses:
        console.print("Nothing is lost.")
        return
    console.print(f"{head}:")
    for loss in losses[:SHOWN]:
        console.print(f"  {loss}", soft_wrap=True)
    if len(losses) > SHOWN:
        console.print(f"  and {len(losses) - SHOWN} more; --losses writes all of them to a file.")

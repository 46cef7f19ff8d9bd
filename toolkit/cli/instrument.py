"""``eot instrument``: list, show, compare, check, draft, exchange and release questionnaires."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from toolkit.cli.console import messages, output, show_problems
from toolkit.cli.instrument_exchange import export, export_responses, import_file, import_responses

if TYPE_CHECKING:
    from toolkit.errors import Problem
    from toolkit.instruments.catalog import Catalog
    from toolkit.instruments.diff import VersionDiff
    from toolkit.instruments.instrument import Instrument
    from toolkit.instruments.loader import Inspection
    from toolkit.instruments.status import Superseded

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="List, show, compare, check, draft, exchange and release questionnaires.",
)

Reference = Annotated[str, typer.Argument(help="Name such as eomhs@1.0.0 or eomhs, or a folder of one version.")]
CatalogFolder = Annotated[
    Path | None, typer.Option("--catalog", help="Catalog folder; the settings' folders otherwise.")
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON.")]

app.command()(export)
app.command("import")(import_file)
app.command("export-responses")(export_responses)
app.command("import-responses")(import_responses)


@app.command("list")
def list_(catalog: CatalogFolder = None, as_json: Json = False) -> None:
    """List every version in the catalog."""
    from rich.table import Table

    from toolkit.errors import DefinitionError
    from toolkit.instruments.status import inspect_status

    chosen = _catalog(catalog)
    rows: list[dict[str, Any]] = []
    for entry in chosen.entries():
        row: dict[str, Any] = {"instrument": entry.name, "released": entry.released, "folder": str(entry.folder)}
        try:
            instrument = chosen.load(entry.name)
        except DefinitionError as error:
            row |= {"title": None, "items": None, "languages": [], "problems": len(error.problems)}
        else:
            title = instrument.texts[instrument.languages[0]].title
            languages = list(instrument.languages)
            row |= {"title": title, "items": len(instrument.items), "languages": languages, "problems": 0}
        status, problems = inspect_status(entry.folder.parent)
        superseded = status.of(entry.version)
        row["superseded_by"] = superseded.superseded_by if superseded else None
        row["problems"] += len(problems)
        rows.append(row)
    if as_json:
        _write_json(rows)
        return
    names = ("Instrument", "Title", "Items", "Languages", "Released", "Superseded by", "Problems")
    table = Table(*names, box=None, header_style="bold")
    for row in rows:
        table.add_row(
            row["instrument"],
            row["title"] or "-",
            str(row["items"] or "-"),
            " ".join(row["languages"]),
            "yes" if row["released"] else "no",
            row["superseded_by"] or "-",
            str(row["problems"]) if row["problems"] else "none",
        )
    output().print(table)


@app.command()
def show(
    instrument: Reference,
    language: Annotated[str | None, typer.Option(help="Language of the words; the original otherwise.")] = None,
    catalog: CatalogFolder = None,
    as_json: Json = False,
) -> None:
    """Show what an instrument asks, offers and scores."""
    from toolkit.instruments.status import read_status

    loaded = _load(instrument, catalog)
    chosen = language or loaded.languages[0]
    if chosen not in loaded.languages:
        allowed = ", ".join(loaded.languages)
        raise typer.BadParameter(f"'{chosen}' is not a language of {loaded.name} ({allowed})", param_hint="--language")
    superseded = read_status(_folder(instrument, catalog).resolve().parent).of(loaded.version)
    if as_json:
        definition = loaded.definition.model_dump(mode="json", by_alias=True)
        text = loaded.texts[chosen].model_dump(mode="json")
        told = superseded.model_dump(mode="json") if superseded else None
        _write_json(
            {"definition": definition, "text": text, "definition_hash": loaded.definition_hash, "superseded": told}
        )
        return
    _show(loaded, chosen, superseded)


@app.command()
def diff(
    earlier: Annotated[str, typer.Argument(help="The earlier version: a name such as eomhs@0.9.0, or a folder.")],
    later: Annotated[str, typer.Argument(help="The later version.")],
    catalog: CatalogFolder = None,
    as_json: Json = False,
) -> None:
    """Show what changed between two versions, and the least number that has to move for it."""
    from toolkit.instruments.diff import version_diff

    before, after = _load(earlier, catalog), _load(later, catalog)
    found = version_diff(before, after)
    if as_json:
        _write_json(found.to_dict())
        return
    _show_diff(found, before, after)


@app.command()
def lint(
    instruments: Annotated[
        list[str] | None, typer.Argument(help="Names or folders; every version in the catalog otherwise.")
    ] = None,
    catalog: CatalogFolder = None,
    as_json: Json = False,
) -> None:
    """Check instruments, their versions and the release lock; exit code 3 when something must be mended."""
    from toolkit.errors import DefinitionError
    from toolkit.instruments.history import inspect_history

    problems: list[Problem] = []
    advice: list[Problem] = []
    chosen = _catalog(catalog)
    folders = [_folder(reference, catalog) for reference in instruments or ()]
    changed = _lock_problems(chosen)
    if instruments:
        # Of the lock, only what concerns the named versions; all of it when everything is checked.
        inside = {folder.resolve() for folder in folders}
        changed = [problem for problem in changed if Path(problem.file or "").resolve().parent in inside]
    else:
        folders = [entry.folder for entry in chosen.entries()]
    problems += changed
    for folder in folders:
        found = _inspect(folder)
        problems += found.problems
        advice += found.advice
    for family in dict.fromkeys(folder.resolve().parent for folder in folders):
        # Of the other versions only what concerns all: what is said about them.
        named = {folder.resolve() for folder in folders if folder.resolve().parent == family}
        others = {file.parent for file in family.glob("*/definition.yaml")} - named
        problems += [one for one in inspect_history(family) if Path(one.file or "").parent not in others]
    if as_json:
        _write_json({"problems": [_told(problem) for problem in problems], "advice": [_told(one) for one in advice]})
        raise typer.Exit(DefinitionError.exit_code if problems else 0)
    show_problems(advice, style="yellow")
    if problems:
        raise DefinitionError(problems)
    count = f"{len(folders)} instrument{'' if len(folders) == 1 else 's'}"
    output().print(f"{count} checked: no problems, {len(advice)} pieces of advice.")


@app.command()
def new(
    file: Annotated[Path, typer.Option("--from", help="CSV file of answers.")],
    identifier: Annotated[str, typer.Option("--id", help="Identifier: small letters, digits and hyphens.")],
    out: Annotated[Path, typer.Option("--out", help="Catalog folder for the draft; it is made if it is not there.")],
    language: Annotated[str, typer.Option(help="Language of the words to write.")] = "en",
    columns: Annotated[
        str | None, typer.Option(help="Columns that are items, separated by commas; guessed otherwise.")
    ] = None,
) -> None:
    """Draft an instrument from a file of answers."""
    from toolkit.instruments.draft import draft_from_frame
    from toolkit.instruments.loader import load_folder
    from toolkit.storage.response_files import read_csv

    named = None if columns is None else [name.strip() for name in columns.split(",") if name.strip()]
    draft = draft_from_frame(read_csv(file), id=identifier, language=language, columns=named)
    files = draft.write(out)
    loaded = load_folder(files[0].parent)
    console = output()
    console.print(f"Drafted {loaded.name}: {len(draft.items)} items, {len(loaded.scales)} scales.", style="bold")
    for written in files[:2]:
        console.print(f"  {written}", soft_wrap=True)
    if draft.left_out:
        console.print("Columns left out:")
        for name, reason in draft.left_out.items():
            console.print(f"  {name}: {reason}", soft_wrap=True)
    console.print("Write or check:")
    for line in draft.fill_in:
        console.print(f"  {line}", soft_wrap=True)
    console.print(f"Then: eot instrument lint {files[0].parent}", soft_wrap=True)


@app.command()
def schema(out: Annotated[Path, typer.Option("--out", help="Folder for the JSON Schemas.")]) -> None:
    """Write the JSON Schemas of definition and text, for editors."""
    from toolkit.instruments.schema import write_schemas

    for file in write_schemas(out):
        output().print(str(file), soft_wrap=True)


@app.command()
def release(instrument: Reference, catalog: CatalogFolder = None) -> None:
    """Add a checked version to RELEASES.lock; its files may never change after that."""
    from toolkit.instruments.releases import release as add_to_lock

    folder = _folder(instrument, catalog).resolve()
    lines = add_to_lock(folder.parent.parent, folder)
    console = output()
    for line in lines:
        console.print(line, soft_wrap=True)
    messages().print(f"Released {folder.parent.name}@{folder.name}: {len(lines)} files.")


def _catalog(folder: Path | None) -> Catalog:
    from toolkit.instruments.catalog import Catalog, default_catalog

    return default_catalog() if folder is None else Catalog((folder,))


def _load(reference: str, catalog: Path | None) -> Instrument:
    from toolkit.instruments.catalog import load

    return load(reference, catalog=_catalog(catalog))


def _folder(reference: str, catalog: Path | None) -> Path:
    if "/" in reference or "\\" in reference:
        path = Path(reference)
        return path.parent if path.suffix == ".yaml" else path
    return _catalog(catalog).find(reference).folder


def _inspect(folder: Path) -> Inspection:
    from toolkit.instruments.loader import inspect_folder

    return inspect_folder(folder)


def _lock_problems(catalog: Catalog) -> list[Problem]:
    from toolkit.instruments.releases import changes

    return [problem for folder in catalog.folders for problem in changes(folder)]


def _show(instrument: Instrument, language: str, superseded: Superseded | None) -> None:
    from rich.table import Table

    text = instrument.texts[language]
    definition = instrument.definition
    console = output()
    console.print(f"{text.title}  ({instrument.name}, {language})", style="bold")
    if superseded:
        since = f"Superseded by {superseded.superseded_by} on {superseded.date.isoformat()}."
        console.print(f"{since} {superseded.reason}", style="yellow")
    console.print(text.introduction)
    speaker = definition.speaker.replace("_", " ")
    console.print(
        f"{len(instrument.items)} items, about {definition.minutes} minutes; {speaker}; {definition.measurement}; "
        f"languages: {', '.join(instrument.languages)}",
        style="dim",
    )
    keyed = {code for scale in definition.scales for code in scale.reversed}
    for section in definition.sections:
        words = text.sections[section.code]
        console.print()
        console.print(words.heading, style="bold")
        if words.introduction:
            console.print(words.introduction)
        table = Table("Code", "Item", "Answers", "Status", box=None, header_style="dim")
        for code in section.items:
            item = text.items[code]
            table.add_row(
                f"{code} (reversed)" if code in keyed else code,
                item.text,
                instrument.items[code].responses,
                item.status.replace("_", " "),
            )
        console.print(table)
    console.print()
    answers = Table("Answers", "Codes and labels", box=None, header_style="bold")
    for responses in definition.responses:
        labels = [f"{code} {text.responses[responses.name][code]}" for code in responses.points]
        labels += [f"{instrument.missing_codes[name].code} {text.missing[name]}" for name in responses.missing]
        answers.add_row(responses.name, "; ".join(labels))
    console.print(answers)
    scales = Table("Scale", "Name", "Items", "Needs", "A high score", box=None, header_style="bold")
    for scale in definition.scales:
        words_of = text.scales[scale.code]
        needs = f"{scale.minimum_answered} of {len(scale.items)}"
        scales.add_row(scale.code, words_of.name, " ".join(scale.items), needs, words_of.high)
    console.print()
    console.print(scales)
    if definition.covariates:
        background = Table("Background", "Question", "Options", box=None, header_style="bold")
        for covariate in definition.covariates:
            asked = text.covariates[covariate.code]
            background.add_row(covariate.code, asked.text, "; ".join(asked.options[name] for name in covariate.options))
        console.print()
        console.print(background)
    console.print(f"\ndefinition.yaml SHA-256: {instrument.definition_hash}", style="dim", soft_wrap=True)


def _show_diff(found: VersionDiff, earlier: Instrument, later: Instrument) -> None:
    from rich.table import Table

    console = output()
    console.print(f"{found.instrument}: {found.from_version} to {found.to_version}", style="bold")
    items = Table("Item", "Change", "Language", "Before", "After", box=None, header_style="bold")
    first = later.languages[0]
    for code in found.added:
        items.add_row(code, "added", first, "", later.texts[first].items[code].text)
    for code, languages in found.reworded.items():
        for language in languages:
            words = (version.texts[language].items[code].text for version in (earlier, later))
            items.add_row(code, "reworded", language, *words)
    for code in found.rescored:
        items.add_row(code, "rescored", "", "", "")
    first = earlier.languages[0]
    for code in found.dropped:
        items.add_row(code, "dropped", first, earlier.texts[first].items[code].text, "")
    if items.row_count:
        console.print(items)
    console.print(f"Unchanged: {' '.join(found.unchanged) or 'no item'}", soft_wrap=True)
    if found.changes:
        console.print()
        changes = Table("Bump", "Change", "Where", "Languages", box=None, header_style="bold")
        for change in found.changes:
            changes.add_row(change.bump, change.kind.replace("_", " "), change.key, " ".join(change.languages))
        console.print(changes)
    console.print()
    console.print(f"The changes ask for: {found.least_bump}. The version number: {found.bump}.", style="bold")


def _told(problem: Problem) -> dict[str, Any]:
    from dataclasses import asdict

    return {name: value for name, value in asdict(problem).items() if value is not None}


def _write_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))

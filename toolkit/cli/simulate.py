"""``eot simulate``: synthetic answers with a known truth."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.console import messages


def simulate(
    instrument: Annotated[str, typer.Option(help="Name and version, such as eomhs@1.0.0, or an instrument folder.")],
    out: Annotated[Path, typer.Option(help="Folder for the data set; it is made if it is not there.")],
    persons: Annotated[int, typer.Option(help="Number of respondents.")] = 600,
    units: Annotated[int, typer.Option(help="Number of units they work in.")] = 12,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.")] = 1,
    population: Annotated[
        Path | None, typer.Option(help="Population file; without it a simple structure with stated rules is used.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write beside files that eot did not write.")] = False,
) -> None:
    """Draw synthetic answers to an instrument, with a datasheet that says how they were made."""
    from toolkit.instruments import load
    from toolkit.storage.folders import check_place, write_atomically
    from toolkit.validation.datasheet import data_set_files
    from toolkit.validation.population import default_population, read_population
    from toolkit.validation.synthetic import simulate as draw

    check_place(out, force=force)
    loaded = load(instrument)
    truth = default_population(loaded) if population is None else read_population(population, loaded)
    data = draw(loaded, truth, n_persons=persons, n_units=units, seed=seed)
    command = ["eot", "simulate", "--instrument", instrument, "--persons", str(persons), "--units", str(units)]
    command += ["--seed", str(seed), *(["--population", str(population)] if population else []), "--out", str(out)]
    files = data_set_files(data, loaded, command=shlex.join(command))
    with write_atomically(out, force=force) as folder:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    messages().print(f"Synthetic answers of {persons} persons in {units} units: {out}", soft_wrap=True)

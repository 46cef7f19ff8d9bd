"""``eot simulate``: synthetic answers with a known truth."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from toolkit.cli.console import messages


def simulate(
    out: Annotated[Path, typer.Option(help="Folder for the data set; it is made if it is not there.")],
    instrument: Annotated[
        str | None, typer.Option(help="Name and version, such as eomhs@1.0.0, or an instrument folder.")
    ] = None,
    persons: Annotated[int | None, typer.Option(help="Number of respondents; 600 otherwise.")] = None,
    units: Annotated[int | None, typer.Option(help="Number of units they work in; 12 otherwise.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers.")] = 1,
    population: Annotated[
        Path | None, typer.Option(help="Population file; without it a simple structure with stated rules is used.")
    ] = None,
    study: Annotated[
        Path | None, typer.Option(help="Study file: services, units and waves; instead of the options above.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write beside files that eot did not write.")] = False,
) -> None:
    """Draw synthetic answers to an instrument, with a datasheet that says how they were made."""
    from toolkit.storage.folders import check_place, write_atomically

    check_place(out, force=force)
    if study is not None and (instrument, persons, units, population) == (None, None, None, None):
        files, told = _waves(study, seed, out)
    elif study is None and instrument is not None:
        n_persons, n_units = 600 if persons is None else persons, 12 if units is None else units
        files, told = _one_wave(instrument, n_persons, n_units, seed, population, out)
    else:
        hint = "name an instrument, or a study file, which says how many persons, units and which populations"
        raise typer.BadParameter(hint, param_hint="--instrument / --study")
    with write_atomically(out, force=force) as folder:
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    messages().print(f"Synthetic answers of {told}: {out}", soft_wrap=True)


def _one_wave(
    instrument: str, persons: int, units: int, seed: int, population: Path | None, out: Path
) -> tuple[dict[str, str], str]:
    """Draw one wave of a number of persons."""
    from toolkit.instruments import load
    from toolkit.validation.datasheet import data_set_files
    from toolkit.validation.population import default_population, read_population
    from toolkit.validation.synthetic import simulate as draw

    loaded = load(instrument)
    truth = default_population(loaded) if population is None else read_population(population, loaded)
    data = draw(loaded, truth, n_persons=persons, n_units=units, seed=seed)
    command = ["eot", "simulate", "--instrument", instrument, "--persons", str(persons), "--units", str(units)]
    command += ["--seed", str(seed), *(["--population", str(population)] if population else []), "--out", str(out)]
    return data_set_files(data, loaded, command=shlex.join(command)), f"{persons} persons in {units} units"


def _waves(study: Path, seed: int, out: Path) -> tuple[dict[str, str], str]:
    """Draw the waves of a study."""
    from toolkit.instruments import load
    from toolkit.validation.study import read_study
    from toolkit.validation.study_datasheet import wave_set_files
    from toolkit.validation.synthetic_waves import simulate_waves

    data = simulate_waves(read_study(study, load), seed=seed)
    command = ["eot", "simulate", "--study", str(study), "--seed", str(seed), "--out", str(out)]
    counts = f"{sum(map(len, data.responses.values()))} persons in {len(data.responses)} waves"
    return wave_set_files(data, command=shlex.join(command)), counts

"""How often intervals hold the truth, and other hit rates, by simulation: an engine that any module's studies run in.

    .venv/bin/python tests/bench/coverage_study.py --replications 1000 --write docs/coverage.md

A study is one function that draws a data set and says for each quantity whether it was a hit, or a number whose mean is
wanted. A module of studies has a
function ``studies()``; MODULES lists the modules, which lie beside this file. Finished replications are kept in
build/coverage, one JSON file a study, so that a run that was stopped goes on where it was. The nth replication of a
study always draws the same data.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / "build" / "coverage"
MODULES = (
    "coverage_of_reliability",
    "coverage_of_clusters",
    "coverage_efa",
    "retention_hit_rates",
    "cfa_rejection_rates",
)
KEPT_EVERY = 25
"""Replications between two writes of the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """One cell of a design.

    Attributes
    ----------
    family : str
        Heading under which its table stands.
    name : str
        Unique; names its file and seeds its draws.
    design : tuple of str
        What the cell is, one entry a column of the table.
    columns : tuple of str
        Names of those columns.
    nominal : str
        What the rate should be, in words or numbers.
    replicate : callable
        Takes a random generator, draws once, and returns for each quantity whether it was a hit, or a float whose mean
        is wanted. A quantity that one replication lacks is not counted there; the first is never lacking.
    """

    family: str
    name: str
    design: tuple[str, ...]
    columns: tuple[str, ...]
    nominal: str
    replicate: Callable[[np.random.Generator], Mapping[str, bool | float]]


@dataclass(slots=True)
class Record:
    """The replications of one study that are done: for each quantity a list of 0 and 1, or of floats."""

    design: list[str]
    hits: dict[str, list[float]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Replications done."""
        return len(next(iter(self.hits.values()), []))


def load(study: Study, store: Path) -> Record:
    """Return what is done; a study whose design has changed starts anew."""
    file = store / f"{study.name}.json"
    if file.exists():
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["design"] == list(study.design):
            return Record(design=kept["design"], hits=kept["hits"])
    return Record(design=list(study.design))


def save(study: Study, record: Record, store: Path) -> None:
    """Write what is done, whole or not at all."""
    store.mkdir(parents=True, exist_ok=True)
    part = store / f"{study.name}.json.part"
    part.write_text(json.dumps({"design": record.design, "hits": record.hits}), encoding="utf-8")
    part.replace(store / f"{study.name}.json")


def run(study: Study, replications: int, store: Path, advance: Callable[[], None] = lambda: None) -> Record:
    """Do the replications that are lacking."""
    record = load(study, store)
    for number in range(record.n, replications):
        for quantity, hit in study.replicate(generator_of(study, number)).items():
            record.hits.setdefault(quantity, []).append(hit if isinstance(hit, float) else int(hit))
        if (number + 1) % KEPT_EVERY == 0 or number + 1 == replications:
            save(study, record, store)
        advance()
    return record


def generator_of(study: Study, number: int) -> np.random.Generator:
    """Return what the nth replication of a study draws from."""
    return np.random.default_rng([zlib.crc32(study.name.encode()), number])


def monte_carlo_error(rate: float, n: int) -> float:
    """Return the standard error of a rate from n replications."""
    return float(np.sqrt(rate * (1.0 - rate) / n))


def as_markdown(studies: Sequence[Study], records: Mapping[str, Record], heading: str = "##") -> str:
    """Return one table a family: a row a cell, a column a quantity, each rate or mean with its Monte Carlo error."""
    parts = []
    for family in dict.fromkeys(study.family for study in studies):
        own = [study for study in studies if study.family == family and records[study.name].n]
        if not own:
            continue
        quantities = list(dict.fromkeys(name for study in own for name in records[study.name].hits))
        head = [*own[0].columns, "replications", *quantities]
        lines = [f"{heading} {family}", "", f"Nominal: {own[0].nominal}.", "", _row(head), _row(["---"] * len(head))]
        for study in own:
            record = records[study.name]
            cells = [_rate(record.hits.get(quantity, [])) for quantity in quantities]
            lines.append(_row([*study.design, str(record.n), *cells]))
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _rate(hits: Sequence[float]) -> str:
    if not hits:
        return "-"
    if isinstance(hits[0], float):
        return f"{np.mean(hits):.4f} ({np.std(hits) / np.sqrt(len(hits)):.4f})"
    rate = float(np.mean(hits))
    return f"{100 * rate:.1f} ({100 * monte_carlo_error(rate, len(hits)):.1f})"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def rewritten(page: str, tables: str) -> str:
    """Return a page with everything after its marker replaced by the tables."""
    marker = "<!-- tables: written by tests/bench/coverage_study.py -->"
    return page.split(marker)[0].rstrip() + f"\n\n{marker}\n\n{tables}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the studies asked for and show or write their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=1000)
    parser.add_argument("--only", nargs="+", default=[""], help="studies whose name holds one of these texts")
    parser.add_argument("--store", type=Path, default=STORE)
    parser.add_argument("--write", type=Path, help="page whose tables are replaced")
    parser.add_argument("--heading", default="##", help="mark of the tables' headings")
    given = parser.parse_args(arguments)
    studies = [study for module in MODULES for study in import_module(module).studies()]
    chosen = [study for study in studies if any(text in study.name for text in given.only)]
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), refresh_per_second=1
    )
    with bar:
        for study in chosen:
            done = load(study, given.store).n
            task = bar.add_task(study.name, total=given.replications, completed=min(done, given.replications))
            run(study, given.replications, given.store, lambda task=task: bar.advance(task))
    tables = as_markdown(chosen, {study.name: load(study, given.store) for study in chosen}, given.heading)
    if given.write:
        given.write.write_text(rewritten(given.write.read_text(encoding="utf-8"), tables), encoding="utf-8")
    Console().print(tables, markup=False, highlight=False)


if __name__ == "__main__":
    main()

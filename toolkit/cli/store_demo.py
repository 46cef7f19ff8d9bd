"""``eot store demo``: a demonstration of four services over four waves, and a wave that can be answered."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd

from toolkit.cli.console import output
from toolkit.cli.store_links import LOCAL_APP, Address, beside_database, links, private_file
from toolkit.cli.store_upkeep import Database, opened_services
from toolkit.settings import ROOT
from toolkit.wiring import Services

if TYPE_CHECKING:
    from toolkit.collection.ports import Unit

STUDY = ROOT / "data" / "eomhs-demo-synthetic"
OPEN_WAVE = "demo"
OPEN_NAME = "Answer this one"
OPEN_UNITS = 3
LINKS_A_UNIT = 10


def demo(database: Database = None, address: Address = LOCAL_APP) -> None:
    """Load four services with four ended waves of synthetic answers, and an open wave with invitation links."""
    with opened_services(database) as services:
        _fill(services, address)


def _fill(services: Services, address: str) -> None:
    from rich.progress import track

    console = output()
    known = {wave.id: wave for wave, _ in services.waves.all()}
    if OPEN_WAVE in known:
        console.print("The demonstration is loaded already.")
        return
    waves, units = _study()
    loaded = {wave.name for wave in known.values() if wave.is_demo}
    # What an interrupted load has finished stays: every wave is written whole or not at all.
    for one in track([one for one in waves if one["name"] not in loaded], "Loading waves", console=console):
        _load(services, one, units[units["wave"] == one["wave"]])
    taking_part = _open_units(services)
    wave = services.waves.add_wave(taking_part, OPEN_NAME, "eomhs@1.0.0", is_demo=True, wave_id=OPEN_WAVE)
    file = beside_database(services) / "invitations.csv"
    if file.exists():
        # Links cannot be made again, so those of an earlier database are kept.
        file.replace(file.with_suffix(".old.csv"))
    with private_file(file) as opened:
        made: pd.DataFrame = pd.concat(
            [links(services, wave.id, unit, LINKS_A_UNIT, address) for unit in taking_part], ignore_index=True
        )
        made.to_csv(opened, index=False)
    n_services, n_units = units["service"].nunique(), units["unit"].nunique()
    console.print(f"Loaded {n_services} services, {n_units} units, {len(waves)} ended waves and one open wave.")
    console.print(f"{len(made)} invitation links: {file}", soft_wrap=True)
    console.print(f"Answer as a clinician: {made['link'].iloc[0]}", soft_wrap=True)
    console.print(f"See scores as a service lead: {address}/overview", soft_wrap=True)


def _study() -> tuple[list[dict[str, Any]], pd.DataFrame]:
    """Return the waves of the shipped study, in order, and its units in each of them."""
    from ruamel.yaml import YAML

    study = YAML(typ="safe").load(STUDY / "waves.yaml")
    return list(study["waves"]), pd.read_csv(STUDY / study["units"], dtype={"n_invited": "int64"})


def _load(services: Services, wave: dict[str, Any], units: pd.DataFrame) -> None:
    """Put the units where they belong on the wave's day, then import its answers and freeze it."""
    from toolkit.collection.importing import AnswersOfAFile, UnitName, import_answers
    from toolkit.storage.response_files import read_responses_in_parts

    day = date.fromisoformat(wave["asked_on"])
    _place(services, units, day)
    rows: list[Any] = list(units.itertuples())
    names = {row.unit: UnitName(row.service_name, row.unit_name) for row in rows}
    file = STUDY / wave["file"]
    instrument = f"{wave['instrument']}@{wave['version']}"
    answers = AnswersOfAFile(services.catalog.load(instrument), file=str(file))
    for numbers, part in read_responses_in_parts(file, answers.instrument):
        part["service"] = part["unit"].map({unit: name.service for unit, name in names.items()})
        part["unit"] = part["unit"].map({unit: name.unit for unit, name in names.items()})
        answers.add(numbers, part)
    import_answers(
        services.store,
        services.waves.new_wave(wave["name"], instrument, asked_on=day, is_demo=True),
        answers,
        n_invited={names[row.unit]: row.n_invited for row in rows},
        freezes=True,
    )


def _place(services: Services, units: pd.DataFrame, day: date) -> None:
    """Add the services and units that are not there, and move the units that belong to another service by then."""
    belongs = {unit.name: place for place in services.waves.services(on=day) for unit in place.units}
    for service, group in units.groupby("service_name"):
        new = [name for name in group["unit_name"] if name not in belongs]
        found, _ = services.waves.add_service(str(service), new, on=day) if new else (None, ())
        if found is None:
            found = next(place.service for place in services.waves.services() if place.service.name == service)
        for name in group["unit_name"]:
            if name in belongs and belongs[name].service.id != found.id:
                unit = next(unit for unit in belongs[name].units if unit.name == name)
                services.waves.move_unit(unit.id, found.id, on=day)


def _open_units(services: Services) -> tuple[Unit, ...]:
    """Return the first units of the first service."""
    first = min(services.waves.services(), key=lambda place: place.service.name)
    return tuple(sorted(first.units, key=lambda unit: unit.name)[:OPEN_UNITS])

"""What the pages of a service lead stand on: all frozen waves of one questionnaire, compared once and then kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pandas as pd
import streamlit as st

from toolkit.collection.ports import Wave
from toolkit.collection.waves import ServiceUnits
from toolkit.comparison.participation import response_rates
from toolkit.comparison.results import Comparison, Distributions, ResponseRates
from toolkit.comparison.rounding import rounded
from toolkit.comparison.run import compare
from toolkit.comparison.shares import distributions
from toolkit.instruments.definition import version_order
from toolkit.instruments.evidence import load_statements
from toolkit.instruments.instrument import Instrument
from toolkit.reporting.service_labels import Labels, labels_of
from toolkit.wiring import Services, services

KEPT = 8
PARTS_KEPT = 512


def _call(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    return function(*arguments, **named)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compared:
    """Everything that may be shown of the frozen waves of one questionnaire.

    Attributes
    ----------
    comparison : Comparison
        Scores and changes, rounded.
    distributions : Distributions
        How items were answered.
    rates : ResponseRates or None
        Answered out of invited; None where nobody knows how many were invited.
    instruments : mapping of str to Instrument
        Versions by number, oldest first.
    waves : mapping of str to Wave
        Waves by identifier, in order of time.
    services : mapping of str to str
        Names of services by identifier.
    units : mapping of str to str
        Names of units by identifier.
    units_of : mapping of (str, str) to tuple of str
        Units of a wave and service, by name.
    """

    comparison: Comparison
    distributions: Distributions
    rates: ResponseRates | None
    instruments: Mapping[str, Instrument]
    waves: Mapping[str, Wave]
    services: Mapping[str, str]
    units: Mapping[str, str]
    units_of: Mapping[tuple[str, str], tuple[str, ...]]
    keep: Callable[..., Any] = field(default_factory=lambda: lru_cache(maxsize=PARTS_KEPT)(_call))
    """Calls a function that draws, tabulates or words, once for the same arguments."""

    def labels(self, language: str) -> Labels:
        """Return the names in a language."""
        found: Labels = self.keep(self._labels, language)
        return found

    def _labels(self, language: str) -> Labels:
        return labels_of(
            list(self.instruments.values()),
            language=language,
            groups={**self.services, **self.units},
            waves={wave.id: wave.name for wave in self.waves.values()},
        )

    def instrument_of(self, wave_id: str) -> Instrument:
        """Return the version that a wave asked."""
        return self.instruments[self.waves[wave_id].instrument_version]

    def service_of(self, unit_id: str, wave_id: str) -> str | None:
        """Return the service that a unit belonged to on the first day of a wave; None where it took no part."""
        return next(
            (service for (wave, service), units in self.units_of.items() if wave == wave_id and unit_id in units), None
        )


def choose_compared(say: dict[str, str], language: str) -> Compared | None:
    """Offer the questionnaires that have frozen waves; return what is known of the chosen one, or say what lacks."""
    frozen = [(wave, places) for wave, places in services().waves.all() if wave.status == "frozen"]
    ids = sorted({wave.instrument_id for wave, _ in frozen})
    if not ids:
        st.info(say["compared_none"])
        return None
    titles = {one: _title(one, language) for one in ids}
    chosen = (
        st.selectbox(say["staff_instrument"], ids, format_func=titles.__getitem__, key="compared_instrument")
        if len(ids) > 1
        else ids[0]
    )
    key = _Key(
        waves=tuple((wave, places) for wave, places in frozen if wave.instrument_id == chosen), services=services()
    )
    with st.spinner(say["compared_working"]):
        return _compared(key)


def _title(instrument_id: str, language: str) -> str:
    instrument = services().catalog.load(instrument_id)
    return instrument.texts[language if language in instrument.texts else instrument.languages[0]].title


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """Frozen waves with the hashes of their answers, and where units belonged: all that a comparison depends on."""

    waves: tuple[tuple[Wave, tuple[ServiceUnits, ...]], ...]
    services: Services = field(compare=False)


@lru_cache(maxsize=KEPT)
def _compared(key: _Key) -> Compared:
    waves = {wave.id: wave for wave, _ in key.waves}
    versions = sorted({wave.instrument_version for wave in waves.values()}, key=version_order)
    names = {wave.instrument_version: wave.instrument for wave in waves.values()}
    instruments = {version: key.services.catalog.load(names[version]) for version in versions}
    answers = key.services.waves.answers_frame(list(waves))
    is_demo = all(wave.is_demo for wave in waves.values())
    statements = load_statements(next(iter(waves.values())).instrument_id, catalog=key.services.catalog)
    found = rounded(compare(list(instruments.values()), answers, statements=statements, demo=is_demo))
    return Compared(
        comparison=found,
        distributions=distributions(list(instruments.values()), answers),
        rates=_rates(key, found.waves),
        instruments=instruments,
        waves={wave_id: waves[wave_id] for wave_id in found.waves},
        services={place.service.id: place.service.name for _, places in key.waves for place in places},
        units={unit.id: unit.name for _, places in key.waves for place in places for unit in place.units},
        units_of={
            (wave.id, place.service.id): tuple(unit.id for unit in sorted(place.units, key=lambda unit: unit.name))
            for wave, places in key.waves
            for place in places
        },
    )


def _rates(key: _Key, order: tuple[str, ...]) -> ResponseRates | None:
    """Return the response rates of units of which it is known how many were invited."""
    rows = []
    for wave, places in key.waves:
        service_of = {unit.id: place.service.id for place in places for unit in place.units}
        rows += [
            (wave.id, service_of[one.unit_id], one.unit_id, one.n_invited, one.n_submitted)
            for one in key.services.waves.participation(wave.id)
            if one.unit_id in service_of and one.n_invited
        ]
    if not rows:
        return None
    counts = pd.DataFrame(rows, columns=["wave", "service", "unit", "invited", "submitted"])
    counts["wave"] = pd.Categorical(counts["wave"], categories=list(order), ordered=True)
    return response_rates(counts)

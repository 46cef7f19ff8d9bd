"""The answers of a frozen wave as one table, with what could single a person out suppressed."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pandas as pd

from toolkit.collection.flow import display_order
from toolkit.collection.ports import Response, Wave
from toolkit.collection.waves import ServiceUnits, require_unchanged
from toolkit.disclosure.suppression import suppress_rare_combinations
from toolkit.disclosure.thresholds import FLOOR_FOR_CELLS, NOT_SHOWN
from toolkit.errors import Code, CollectionError, Problem
from toolkit.instruments.instrument import Instrument

CONTEXT = ("respondent", "instrument", "version", "wave", "service", "unit", "language")


def export_frame(
    instrument: Instrument, wave: Wave, responses: Sequence[Response], services: Sequence[ServiceUnits]
) -> pd.DataFrame:
    """Return one row a respondent: context columns, then every question in the order it was shown.

    Answers of a demonstration say so in the name of their wave. Respondents are numbered in random order, so that the
    numbers of two exports cannot be joined. Service, unit, language and background answers are left empty where fewer
    than five people share them.

    Raises
    ------
    CollectionError
        ``COL_TOO_FEW_TO_EXPORT`` with fewer than five responses; ``COL_QUESTIONNAIRE_CHANGED``.
    """
    require_unchanged(instrument, wave)
    # A submission without any answer is nobody to hide behind: it is left out before anything is counted.
    answered = [response for response in responses if not instrument.items.keys().isdisjoint(response.answers)]
    if len(answered) < FLOOR_FOR_CELLS:
        raise CollectionError(
            Problem(
                code=Code.COL_TOO_FEW_TO_EXPORT,
                what=f"The wave {wave.name!r}: {NOT_SHOWN['en'].lower()}.",
                allowed=f"{FLOOR_FOR_CELLS} responses or more",
                fix="Invite more people to the next wave.",
            )
        )
    names = {unit.id: (service.name, unit.name) for service, units in services for unit in units}
    shuffled = answered
    random.SystemRandom().shuffle(shuffled)
    rows = [
        {
            "respondent": f"R{number:05d}",
            "instrument": response.instrument_id,
            "version": response.instrument_version,
            "wave": _as_words(f"{wave.name} (synthetic)" if wave.is_demo else wave.name),
            "service": _as_words(names[response.unit_id][0]),
            "unit": _as_words(names[response.unit_id][1]),
            "language": response.language,
            **response.answers,
        }
        for number, response in enumerate(shuffled, start=1)
    ]
    covariates = [covariate.code for covariate in instrument.definition.covariates]
    frame = pd.DataFrame(rows, columns=[*CONTEXT, *display_order(instrument)], dtype="object")
    return suppress_rare_combinations(frame, ["service", "unit", *covariates, "language"])


def _as_words(name: str) -> str:
    """Return a name that a spreadsheet reads as words and never runs as a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name

"""The answers of a frozen wave as a response frame for figures about many; nothing in it tells who a row is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from toolkit.collection.ports import Response, Wave
from toolkit.collection.waves import require_unchanged
from toolkit.disclosure.thresholds import FLOOR_FOR_DISTRIBUTIONS, NOT_SHOWN
from toolkit.errors import Code, CollectionError, Problem
from toolkit.instruments.instrument import Instrument


def item_answers(instrument: Instrument, wave: Wave, responses: Sequence[Response]) -> pd.DataFrame:
    """Return one row a respondent and one float column an item, with the codes as given and NaN for unanswered.

    Units, languages and background answers are left out. Rows are ordered by the answers and numbered, so the same
    answers give the same frame, whatever their order in the store. Submissions without any answer are left out.

    Raises
    ------
    CollectionError
        ``COL_TOO_FEW_TO_VALIDATE`` with fewer than ten responses; ``COL_QUESTIONNAIRE_CHANGED``.
    """
    require_unchanged(instrument, wave)
    rows = [
        {item: float(response.answers[item]) for item in instrument.item_codes if item in response.answers}
        for response in responses
    ]
    answered = [row for row in rows if row]
    if len(answered) < FLOOR_FOR_DISTRIBUTIONS:
        raise CollectionError(
            Problem(
                code=Code.COL_TOO_FEW_TO_VALIDATE,
                what=f"The wave {wave.name!r}: {NOT_SHOWN['en'].lower()}.",
                allowed=f"{FLOOR_FOR_DISTRIBUTIONS} responses or more",
                fix="Invite more people to the next wave.",
            )
        )
    frame = pd.DataFrame(answered, columns=list(instrument.item_codes), dtype=np.float64)
    frame = frame.sort_values(list(instrument.item_codes), ignore_index=True)
    frame.index = pd.Index([f"R{number:05d}" for number in range(1, len(frame) + 1)], name="respondent")
    return frame

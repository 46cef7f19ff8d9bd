"""The codebook of an instrument: what every column and code of an export means, in every language."""

from __future__ import annotations

import pandas as pd

from toolkit.instruments.instrument import Instrument


def codebook(instrument: Instrument) -> pd.DataFrame:
    """Return one row for each variable and one for each of its codes.

    Returns
    -------
    DataFrame
        Columns ``variable``, ``code`` (empty on the variable's own row), ``kind`` (``item``, ``point``, ``missing``,
        ``covariate`` or ``option``), ``scales`` and one column ``text_<language>`` a language.
    """
    rows: list[dict[str, str]] = []
    texts = instrument.texts

    def add(variable: str, code: str, kind: str, scales: str, words: dict[str, str]) -> None:
        row = {"variable": variable, "code": code, "kind": kind, "scales": scales}
        rows.append(row | {f"text_{language}": text for language, text in words.items()})

    for item in instrument.item_codes:
        scales = " ".join(scale.code for scale in instrument.definition.scales if item in scale.items)
        add(item, "", "item", scales, {language: text.items[item].text for language, text in texts.items()})
        for code in instrument.codes(item):
            kind = "point" if code in instrument.points(item) else "missing"
            words = {language: instrument.labels(item, language)[code] for language in texts}
            add(item, str(code), kind, scales, words)
    for covariate in instrument.definition.covariates:
        asked = {language: text.covariates[covariate.code] for language, text in texts.items()}
        add(covariate.code, "", "covariate", "", {language: question.text for language, question in asked.items()})
        for option in covariate.options:
            words = {language: question.options[option] for language, question in asked.items()}
            add(covariate.code, option, "option", "", words)
    return pd.DataFrame(rows)

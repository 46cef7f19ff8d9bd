"""What is said beside a synthetic data set: how it was made, what it holds, and what it must not be used for."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toolkit.validation.population import Population, write_population

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.instruments.instrument import Instrument
    from toolkit.validation.synthetic import SyntheticData

RESPONSES_FILE = "responses.csv"
POPULATION_FILE = "population.yaml"
FACTS_FILE = "datasheet.yaml"
DATASHEET_FILE = "datasheet.md"


def data_set_files(data: SyntheticData, instrument: Instrument, *, command: str) -> dict[str, str]:
    """Return the files of a synthetic data set by name.

    Parameters
    ----------
    data : SyntheticData
        The draw.
    instrument : Instrument
        The instrument that was answered.
    command : str
        The command that draws the same data again.

    Returns
    -------
    dict of str to str
        ``responses.csv``, ``population.yaml`` (the truth, which can be drawn from again), ``datasheet.yaml`` (what this
        draw holds, for machines) and ``datasheet.md`` (both, for people).
    """
    files = {RESPONSES_FILE: data.to_csv(), POPULATION_FILE: write_population(data.population)}
    facts = _facts(data, instrument, command, {name: sha256_of(text) for name, text in files.items()})
    files[FACTS_FILE] = "# Synthetic: no respondent stands behind these data.\n" + yaml_text(facts)
    files[DATASHEET_FILE] = _markdown(data, instrument, facts)
    return files


def _facts(data: SyntheticData, instrument: Instrument, command: str, hashes: Mapping[str, str]) -> dict[str, Any]:
    """Collect what this draw holds, and what it takes to draw it again."""
    answers = data.responses[list(data.population.loadings)]
    n_answers = answers.size
    counts = {"unanswered": int(answers.isna().to_numpy().sum())}
    for name, code in instrument.missing_codes.items():
        counts[name] = int((answers == code.code).to_numpy(dtype=bool, na_value=False).sum())
    columns = ["unit", "language", *data.population.covariates]
    return {
        "synthetic": True,
        "instrument": data.instrument,
        "definition_sha256": data.definition_hash,
        "command": command,
        "seed": data.seed,
        "versions": dict(data.versions),
        "sha256": dict(hashes),
        "persons": len(answers),
        "items": len(data.population.loadings),
        "share_of_answers": {name: round(count / n_answers, 5) for name, count in counts.items()},
        "persons_by": {
            column: {str(key): int(count) for key, count in _counts(data.responses[column]).items()}
            for column in columns
        },
        "unit_effects": {
            str(unit): {str(factor): round(float(value), 4) for factor, value in row.items()}
            for unit, row in data.unit_effects.iterrows()
        },
        "careless": list(data.careless),
    }


def _counts(values: pd.Series[Any]) -> dict[str, int]:
    """Count values in alphabetical order; empty cells last, as ``unanswered``."""
    counted = {str(key): int(count) for key, count in values.value_counts().sort_index().items()}
    empty = int(values.isna().sum())
    return counted | ({"unanswered": empty} if empty else {})


def _markdown(data: SyntheticData, instrument: Instrument, facts: Mapping[str, Any]) -> str:
    population = data.population
    text = instrument.texts[instrument.languages[0]]
    shares = ", ".join(f"{name} {share:.1%}" for name, share in facts["share_of_answers"].items())
    careless = len(data.careless)
    parts = [
        f"# Synthetic answers to {text.title} ({data.instrument})",
        "**These answers are synthetic. No respondent stands behind them.** They were drawn from a stated population "
        "by a seeded random number generator. Every row says so in its id and in its column `wave`.",
        "## What it is for",
        "Trying the toolkit, testing analyses against a known truth, and teaching. It says nothing about any service, "
        "any profession, or the quality of the questionnaire: the structure found in it is the structure put into it.",
        "## How to draw it again",
        f"```\n{facts['command']}\n```",
        table(
            ["what", "value"],
            [
                ["seed", data.seed],
                ["SHA-256 of the definition", f"`{data.definition_hash}`"],
                *([f"SHA-256 of {name}", f"`{digest}`"] for name, digest in facts["sha256"].items()),
                *([f"version of {name}", number] for name, number in data.versions.items()),
            ],
        ),
        "## What it holds",
        f"`{RESPONSES_FILE}`: {facts['persons']} persons, {facts['items']} items, "
        f"{len(data.unit_effects)} units, {len(population.covariates)} background questions. "
        "An empty cell is unanswered; negative codes are the instrument's missing codes. "
        f"`{POPULATION_FILE}` is the truth. `{FACTS_FILE}` names the careless respondents and the drawn unit effects.",
        f"- Answers that are missing: {shares}.",
        f"- Careless respondents: {careless} of {facts['persons']} ({careless / facts['persons']:.1%}); the "
        f"population's share is {population.careless:.1%}. They give every item the same place among its points.",
        *_people(facts),
        "## The population",
        *population_parts(population),
        "## What it leaves out",
        "But for items that do not apply, answers do not depend on the background questions or the language. Nobody "
        "stops half-way. Missing answers say nothing about the person. No item works differently in any group. Real "
        "answers are less tidy.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def population_parts(population: Population) -> list[str]:
    """Return a population as paragraphs of Markdown."""
    return [
        "Latent responses have variance 1 and follow a common factor model. Thresholds cut them into points.",
        _loadings(population),
        "Factor correlations, and the share of every factor's variance between units (ICC):",
        _correlations(population),
        f"Missing answers: {population.unanswered:.1%} unanswered"
        + "".join(f", {share:.1%} {name}" for name, share in population.missing.items())
        + ", independent of everything else.",
        _structural(population),
    ]


def _people(facts: Mapping[str, Any]) -> list[str]:
    rows = [
        [column, ", ".join(f"{name} {count}" for name, count in counts.items())]
        for column, counts in facts["persons_by"].items()
    ]
    return [table(["persons by", "number"], rows)]


def _loadings(population: Population) -> str:
    rows = [
        [
            item,
            ", ".join(f"{factor} {value:.2f}" for factor, value in row.items()),
            _numbers(population.thresholds[item]),
        ]
        for item, row in population.loadings.items()
    ]
    return table(["item", "loading", "thresholds"], rows)


def _correlations(population: Population) -> str:
    factors, phi = population.factors, population.correlation_matrix()
    rows = [
        [
            factor,
            *(f"{phi[i, j]:.2f}" if j <= i else "" for j in range(len(factors))),
            population.unit_icc.get(factor, 0),
        ]
        for i, factor in enumerate(factors)
    ]
    return table(["factor", *factors, "ICC"], rows)


def _structural(population: Population) -> str:
    if not population.structural:
        return "No item is structurally not applicable to anyone."
    lines = [
        f"- {rule.code} on {', '.join(rule.items)}, by {rule.covariate}: "
        + ", ".join(f"{option} {share:.0%}" for option, share in rule.shares.items())
        for rule in population.structural
    ]
    return "Items that do not apply to everyone:\n\n" + "\n".join(lines)


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def table(header: list[str], rows: list[list[Any]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def sha256_of(text: str) -> str:
    """SHA-256 of a text in UTF-8, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def yaml_text(value: dict[str, Any]) -> str:
    """Return a mapping as YAML, innermost mappings and lists on one line."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.default_flow_style = None
    yaml.width = 4096
    stream = io.StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()

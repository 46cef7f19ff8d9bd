"""What is said beside synthetic answers in waves: the files of the data set, and the truth that was planted in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.disclosure.thresholds import FLOOR_FOR_CELLS, FLOOR_FOR_DISTRIBUTIONS
from toolkit.validation.datasheet import DATASHEET_FILE, FACTS_FILE, population_parts, sha256_of, table, yaml_text
from toolkit.validation.population import write_population
from toolkit.validation.study import write_study
from toolkit.validation.synthetic_waves import expected_scores, planted

if TYPE_CHECKING:
    from toolkit.validation.study import Effect, LoadedStudy, Wave
    from toolkit.validation.synthetic_waves import SyntheticWaves

STUDY_FILE = "study.yaml"
WAVES_FILE = "waves.yaml"
UNITS_FILE = "units.csv"


def wave_set_files(data: SyntheticWaves, *, command: str) -> dict[str, str]:
    """Return the files of a synthetic data set in waves by name.

    Parameters
    ----------
    data : SyntheticWaves
        The draw.
    command : str
        The command that draws the same data again.

    Returns
    -------
    dict of str to str
        ``responses-<wave>.csv`` for each wave, ``waves.yaml`` and ``units.csv`` (what was asked when, and whom), the
        study and its populations (the truth, which can be drawn from again), ``datasheet.yaml`` (for machines) and
        ``datasheet.md`` (for people).
    """
    study = data.loaded.study
    files = {_file(wave): data.to_csv(wave.code) for wave in study.waves}
    files[UNITS_FILE] = data.units_to_csv()
    files[WAVES_FILE] = _marked(_waves(data))
    named = {name: f"population-{name.replace('@', '-')}.yaml" for name in study.populations}
    files |= {named[name]: write_population(population) for name, population in data.loaded.populations.items()}
    files[STUDY_FILE] = write_study(study.model_copy(update={"populations": named}))
    facts = _facts(data, command, {name: sha256_of(text) for name, text in files.items()})
    files[FACTS_FILE] = _marked(facts)
    files[DATASHEET_FILE] = _markdown(data, facts)
    return files


def _file(wave: Wave) -> str:
    return f"responses-{wave.code}.csv"


def _marked(value: dict[str, Any]) -> str:
    return "# Synthetic: no respondent stands behind these data.\n" + yaml_text(value)


def _waves(data: SyntheticWaves) -> dict[str, Any]:
    """Collect what it takes to load the answers: the waves from the first to the last, each with version and file."""
    instruments = data.loaded.instruments
    waves = [
        {
            "wave": wave.code,
            "name": wave.name,
            "asked_on": wave.asked_on.isoformat(),
            "instrument": instruments[wave.instrument].id,
            "version": instruments[wave.instrument].version,
            "definition_sha256": instruments[wave.instrument].definition_hash,
            "file": _file(wave),
            "n_respondents": wave.n_respondents,
        }
        for wave in data.loaded.study.waves
    ]
    return {"synthetic": True, "units": UNITS_FILE, "waves": waves}


def _facts(data: SyntheticWaves, command: str, hashes: Mapping[str, str]) -> dict[str, Any]:
    loaded = data.loaded
    return {
        "synthetic": True,
        "definition_sha256": {name: instrument.definition_hash for name, instrument in loaded.instruments.items()},
        "command": command,
        "seed": data.seed,
        "versions": dict(data.versions),
        "sha256": dict(hashes),
        "persons": sum(map(len, data.responses.values())),
        "effects": [
            {**effect.model_dump(exclude_none=True), **_in_points(loaded, data, effect)}
            for effect in loaded.study.effects
        ],
        "average_unit": {
            name: _rounded(
                expected_scores(loaded.instruments[name], population, np.zeros(len(loaded.factors))), digits=1
            )
            for name, population in loaded.populations.items()
        },
        "expected_scores": {
            wave.code: {
                "services": {service: _rounded(row, digits=1) for service, row in _services(data, wave).items()},
                "units": {
                    str(unit): _rounded({str(scale): float(value) for scale, value in row.items()}, digits=1)
                    for unit, row in data.expected.loc[wave.code].iterrows()
                },
            }
            for wave in loaded.study.waves
        },
        "careless": list(data.careless),
    }


def _services(data: SyntheticWaves, wave: Wave) -> dict[str, dict[str, float]]:
    """Return the expected scores of each service: the mean of its units, by number invited."""
    units = data.units.loc[data.units["wave"] == wave.code].set_index("unit")
    expected = data.expected.loc[wave.code].mul(units["n_invited"], axis=0)
    sums = expected.groupby(units["service"]).sum().div(units.groupby("service")["n_invited"].sum(), axis=0)
    return {
        str(service): {str(scale): float(value) for scale, value in row.items()} for service, row in sums.iterrows()
    }


def _in_points(loaded: LoadedStudy, data: SyntheticWaves, effect: Effect) -> dict[str, Any]:
    """Turn a planted effect into points of each scale that it moves, in the first wave that has it."""
    study = loaded.study
    for wave in study.waves:
        rows = [at for at, unit in enumerate(study.units) if study.applies(effect, unit, wave)]
        if rows:
            break
    else:
        return {"points": {}}
    instrument, population = loaded.instruments[wave.instrument], loaded.populations[wave.instrument]
    # The rest of every unit's mean, planted or by chance, stays as it is.
    lacking = planted(loaded, wave) - planted(loaded, wave, without=effect)
    weights = [study.units[at].n_invited for at in rows]
    moved: dict[str, list[float]] = {}
    for at in rows:
        whole = data.effects[wave.code][at]
        before = expected_scores(instrument, population, whole - lacking[at])
        after = expected_scores(instrument, population, whole)
        for scale in after:
            moved.setdefault(scale, []).append(after[scale] - before[scale])
    points = {scale: float(np.average(values, weights=weights)) for scale, values in moved.items()}
    return {"points": {scale: round(value, 1) for scale, value in points.items() if abs(value) >= 0.05}}


def _rounded(scores: Mapping[str, float], *, digits: int) -> dict[str, float]:
    return {scale: round(value, digits) for scale, value in scores.items()}


def _markdown(data: SyntheticWaves, facts: Mapping[str, Any]) -> str:
    study = data.loaded.study
    first = next(iter(data.loaded.instruments.values()))
    title = first.texts[first.languages[0]].title
    careless = len(data.careless)
    scales = [str(scale) for scale in data.expected.columns]
    parts = [
        f"# Synthetic answers in {len(study.waves)} waves to {title}",
        "**These answers are synthetic. No respondent stands behind them, and there are no such services.** They were "
        "drawn from a stated population by a seeded random number generator. Every row says so in its id.",
        "## What it is for",
        "Trying the toolkit, teaching, and testing whether a comparison over time finds what was planted and nothing "
        "else. It says nothing about any service, any profession, or the quality of the questionnaire.",
        "## How to draw it again",
        f"```\n{facts['command']}\n```",
        table(
            ["what", "value"],
            [
                ["seed", data.seed],
                *(
                    [f"SHA-256 of the definition of {name}", f"`{it}`"]
                    for name, it in facts["definition_sha256"].items()
                ),
                *([f"SHA-256 of {name}", f"`{digest}`"] for name, digest in facts["sha256"].items()),
                *([f"version of {name}", number] for name, number in data.versions.items()),
            ],
        ),
        "## What it holds",
        f"{facts['persons']} persons in {len(study.waves)} waves, {len(study.services)} services and "
        f"{len(study.units)} units. Every wave is a fresh sample of staff: nobody's answers of two waves belong "
        "together.",
        f"- `responses-<wave>.csv`: one row a respondent, in the order in which they answered. Columns: respondent, "
        "service, unit, wave, instrument, version, language, background questions, items. An empty cell is "
        "unanswered; negative codes are the instrument's missing codes.\n"
        f"- `{WAVES_FILE}`: the waves from the first to the last, with date, version and file.\n"
        f"- `{UNITS_FILE}`: one row a unit and wave: the service that it belonged to then, how many were invited and "
        "how many answered.\n"
        f"- `{STUDY_FILE}` and `population-*.yaml`: the truth. `{FACTS_FILE}`: this page for machines, with the "
        "expected score of every unit and the ids of the careless respondents.",
        f"Careless respondents: {careless} of {facts['persons']} ({careless / facts['persons']:.1%}). They give every "
        "item the same place among its points.",
        _waves_table(data),
        _units_table(data),
        *_moves(data),
        *_small(data),
        "## What was planted",
        "Units differ by chance and stay as they are from wave to wave. On top of that, in standard deviations of "
        "the factor and in points of the scale (0 to 100 unless the questionnaire says otherwise) in the first wave "
        "that has it:",
        table(
            ["what", "factor", "shift", "whom", "from", "points"],
            [
                [
                    one["told"],
                    one["factor"],
                    f"{one['shift']:+.2f}",
                    one.get("unit", one.get("service", "all")),
                    one.get("from_wave", study.waves[0].code),
                    ", ".join(f"{scale} {value:+.1f}" for scale, value in one["points"].items()) or "none",
                ]
                for one in facts["effects"]
            ],
        ),
        "The expected score of careful people, unit by unit weighted by the number invited:",
        table(
            ["wave", "service", *scales],
            [
                [wave.code, service, *(f"{row[scale]:.1f}" for scale in scales)]
                for wave in study.waves
                for service, row in facts["expected_scores"][wave.code]["services"].items()
            ],
        ),
        *_versions(facts, scales),
        *_populations(data),
        "## What it leaves out",
        "But for items that do not apply, answers do not depend on the background questions or the language. Nobody "
        "stops half-way, and no unit closes or opens. Missing answers say nothing about the person, and those who do "
        "not answer are like those who do. No item works differently in any group. Real answers are less tidy.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _waves_table(data: SyntheticWaves) -> str:
    invited = data.units.groupby("wave")["n_invited"].sum()
    return table(
        ["wave", "name", "asked on", "version", "invited", "answered"],
        [
            [wave.code, wave.name, wave.asked_on.isoformat(), wave.instrument, invited[wave.code], wave.n_respondents]
            for wave in data.loaded.study.waves
        ],
    )


def _units_table(data: SyntheticWaves) -> str:
    study = data.loaded.study
    answered = data.units.set_index(["unit", "wave"])["n_responded"].to_dict()
    return table(
        [
            "unit",
            "name",
            "service at first",
            "invited",
            "response rate",
            *(f"answered {it.code}" for it in study.waves),
        ],
        [
            [
                *(unit.code, unit.name, unit.service, unit.n_invited, f"{unit.response_rate:.0%}"),
                *(answered[unit.code, wave.code] for wave in study.waves),
            ]
            for unit in study.units
        ],
    )


def _moves(data: SyntheticWaves) -> Iterable[str]:
    names = {unit.code: unit.service for unit in data.loaded.study.units}
    for wave in data.loaded.study.waves:
        for unit, service in wave.moves.items():
            yield f"From {wave.code} on, {unit} belongs to {service} (before: {names[unit]})."
            names[unit] = service


def _small(data: SyntheticWaves) -> Iterable[str]:
    """Name the units whose results may not be shown, or not all of them."""
    answered = data.units.groupby("unit")["n_responded"].min()
    for floor, what in (
        (FLOOR_FOR_CELLS, "too few for a mean"),
        (FLOOR_FOR_DISTRIBUTIONS, "too few for a distribution"),
    ):
        units = [str(unit) for unit, count in answered.items() if count < floor]
        if units:
            yield f"With fewer than {floor} answers in a wave, which are {what}: {', '.join(units)}."


def _versions(facts: Mapping[str, Any], scales: list[str]) -> Iterable[str]:
    """Show how far the versions differ for the same people."""
    if len(facts["average_unit"]) > 1:
        yield (
            "The same people do not have the same score on every version. A unit that is average in everything is "
            "expected to have:"
        )
        yield table(
            ["version", *scales],
            [[name, *(f"{row[scale]:.1f}" for scale in scales)] for name, row in facts["average_unit"].items()],
        )
        yield (
            "A line drawn through waves on two versions shows this difference as if it were a change. It is none: the "
            "two versions are not linked."
        )


def _populations(data: SyntheticWaves) -> Iterable[str]:
    for name, population in data.loaded.populations.items():
        yield f"## The population of {name}"
        yield f"The share of careless people is {population.careless:.1%}."
        yield from population_parts(population)

# %% [markdown]
# # From a file of answers to what may be said
#
# A walk for researchers, cell by cell. Open this file in Jupyter (with jupytext), VS Code, Spyder or PyCharm, which
# read `# %%` as cells; or run it as a script from the folder of the toolkit: `.venv/bin/python docs/walkthrough.py`.
# A test runs it as it stands. All answers are synthetic: a program made them.

# %%
from pathlib import Path

import pandas as pd

from toolkit import comparison, instruments, reporting, validation
from toolkit import psychometrics as pm
from toolkit.settings import ROOT
from toolkit.storage.response_files import read_responses

OUT = Path("walkthrough-results")

# %% [markdown]
# ## The questionnaire is a versioned thing
#
# `load` reads one version with all its languages, and refuses one whose released files were changed.

# %%
eomhs = instruments.load("eomhs@1.0.0")
print(eomhs.name, eomhs.languages, len(eomhs.item_codes), "items")
print({code: eomhs.texts["en"].scales[code].name for code in eomhs.scales})

# %% [markdown]
# ## Answers are checked while they are read
#
# A wrong code, a doubled respondent or a mangled file is told with row, column, value and fix.

# %%
answers = read_responses(ROOT / "data" / "eomhs-1.0.0-synthetic" / "responses.csv", eomhs)
print(answers[["unit", "language", "HB1", "HB2", "CI1"]].head())

# %% [markdown]
# ## Scores say why they are absent
#
# A scale needs enough answers; "not relevant to my role" is no missing answer.

# %%
scores = instruments.score(eomhs, answers)
print(scores.scores.describe().round(1))
print(scores.status.apply(lambda column: column.value_counts()).fillna(0).astype(int))

# %% [markdown]
# ## Is the scale any good?
#
# Statistics take persons x items. Every result names its formula, its n and its interval.

# %%
items = instruments.scored_items(eomhs, answers)
health_benefit = items[list(eomhs.scales["HB"].items)]
alpha = pm.cronbach_alpha(health_benefit, missing="pairwise")
print(f"alpha {alpha.estimate:.2f} ({alpha.interval.low:.2f} to {alpha.interval.high:.2f}), n = {alpha.n_persons}")
print(alpha.method)

# %%
complete = items.dropna()
parallel = pm.parallel_analysis(complete, n_datasets=100, rng=1)
solution = pm.efa(complete, n_factors=6, method="ml", rotation="oblimin")
print("parallel analysis:", parallel.n_factors, "factors; RMSEA", round(solution.rmsea.estimate, 3))
print(solution.loadings.round(2).head(10))

# %% [markdown]
# ## The same as one run, with a report that can be cited
#
# `results.json` holds every number; `report.html` is one page that fetches nothing.

# %%
run = validation.validate(eomhs, answers, plan=validation.ValidationPlan(n_datasets=100))
reporting.write_validation_report(run, OUT / "report")
ratings = pd.Series([rating.verdict for rating in run.ratings]).value_counts()
print(ratings)

# %% [markdown]
# ## Services over time
#
# Four waves of four services: the first with version 0.9.0, the others with 1.0.0. Nobody has shown that scores of the
# two versions mean the same, so the line breaks there, and no difference is stated across it.

# %%
demo = ROOT / "data" / "eomhs-demo-synthetic"
versions = {"0.9.0": instruments.load("eomhs@0.9.0"), "1.0.0": eomhs}
waves = {"spring-2025": "0.9.0", "autumn-2025": "1.0.0", "spring-2026": "1.0.0", "autumn-2026": "1.0.0"}


def answers_to(version: str) -> pd.DataFrame:
    """Read the waves that asked one version."""
    asked = [wave for wave, of in waves.items() if of == version]
    frame = pd.concat([read_responses(demo / f"responses-{wave}.csv", versions[version]) for wave in asked])
    frame["wave"] = pd.Categorical(frame["wave"], categories=list(waves), ordered=True)
    return frame


everybody = {version: answers_to(version) for version in versions}

# %%
statements = instruments.load_statements("eomhs")
compared = comparison.compare(list(versions.values()), everybody, statements=statements)
print(compared.breaks.query("reason != ''")[["scale", "wave_from", "wave_to", "status", "reason"]])

# %% [markdown]
# What may be shown is decided before anything is computed: a unit with too few answers, or one that could be worked out
# by subtraction, has no number at all. What leaves is rounded, so that a few people's scores cannot be worked out.

# %%
told = comparison.rounded(compared)
daily = told.levels.query("scale == 'CI' and kind == 'service'")
print(daily.pivot_table(index="group", columns="wave", values="mean", observed=True))
hidden = told.levels.query("kind == 'unit' and not shown")
print(len(hidden), "of", len(told.levels.query("kind == 'unit'")), "results of units are not shown")

# %%
for finding in told.findings:
    if finding.kind in ("rise", "fall") and finding.group_kind == "service":
        print(
            f"{finding.group} {finding.scale}: {finding.kind} {finding.wave_from} to {finding.wave_to}, "
            f"{finding.difference:+.1f} ({finding.low:+.1f} to {finding.high:+.1f})"
        )

# %% [markdown]
# The datasheet of these data tells what was planted: `data/eomhs-demo-synthetic/datasheet.md`. Birch rises on daily
# integration in spring 2026 and again in autumn 2026.

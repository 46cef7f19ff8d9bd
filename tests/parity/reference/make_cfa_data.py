"""Make the simulated data sets behind cfa.json.

Run from the repository root, between the two stages of the R script::

    Rscript tests/parity/reference/make_cfa_reference.R data
    python tests/parity/reference/make_cfa_data.py SCRATCH_FOLDER
    Rscript tests/parity/reference/make_cfa_reference.R fit SCRATCH_FOLDER

The first stage stores the public example data sets, this script stores ``cfa_mixed.csv`` and ``cfa_waves.csv`` beside
itself and writes the 40 data sets of the Type-I check into the scratch folder, and the second stage fits the models.
The 40 data sets are not stored: a test makes them again with :func:`type_one`, and compares ``checksum`` with the value
in ``cfa.json["type_one"]`` before it trusts the comparison.

Every number is a sum of a few products taken element by element (no matrix product, whose last bit depends on the
linear algebra library), and is rounded to six decimals.

Nobody answered anything here. ``cfa_mixed.csv`` adds three simulated continuous items to the simulated items u1-u4 of
``datCat`` (R package semTools); ``cfa_waves.csv`` holds 400 simulated persons, four items at two waves.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
DECIMALS = 6
N_SETS, N_PERSONS, N_ITEMS = 40, 200, 10
SEED = 1_000
"""Data set k (0 to 39) comes from ``Generator(PCG64(SEED + k))``."""
LOADINGS = (0.8, 0.7, 0.6, 0.7, 0.5, 0.8, 0.6, 0.7, 0.5, 0.6)
FACTOR_CORRELATION = 0.3
CUTS = (-1.5, -0.5, 0.5, 1.5)
"""An item of the ordinal version is the number of cuts below its value, plus one: 1 to 5."""


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def type_one(k: int) -> pd.DataFrame:
    """Data set k of the Type-I check: 200 persons, x1-x5 on the first factor and x6-x10 on the second, normal."""
    draws = _generator(SEED + k).standard_normal((N_PERSONS, N_ITEMS + 2))
    first = draws[:, 0]
    second = FACTOR_CORRELATION * first + np.sqrt(1 - FACTOR_CORRELATION**2) * draws[:, 1]
    columns = {}
    for j, loading in enumerate(LOADINGS):
        factor = first if j < N_ITEMS // 2 else second
        columns[f"x{j + 1}"] = np.round(loading * factor + np.sqrt(1 - loading**2) * draws[:, 2 + j], DECIMALS)
    return pd.DataFrame(columns)


def cut(values: pd.DataFrame, cuts: tuple[float, ...] = CUTS) -> pd.DataFrame:
    """The same persons with every item cut into ordered categories 1, 2, ..."""
    return 1 + sum((values > c).astype(int) for c in cuts)


def checksum(values: pd.DataFrame) -> float:
    """The sum of all values, in millionths: equal for two copies of one data set."""
    return float(np.round(values.to_numpy() * 10**DECIMALS).sum())


def mixed() -> pd.DataFrame:
    """u1-u4 and g of ``cfa_datcat.csv``, and c1-c3: a part of the sum of u1-u4, a part of their own, and noise."""
    data = pd.read_csv(HERE / "cfa_datcat.csv")[["u1", "u2", "u3", "u4", "g"]]
    centred = data[["u1", "u2", "u3", "u4"]].sum(axis=1) - 10
    noise = _generator(41).standard_normal((len(data), 4))
    for j, (slope, scale, mean) in enumerate(((0.20, 1.0, 10.0), (0.25, 1.5, 0.0), (0.15, 0.8, 5.0))):
        own = 0.8 * noise[:, 3] + noise[:, j]
        data[f"c{j + 1}"] = np.round(mean + slope * centred + scale * own, DECIMALS)
    return data


def waves() -> pd.DataFrame:
    """400 persons, items y1-y4 at waves 1 and 2 (y1_1 ... y4_2), and the same cut to four categories (o1_1 ... o4_2).

    Loadings, intercepts and thresholds are equal over waves; the latent mean rises by 0.4, the latent standard
    deviation is 1.2 at the second wave, and each item shares a specific part over waves.
    """
    draws = _generator(42).standard_normal((400, 14))
    first = draws[:, 0]
    second = 0.4 + 1.2 * (0.6 * first + 0.8 * draws[:, 1])
    columns = {}
    for wave, factor in ((1, first), (2, second)):
        for j, (loading, intercept) in enumerate(zip((0.8, 0.7, 0.9, 0.6), (0.0, 0.2, -0.1, 0.1), strict=True)):
            specific, residual = draws[:, 2 + j], draws[:, 2 + 4 * wave + j]
            values = intercept + loading * factor + 0.35 * specific + 0.6 * residual
            columns[f"y{j + 1}_{wave}"] = np.round(values, DECIMALS)
    continuous = pd.DataFrame(columns)
    ordinal = cut(continuous, (-0.8, 0.1, 1.0)).rename(columns=lambda name: f"o{name[1:]}")
    return pd.concat([continuous, ordinal], axis=1)


def main(scratch: Path) -> None:
    """Store the two small files, and the 40 data sets in the scratch folder."""
    mixed().to_csv(HERE / "cfa_mixed.csv", index=False)
    waves().to_csv(HERE / "cfa_waves.csv", index=False)
    scratch.mkdir(parents=True, exist_ok=True)
    for k in range(N_SETS):
        data = type_one(k)
        data.to_csv(scratch / f"normal_{k}.csv", index=False)
        cut(data).to_csv(scratch / f"ordinal_{k}.csv", index=False)
    sums = [checksum(type_one(k)) for k in range(N_SETS)]
    pd.Series(sums).to_csv(scratch / "checksums.csv", index=False, header=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

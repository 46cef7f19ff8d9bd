"""Confirmatory models with random values, and samples for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit.psychometrics.cfa._matrices import Compiled, compiled, position_table
from toolkit.psychometrics.cfa.model import ModelDefaults, specify
from toolkit.psychometrics.cfa.syntax import parse_model

MODELS = {
    "one factor": "f =~ x1 + x2 + x3 + x4",
    "two factors, cross-loading": "f =~ x1 + x2 + x3 + x4\ng =~ x4 + x5 + x6",
    "correlated residuals": "f =~ x1 + x2 + x3 + x4\nx1 ~~ x2\nx3 ~~ x4",
    "equal loadings": "f =~ x1 + a*x2 + a*x3 + x4\nx1 ~~ b*x1\nx2 ~~ b*x2",
    "higher order": "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6\nk =~ x7 + x8 + x9\nh =~ f + g + k",
}
Compile = Callable[..., Compiled]


@pytest.fixture(scope="session")
def compile_model() -> Compile:
    """Compile a model of MODELS, or one that is given, with what the defaults are to be."""

    def make(name: str, **options: Any) -> Compiled:
        syntax = parse_model(MODELS.get(name, name))
        ordered = frozenset(syntax.items if options.pop("all_ordered", False) else options.pop("ordered", ()))
        counts = dict.fromkeys(ordered, 2)
        return compiled(specify(syntax, ModelDefaults(ordered=ordered, n_thresholds=counts, **options)))

    return make


@pytest.fixture(scope="session")
def random_values() -> Callable[[Compiled, int], np.ndarray]:
    """Draw values of the free parameters at which all implied covariances are positive definite."""

    def draw(use: Compiled, seed: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        x = np.zeros(use.q)
        seen = np.zeros(use.q, dtype=bool)
        for place, (name, r, c) in zip(use.place, position_table(use.model), strict=True):
            if place < 0 or seen[place]:
                continue
            seen[place] = True
            if name in {"Psi", "Theta"}:
                x[place] = random.uniform(0.7, 1.3) if r == c else random.uniform(-0.2, 0.2)
            elif name == "tau":
                x[place] = random.normal()
            elif name == "delta":
                x[place] = random.uniform(0.8, 1.2)
            else:
                x[place] = random.uniform(0.3, 0.6) * random.choice([-1.0, 1.0])
        if use.model.categorical and use.model.parameterization == "delta":
            # the factors must leave something of the variance 1
            for place, (name, r, c) in zip(use.place, position_table(use.model), strict=True):
                if place >= 0 and name == "Psi":
                    x[place] = 0.3 if r == c else 0.05
        return x

    return draw


@pytest.fixture(scope="session")
def normal() -> Callable[..., pd.DataFrame]:
    """Draw normal answers from loadings, factor correlations and, where given, intercepts."""

    def draw(
        loadings: object, n: int, seed: int, *, phi: object = None, intercepts: object = 0.0, mean: object = 0.0
    ) -> pd.DataFrame:
        random = np.random.default_rng(seed)
        L = np.asarray(loadings, dtype=float)
        L = L[:, None] if L.ndim == 1 else L
        correlations = np.eye(L.shape[1]) if phi is None else np.asarray(phi, dtype=float)
        residual = np.maximum(1.0 - np.diag(L @ correlations @ L.T), 0.1)
        factors = random.multivariate_normal(np.zeros(L.shape[1]) + np.asarray(mean), correlations, n)
        values = factors @ L.T + random.normal(size=(n, L.shape[0])) * np.sqrt(residual) + np.asarray(intercepts)
        return pd.DataFrame(values, columns=[f"x{j + 1}" for j in range(L.shape[0])])

    return draw

"""How long factor analyses take, beside a fixed load of numpy and beside factor_analyzer.

The design is that of the peers' table: 30 five-point items, 3 correlated factors. Every figure is the best of several
runs, and is also given in units of a reference load measured in the same run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.bench.test_correlation_speed import milliseconds, reference_load, report, respondents
from toolkit import psychometrics as pm
from toolkit.psychometrics.factors.factor_analyzer_adapter import unrotated_loadings

AIMS_MS = {
    (500, "ml, 1,000 bootstraps"): 8700.0,
    (2000, "ml, 1,000 bootstraps"): 10_300.0,
    (500, "polychoric, 100 bootstraps"): 2400.0,
    (2000, "polychoric, 100 bootstraps"): 2900.0,
}
"""The fastest peer's milliseconds (EFAtools)."""


@pytest.mark.bench
@pytest.mark.parametrize("n", [500, 2000, 20_000])
def test_factor_analysis(n: int, capsys: pytest.CaptureFixture[str]) -> None:
    frame, load = respondents(n), reference_load()
    R = frame.corr().to_numpy()

    def fitted(**options: Any) -> pm.EfaResult:
        return pm.efa(frame, **{"n_factors": 3, "method": "ml", "rng": 1} | options)

    result, ordinal = fitted(), fitted(correlation="polychoric")
    work = {
        "ml, oblimin": (lambda: fitted(), 5),
        "minres, oblimin": (lambda: fitted(method="minres"), 5),
        "dwls on polychoric": (lambda: fitted(method="dwls", correlation="polychoric"), 3),
        "ml, information errors": (lambda: fitted(standard_errors="information"), 3),
        "ml, sandwich errors": (lambda: fitted(standard_errors="sandwich"), 3),
        "factor_analyzer, ml unrotated": (lambda: unrotated_loadings(R, 3, "ml"), 3),
        "ml, 1,000 bootstraps": (lambda: result.bootstrap(1000, 1), 3),
        "polychoric, 100 bootstraps": (lambda: ordinal.bootstrap(100, 1), 2),
    }
    figures = {}
    for name, (run, repeats) in work.items():
        ms = milliseconds(run, repeats)
        figures[name] = {"ms": ms, "in reference loads": ms / load}
        if (n, name) in AIMS_MS:
            figures[name]["of the fastest peer's time"] = ms / AIMS_MS[n, name]
    peer = figures["factor_analyzer, ml unrotated"]["ms"]
    figures["ml, oblimin"]["of factor_analyzer's time"] = figures["ml, oblimin"]["ms"] / peer
    report(figures, f"factors of 30 items, {n} persons", capsys)
    theirs = np.sum(unrotated_loadings(R, 3, "ml") ** 2, axis=1)
    np.testing.assert_allclose(result.communalities, theirs, atol=2e-3)

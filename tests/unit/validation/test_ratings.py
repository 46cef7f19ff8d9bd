"""Ratings follow their rules at and beside every limit; without evidence they stay open."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from toolkit.errors import Code
from toolkit.validation.ratings import Rating, rate

REFLECTIVE = SimpleNamespace(definition=SimpleNamespace(measurement="reflective"))


ITEMS = ("a", "b", "c")


def scale(
    alpha: float | None,
    low: float = 0.5,
    *,
    lowest: float = 0.0,
    highest: float = 0.0,
    n: int = 400,
    analysed: tuple[str, ...] = ITEMS,
    negative: bool = False,
    omega: Any = "fitted",
) -> Any:
    interval = SimpleNamespace(low=low, high=0.99)
    warnings = (SimpleNamespace(code=Code.STA_NEGATIVE_ITEM),) if negative else ()
    if omega == "fitted":
        omega = SimpleNamespace(converged=True, warnings=())
    return SimpleNamespace(
        code="S",
        items=ITEMS,
        analysed=analysed,
        alpha=None
        if alpha is None
        else SimpleNamespace(estimate=alpha, interval=interval, n_persons=n, warnings=warnings),
        omega=omega,
        scores=SimpleNamespace(n_scored=n, share_lowest=lowest, share_highest=highest),
    )


def structure(
    n_persons: int,
    n_items: int = 20,
    *,
    loadings: Any = ((0.7, 0.1), (0.6, 0.1), (-0.30, 0.1)),
    converged: bool = True,
    heywood: tuple[str, ...] = (),
    n_factors: int = 2,
    suggested: int = 2,
    rmsea: float = 0.03,
) -> Any:
    efa = SimpleNamespace(
        rmsea=SimpleNamespace(estimate=rmsea),
        tli=rmsea + 0.9,
        srmr=0.02,
        loadings=pd.DataFrame(np.array(loadings), index=list(ITEMS)),
        converged=converged,
        heywood_items=heywood,
    )
    parallel = SimpleNamespace(n_factors=suggested)
    return SimpleNamespace(n_persons=n_persons, n_items=n_items, efa=efa, n_factors=n_factors, parallel=parallel)


def rated(name: str, one: Any, whole: Any) -> Rating:
    instrument: Any = REFLECTIVE
    return next(rating for rating in rate(instrument, [one], whole) if rating.measurement_property == name)


@pytest.mark.parametrize(
    ("alpha", "low", "n_persons", "n_items", "verdict", "reason"),
    [
        (0.85, 0.80, 140, 20, "sufficient", "within"),
        (0.70, 0.60, 140, 20, "sufficient", "interval reaches below"),
        (0.6999, 0.60, 140, 20, "insufficient", "below .70"),
        (0.95, 0.90, 140, 20, "sufficient", "within"),
        (0.9501, 0.90, 140, 20, "insufficient", "repeat"),
        (0.85, 0.80, 139, 20, "indeterminate", "too few"),
        (0.85, 0.80, 99, 5, "indeterminate", "too few"),
        (0.85, 0.80, 100, 5, "sufficient", "within"),
        (None, 0.0, 140, 20, "indeterminate", "could not be computed"),
    ],
)
def test_internal_consistency(
    alpha: float | None, low: float, n_persons: int, n_items: int, verdict: str, reason: str
) -> None:
    rating = rated("internal_consistency", scale(alpha, low), structure(n_persons, n_items))
    assert rating.verdict == verdict
    assert reason in rating.reason
    if alpha is not None:
        assert rating.evidence["alpha"] == alpha


@pytest.mark.parametrize(
    ("one", "whole", "reason"),
    [
        ({"alpha": float("nan")}, {}, "not a number"),
        ({"analysed": ("a", "b")}, {}, "2 of 3 items; these could not be analysed: c"),
        ({"negative": True}, {}, "goes against"),
        ({"omega": None}, {}, "could not be fitted"),
        ({"omega": SimpleNamespace(converged=False, warnings=())}, {}, "could not be fitted"),
        (
            {"omega": SimpleNamespace(converged=True, warnings=(SimpleNamespace(code=Code.STA_HEYWOOD),))},
            {},
            "Heywood case",
        ),
        (
            {"omega": SimpleNamespace(converged=True, warnings=(SimpleNamespace(code=Code.STA_DENOMINATORS_DIFFER),))},
            {},
            "One factor fits",
        ),
        ({}, {"converged": False}, "did not converge"),
        ({}, {"heywood": ("a",)}, "did not converge"),
        ({}, {"n_factors": 1, "suggested": 2, "loadings": ((0.7,), (0.6,), (0.5,))}, "parallel analysis suggests 2"),
        (
            {},
            {"loadings": ((0.7, 0.1), (0.6, 0.1), (0.1, 0.7))},
            "do not load 0.30 or more on the factor of their scale: c",
        ),
        ({}, {"loadings": ((0.7, 0.1), (0.6, 0.1), (0.29, 0.1))}, "their scale: c"),
    ],
)
def test_alpha_says_nothing_where_the_items_do_not_go_together(
    one: dict[str, Any], whole: dict[str, Any], reason: str
) -> None:
    assert rated("internal_consistency", scale(0.85, 0.8), structure(400)).verdict == "sufficient"
    rating = rated("internal_consistency", scale(one.pop("alpha", 0.85), 0.8, **one), structure(400, **whole))
    assert rating.verdict == "indeterminate"
    assert reason in rating.reason


def test_a_fit_without_degrees_of_freedom_is_no_evidence() -> None:
    assert "rmsea" in rated("structural_validity", scale(0.85), structure(400)).evidence
    rating = rated("structural_validity", scale(0.85), structure(400, rmsea=float("nan")))
    assert set(rating.evidence) == {"srmr", "n_persons"}


def test_alpha_without_a_factor_analysis_is_indeterminate() -> None:
    assert rated("internal_consistency", scale(0.85), None).verdict == "indeterminate"


@pytest.mark.parametrize(
    ("lowest", "highest", "n", "verdict", "reason"),
    [
        (0.15, 0.15, 50, "sufficient", "No more"),
        (0.151, 0.0, 50, "insufficient", "lowest"),
        (0.0, 0.151, 50, "insufficient", "highest"),
        (0.0, 0.0, 49, "indeterminate", "too few"),
        (float("nan"), float("nan"), 0, "indeterminate", "too few"),
    ],
)
def test_floor_and_ceiling(lowest: float, highest: float, n: int, verdict: str, reason: str) -> None:
    rating = rated("floor_and_ceiling", scale(0.8, lowest=lowest, highest=highest, n=n), structure(500))
    assert rating.verdict == verdict
    assert reason in rating.reason
    assert all(number == number for number in rating.evidence.values())


def test_what_was_explored_or_not_examined_is_never_sufficient() -> None:
    instrument: Any = REFLECTIVE
    ratings = rate(instrument, [scale(0.85)], structure(5000))
    open_ones = {rating.measurement_property for rating in ratings if rating.verdict == "indeterminate"}
    assert open_ones == {
        *("structural_validity", "content_validity", "reliability_over_time", "measurement_error"),
        *("construct_validity", "criterion_validity", "cross_cultural_validity", "responsiveness"),
    }
    assert all(rating.rule and rating.sample and rating.reason for rating in ratings)

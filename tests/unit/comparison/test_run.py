"""Levels, changes and their hidden cells, against pandas and scipy."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from tests.unit.comparison.conftest import Respond
from toolkit import comparison, instruments
from toolkit.comparison.levels import published_moments
from toolkit.comparison.people import Columns, gather
from toolkit.comparison.results import BREAKS, LEVELS, VARIANCE
from toolkit.disclosure.audit import Publication, audit
from toolkit.disclosure.thresholds import Policy
from toolkit.errors import Code, ComparisonError, ResponsesError
from toolkit.instruments import Instrument

NUMBERS = list(LEVELS[6:15])


def cell(table: pd.DataFrame, **where: object) -> pd.Series:
    found = table[np.logical_and.reduce([table[name] == value for name, value in where.items()])]
    assert len(found) == 1
    return found.iloc[0]


def audited(result: comparison.Comparison, form: Instrument, frame: pd.DataFrame) -> int:
    """Audit all levels against the true counts, and return how many cells are shown."""
    scores = instruments.score(form, frame).scores
    publications = []
    for (scale, wave), rows in result.levels.groupby(["scale", "wave"], observed=True):
        present = frame[(frame["wave"] == wave) & scores[scale].notna()]
        sizes = present.groupby(["service", "unit"]).size().to_dict()
        inside = {
            "all": lambda _, __: True,
            "service": lambda a, r: a[0] == r.group,
            "unit": lambda a, r: a[1] == r.group,
        }
        cells = tuple(
            frozenset(atom for atom in sizes if inside[row.kind](atom, row)) for row in rows.itertuples() if row.shown
        )
        floor = 10 if scale == "LS" else 5
        publications.append(Publication(quantity=(scale, wave), sizes=sizes, cells=cells, floor=floor))
    assert audit(publications) == ()
    return sum(len(publication.cells) for publication in publications)


def test_the_levels_are_those_of_pandas_and_scipy(two_waves: pd.DataFrame, form: Instrument) -> None:
    result = comparison.compare(form, two_waves, level=0.9)
    assert list(result.levels.columns) == list(LEVELS)
    assert len(result.levels) == 6 * 2 * (1 + 2 + 8)
    scores = instruments.score(form, two_waves).scores
    checked = 0
    for row in result.levels[result.levels["shown"]].itertuples():
        mask = two_waves["wave"] == row.wave
        if row.kind != "all":
            mask &= two_waves[row.kind] == row.group
        values = scores.loc[mask, row.scale].dropna()
        interval = stats.ttest_1samp(values, 0).confidence_interval(0.9)
        expected = [len(values), values.mean(), values.std(), values.sem(), *interval]
        assert [row.n, row.mean, row.sd, row.se, row.low, row.high] == pytest.approx(expected, rel=1e-12)
        checked += 1
    assert checked > 80


def test_small_cells_their_neighbours_and_what_rates_a_leader_are_hidden(
    two_waves: pd.DataFrame, form: Instrument
) -> None:
    result = comparison.compare(form, two_waves)
    hidden = result.levels[~result.levels["shown"]]
    assert set(hidden.loc[(hidden["scale"] == "HB") & (hidden["wave"] == "2024"), "group"]) == {"South 3", "South 4"}
    assert set(hidden.loc[(hidden["scale"] == "HB") & (hidden["wave"] == "2025"), "group"]) == {"South 3", "South 4"}
    leader = set(hidden.loc[(hidden["scale"] == "LS") & (hidden["wave"] == "2024"), "group"])
    assert leader == {"South 2", "South 3", "South 4"}
    assert hidden[NUMBERS].isna().all(axis=None)
    assert result.levels.loc[result.levels["shown"], NUMBERS[:6]].notna().all(axis=None)
    assert audited(result, form, two_waves) == result.levels["shown"].sum()


def test_nothing_hidden_is_kept_for_what_is_computed_later(two_waves: pd.DataFrame, form: Instrument) -> None:
    people = gather(form, two_waves, Columns(unit="unit", service="service", wave="wave"))
    for found in published_moments(people, Policy()).values():
        assert 0 < found.shown.sum() < found.shown.size
        for table in (found.n, found.mean, found.squares):
            assert (np.isnan(table) == ~found.shown).all()


def test_an_empty_a_small_and_a_protecting_cell_look_the_same(respond: Respond, form: Instrument) -> None:
    frame = respond({"2024": {"North": [20, 9, 3]}, "2025": {"North": [20, 9, 9, 20]}})
    levels = comparison.compare(form, frame).levels.query("scale == 'HB' and wave == '2024'").set_index("group")
    rows = levels.loc[["North 2", "North 3", "North 4"], [*NUMBERS, "shown"]]
    assert not rows["shown"].any()
    assert rows[NUMBERS].isna().all(axis=None)


def test_hidden_answers_reach_no_number(respond: Respond, form: Instrument) -> None:
    sizes = {"North": [30, 22, 4, 7], "South": [25, 18, 16, 20]}
    frame = respond({"2024": sizes, "2025": sizes})
    result = comparison.compare(form, frame)
    in_hidden = frame["unit"].isin(["North 3", "North 4"]) & (frame["wave"] == "2024")
    assert set(result.levels.query("scale == 'HB' and wave == '2024' and not shown")["group"]) == {"North 3", "North 4"}
    # Whoever is hidden together changes places: every total stays, and so does everything that is said.
    other = frame.copy()
    items = list(form.item_codes)
    other.loc[in_hidden, items] = frame.loc[in_hidden, items].to_numpy()[::-1]
    assert not other[items].equals(frame[items])
    again = comparison.compare(form, other)
    for name in ("levels", "variance", "changes"):
        pd.testing.assert_frame_equal(getattr(result, name), getattr(again, name), rtol=1e-9)
    # The same exchange among shown people is seen.
    in_shown = frame["unit"].isin(["North 1", "North 2"]) & (frame["wave"] == "2024")
    other.loc[in_shown, items] = frame.loc[in_shown, items].to_numpy()[::-1]
    assert not result.levels.equals(comparison.compare(form, other).levels)


def test_who_was_not_scored_is_told_of_no_hidden_cell(two_waves: pd.DataFrame, form: Instrument) -> None:
    frame = two_waves.copy()
    small = frame.index[(frame["unit"] == "South 1") & (frame["wave"] == "2024")][:21]
    frame.loc[small, [f"CI{n}" for n in range(1, 7)]] = -7
    result = comparison.compare(form, frame)
    row = cell(result.levels, scale="CI", wave="2024", group="South 1")
    assert not row["shown"]
    assert pd.isna(row["n"])
    assert cell(result.levels, scale="HB", wave="2024", group="South 1")["n"] == 25
    audited(result, form, frame)


def test_changes_are_those_of_welch(two_waves: pd.DataFrame, form: Instrument) -> None:
    result = comparison.compare(form, two_waves)
    changes = result.changes
    assert len(changes) == 6 * 11
    assert set(changes["span"]) == {"adjacent"}
    scores = instruments.score(form, two_waves).scores
    allowed = changes[changes["allowed"]]
    assert len(allowed) == 6 * 11 - 5 * 2 - 3
    for row in allowed.itertuples():
        mask = pd.Series(True, index=two_waves.index) if row.kind == "all" else two_waves[row.kind] == row.group
        before, after = (scores.loc[mask & (two_waves["wave"] == wave), row.scale] for wave in ("2024", "2025"))
        test = stats.ttest_ind(after, before, equal_var=False)
        interval = test.confidence_interval(0.95)
        assert [row.difference, row.p, row.df] == pytest.approx([after.mean() - before.mean(), test.pvalue, test.df])
        assert [row.low, row.high] == pytest.approx([interval.low, interval.high])
        assert (row.n_from, row.n_to, row.reason) == (len(before), len(after), "")
    refused = changes[~changes["allowed"]]
    assert set(refused["reason"]) == {"not_shown"}
    assert refused[["n_from", "n_to", "difference", "se", "low", "high", "df", "p", "p_adjusted"]].isna().all(axis=None)


@pytest.mark.parametrize(("adjust", "method"), [("holm", "holm"), ("fdr", "fdr_bh")])
def test_p_is_adjusted_within_a_kind_as_statsmodels_does(
    two_waves: pd.DataFrame, form: Instrument, adjust: str, method: str
) -> None:
    changes = comparison.compare(form, two_waves, adjust=adjust).changes.dropna(subset="p")
    for _, family in changes.groupby("kind"):
        expected = multipletests(family["p"], method=method)[1]
        np.testing.assert_allclose(family["p_adjusted"], expected, rtol=1e-12)
        assert len(family) >= 6


def test_adjacent_waves_and_the_last_against_the_first(respond: Respond, form: Instrument) -> None:
    frame = respond({wave: {"North": [15, 14, 12, 11]} for wave in ("2023", "2024", "2026")}, shift={"2026": 0.6})
    result = comparison.compare(form, frame)
    assert result.waves == ("2023", "2024", "2026")
    pairs = result.changes[["wave_from", "wave_to", "span"]].drop_duplicates().itertuples(index=False, name=None)
    assert list(pairs) == [
        ("2023", "2024", "adjacent"),
        ("2024", "2026", "adjacent"),
        ("2023", "2026", "first_to_last"),
    ]
    assert result.changes["wave_from"].cat.ordered
    difference = result.changes.query("scale == 'HB' and kind == 'all'").set_index("span")["difference"]
    assert difference["adjacent"].sum() == pytest.approx(difference["first_to_last"])


def test_the_variance_rests_on_the_shown_units(two_waves: pd.DataFrame, form: Instrument) -> None:
    result = comparison.compare(form, two_waves)
    assert list(result.variance.columns) == list(VARIANCE)
    units = result.levels[(result.levels["kind"] == "unit") & result.levels["shown"]]
    for row in result.variance.itertuples():
        mine = units[(units["scale"] == row.scale) & (units["wave"] == row.wave)]
        assert (row.n_units, row.n) == (len(mine), mine["n"].sum())
        assert 0 <= row.icc1_low <= row.icc1 <= row.icc1_high < 1
        # Every unit is drawn towards the mean of all, the small ones further.
        apart = (mine["shrunken"] - row.mean) / (mine["mean"] - row.mean)
        weight = row.between / (row.between + row.within / mine["n"].astype(float))
        np.testing.assert_allclose(apart, weight, rtol=1e-9, atol=1e-12)
    assert result.levels.loc[result.levels["kind"] != "unit", "shrunken"].isna().all()


def test_with_three_units_nothing_is_shrunken(respond: Respond, form: Instrument) -> None:
    four = comparison.compare(form, respond({"2024": {"North": [20, 20, 20, 20]}}))
    three = comparison.compare(form, respond({"2024": {"North": [20, 20, 20]}}))
    assert four.levels.query("kind == 'unit'")["shrunken"].notna().all()
    assert three.levels["shrunken"].isna().all()
    assert set(three.variance["aggregation"]) == {"too_few_units"}
    assert three.variance["icc1"].notna().all()


def test_one_wave_has_levels_and_no_changes(respond: Respond, form: Instrument) -> None:
    result = comparison.compare(form, respond({"2024": {"North": [20, 20]}}))
    assert len(result.levels) == 6 * 4
    assert result.changes.empty
    assert result.breaks.empty
    assert list(result.breaks.columns) == list(BREAKS)
    assert result.findings == ()


def test_a_unit_that_moves_is_followed_and_told(respond: Respond, form: Instrument) -> None:
    frame = respond({wave: {"North": [20, 14], "South": [20, 22]} for wave in ("2024", "2025", "2026")})
    moved = frame.copy()
    is_late = (moved["unit"] == "North 2") & (moved["wave"] != "2024")
    moved.loc[is_late, "service"] = "South"
    usual, result = comparison.compare(form, frame), comparison.compare(form, moved)
    assert usual.warnings == ()
    (warning,) = result.warnings
    assert warning.code == Code.CMP_UNIT_MOVED
    assert "From '2025' on the unit 'North 2' belongs to 'South' and no longer to 'North'" in warning.what
    assert len(result.levels) == len(usual.levels)
    levels = result.levels.query("scale == 'HB' and group == 'North 2'")
    assert list(levels[["wave", "parent", "shown"]].itertuples(index=False, name=None)) == [
        ("2024", "North", True),
        ("2025", "South", True),
        ("2026", "South", True),
    ]
    columns = ["scale", "wave_from", "wave_to", "difference", "p", "n_from", "n_to"]
    rows = [
        table.query("group == 'North 2'")[columns].reset_index(drop=True) for table in (usual.changes, result.changes)
    ]
    pd.testing.assert_frame_equal(*rows)
    assert set(result.changes.query("group == 'North 2'")["parent"]) == {"South"}
    south = cell(result.changes, scale="HB", group="South", wave_from="2024", wave_to="2025")
    assert (south["n_from"], south["n_to"]) == (42, 56)


def test_one_name_in_two_services_of_a_wave_is_two_units(respond: Respond, form: Instrument) -> None:
    frame = respond({wave: {"North": [20, 14], "South": [20, 22]} for wave in ("2024", "2025")})
    result = comparison.compare(form, frame.assign(unit=frame["unit"].str.replace(r"\w+ ", "ward ", regex=True)))
    assert result.warnings == ()
    wards = result.levels.query("scale == 'HB' and wave == '2024' and kind == 'unit'")
    assert list(wards[["parent", "group", "n"]].itertuples(index=False, name=None)) == [
        *[("North", "ward 1", 20), ("North", "ward 2", 14), ("South", "ward 1", 20), ("South", "ward 2", 22)]
    ]


def test_the_unit_that_protects_another_stays_the_same(respond: Respond, form: Instrument) -> None:
    frame = respond({"2024": {"North": [20, 11, 14, 3]}, "2025": {"North": [20, 16, 11, 3]}})
    hidden = comparison.compare(form, frame).levels.query("scale == 'HB' and not shown")
    assert list(hidden[["wave", "group"]].itertuples(index=False, name=None)) == [
        *[("2024", "North 2"), ("2024", "North 4"), ("2025", "North 2"), ("2025", "North 4")]
    ]


def test_findings_follow_the_changes(two_waves: pd.DataFrame, form: Instrument) -> None:
    result = comparison.compare(form, two_waves)
    assert len(result.findings) == len(result.changes)
    for finding, row in zip(result.findings, result.changes.itertuples(), strict=True):
        assert (finding.scale, finding.group_kind, finding.group, finding.wave_to) == (
            row.scale,
            row.kind,
            row.group,
            row.wave_to,
        )
        if row.reason == "not_shown":
            assert (finding.kind, finding.n_from) == ("not_shown", None)
            assert np.isnan(finding.difference)
        elif row.p_adjusted < 0.05:
            assert finding.kind == ("rise" if row.difference > 0 else "fall")
        else:
            assert finding.kind == "no_clear_change"
    everybody = [finding for finding in result.findings if finding.group_kind == "all"]
    assert {finding.kind for finding in everybody} == {"rise"}
    reverse = two_waves.assign(wave=two_waves["wave"].cat.rename_categories({"2024": "2025", "2025": "2024"}))
    order = ["2023", "2024", "2025", "2026"]
    reverse["wave"] = reverse["wave"].cat.reorder_categories(order, ordered=True)
    falls = [finding for finding in comparison.compare(form, reverse).findings if finding.group_kind == "all"]
    assert {finding.kind for finding in falls} == {"fall"}
    assert [finding.difference for finding in falls] == pytest.approx([-finding.difference for finding in everybody])


def test_without_any_variance_nothing_can_be_told(respond: Respond, form: Instrument) -> None:
    frame = respond({"2024": {"North": [12, 12]}, "2025": {"North": [12, 12]}})
    items = list(form.item_codes)
    frame[items] = np.repeat(np.where(frame["wave"] == "2024", 3.0, 4.0)[:, None], len(items), axis=1)
    result = comparison.compare(form, frame)
    row = cell(result.changes, scale="HB", kind="all")
    assert (row["difference"], row["se"], row["allowed"], row["reason"]) == (25.0, 0.0, True, "no_variance")
    assert np.isnan([row["p"], row["low"], row["high"], row["df"]]).all()
    assert {finding.kind for finding in result.findings} == {"cannot_be_told"}
    assert result.variance["icc1"].isna().all()
    # With variance in one of the two waves there is a test again.
    frame.loc[frame.index[:6], items] = 2.0
    assert cell(comparison.compare(form, frame).changes, scale="HB", kind="all")["p"] < 0.001


def test_raised_floors_hide_more_and_never_less(two_waves: pd.DataFrame, form: Instrument) -> None:
    usual = comparison.compare(form, two_waves).levels["shown"]
    raised = comparison.compare(form, two_waves, policy=Policy(floor_mean=16)).levels["shown"]
    assert raised.sum() < usual.sum()
    assert not (raised & ~usual).any()


def test_units_without_services_and_other_names(two_waves: pd.DataFrame, form: Instrument) -> None:
    renamed = two_waves.rename(columns={"unit": "team", "wave": "round"}).drop(columns=["service", "version"])
    result = comparison.compare(form, renamed, by="team", within=None, over="round")
    assert list(dict.fromkeys(result.levels["kind"])) == ["all", "unit"]
    assert set(result.levels["parent"]) == {""}
    usual = comparison.compare(form, two_waves).levels
    pd.testing.assert_series_equal(
        result.levels.query("kind == 'all'")["mean"].reset_index(drop=True),
        usual.query("kind == 'all'")["mean"].reset_index(drop=True),
    )


def test_the_order_of_persons_makes_no_difference(two_waves: pd.DataFrame, form: Instrument) -> None:
    first = comparison.compare(form, two_waves)
    again = comparison.compare(form, two_waves.sample(frac=1, random_state=3))
    for name in ("levels", "variance", "changes", "breaks"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(again, name), rtol=1e-9)


def test_everything_can_be_written_as_json(two_waves: pd.DataFrame, form: Instrument) -> None:
    result = comparison.compare(form, two_waves)
    written = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert len(written["levels"]) == len(result.levels)
    assert written["policy"] == {"floor_mean": 5, "floor_distribution": 10, "floor_leader": 10}
    first = next(row for row in written["levels"] if not row["shown"])
    assert {first[name] for name in NUMBERS} == {None}
    assert written["findings"][0]["kind"] == "rise"
    pd.testing.assert_frame_equal(result.to_frame(), result.levels)


def refusal(form: Instrument | list[Instrument], frame: object, **options: object) -> tuple[Code, ...]:
    with pytest.raises(ComparisonError) as caught:
        comparison.compare(form, frame, **options)  # type: ignore[arg-type]  # the point of the test
    return caught.value.codes


def test_what_cannot_be_compared_is_refused(two_waves: pd.DataFrame, form: Instrument, pool: Instrument) -> None:
    assert len(comparison.compare([form], two_waves).levels)
    assert refusal([], two_waves) == (Code.CMP_INSTRUMENTS,)
    assert refusal([form, form], two_waves) == (Code.CMP_INSTRUMENTS,)
    assert refusal([pool], two_waves) == (Code.CMP_INSTRUMENTS,)
    assert refusal([form, pool], two_waves.drop(columns="version")) == (Code.CMP_COLUMN,)
    assert refusal(form, two_waves.drop(columns=["service", "language"])) == (Code.CMP_COLUMN,) * 2
    assert refusal(form, two_waves.assign(unit=None)) == (Code.CMP_EMPTY_CELL,)
    assert refusal(form, two_waves.assign(language="")) == (Code.CMP_EMPTY_CELL,)
    assert refusal(form, two_waves.assign(wave=two_waves["wave"].astype(str))) == (Code.CMP_WAVE_ORDER,)
    assert refusal(form, two_waves.iloc[:0]) == (Code.CMP_NO_RESPONSES,)
    assert refusal(form, two_waves, level=1.0, adjust="bonferroni") == (Code.CMP_OPTION,) * 2
    with pytest.raises(ResponsesError):
        comparison.compare(form, two_waves.assign(HB1=6.0))


def test_a_wave_is_answered_with_one_version(respond: Respond, form: Instrument, pool: Instrument) -> None:
    early = respond({"2024": {"North": [12, 12]}}, instrument=pool)
    late = respond({"2025": {"North": [12, 12]}})
    both = pd.concat([early, late])
    assert comparison.compare([form, pool], both).versions == ("0.9.0", "1.0.0")
    by_version = comparison.compare([form, pool], {"1.0.0": late, "0.9.0": early})
    pd.testing.assert_frame_equal(by_version.levels, comparison.compare([form, pool], both).levels)
    again = late.assign(wave=early["wave"].iloc[0])
    again["wave"] = pd.Categorical(again["wave"], categories=early["wave"].cat.categories, ordered=True)
    assert refusal([form, pool], pd.concat([early, again])) == (Code.CMP_MIXED_VERSIONS,)
    other = late.assign(wave=late["wave"].cat.reorder_categories(["2026", "2025", "2024", "2023"]))
    assert refusal([form, pool], {"1.0.0": other, "0.9.0": early}) == (Code.CMP_WAVE_ORDER,)
    assert refusal([form], {"1.0.0": late, "0.9.0": early}) == (Code.CMP_INSTRUMENTS,)

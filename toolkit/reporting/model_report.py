"""Everything that a report shows of a fitted confirmatory model, and of an invariance analysis."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from toolkit.reporting.drawing import Draft, Figure, figures
from toolkit.reporting.invariance_charts import invariance_ladder, latent_means_chart
from toolkit.reporting.invariance_tables import freed_table, invariance_sentence, invariance_table, latent_means_table
from toolkit.reporting.model_charts import loadings_chart, residual_heat_map, residuals_table
from toolkit.reporting.model_tables import (
    Family,
    factor_correlation_matrix,
    factor_correlations_table,
    fit_table,
    htmt_table,
    loadings_table,
    model_reliability_table,
    modification_table,
    residual_correlations_table,
    residual_variances_table,
    table_flags,
)
from toolkit.reporting.path_diagram import path_diagram
from toolkit.reporting.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from toolkit.psychometrics.cfa.cfa import CfaResult
    from toolkit.psychometrics.cfa.invariance import InvarianceResult
    from toolkit.psychometrics.cfa.partial_invariance import PartialInvarianceResult

_PREFIX = "cfa"


def model_diagrams(
    result: CfaResult, *, language: str = "en", names: Mapping[str, str] | None = None, prefix: str = _PREFIX
) -> dict[str, Figure]:
    """Draw the path diagram of a model, one a group.

    Parameters
    ----------
    result : CfaResult
        The fitted model.
    language : str
        Language of words and numbers.
    names : mapping of str to str, optional
        Names of factors and items for readers.
    prefix : str
        What the names of figures and tables begin with, so that several models can stand in one report.
    """
    drawn = [
        path_diagram(
            result.standardized,
            language=language,
            names=names,
            group=group,
            admissible=result.admissible,
            converged=result.converged,
            name=_numbered(f"{prefix}-path", place),
        )
        for place, group in enumerate(result.groups)
    ]
    return {figure.name: replace(figure, table=_renamed(figure.table, prefix)) for figure in drawn}


def model_drafts(
    result: CfaResult,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    level: float = 0.95,
    prefix: str = _PREFIX,
) -> list[Draft]:
    """Draw the charts of a model: loadings with intervals, and residual correlations; one each a group.

    Parameters
    ----------
    result, language, names, prefix
        As for :func:`model_diagrams`.
    level : float
        Level of the intervals that the result holds.
    """
    drafts = []
    for place, group in enumerate(result.groups):
        told: dict[str, Any] = {
            "language": language,
            "names": names,
            "group": group,
            "admissible": result.admissible,
            "converged": result.converged,
        }
        loadings = loadings_chart(result.standardized, level=level, name=_numbered(f"{prefix}-loadings", place), **told)
        residuals = residual_heat_map(
            result.residuals, result.standardized, name=_numbered(f"{prefix}-residuals", place), **told
        )
        drafts.append(replace(loadings, table=_renamed(loadings.table, prefix)))
        drafts.append(replace(residuals, table=_renamed(_of_group("cfa_residuals", group), prefix)))
    return drafts


def model_figures(
    result: CfaResult,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    level: float = 0.95,
    prefix: str = _PREFIX,
) -> dict[str, Figure]:
    """Draw the diagrams and charts of a model as pictures for a page.

    Parameters
    ----------
    result, language, names, level, prefix
        As for :func:`model_drafts`.
    """
    diagrams = model_diagrams(result, language=language, names=names, prefix=prefix)
    return diagrams | figures(model_drafts(result, language=language, names=names, level=level, prefix=prefix))


def model_tables(
    result: CfaResult,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    dynamic: Mapping[str, Mapping[str, float]] | None = None,
    reliability: pd.DataFrame | None = None,
    htmt: pd.DataFrame | None = None,
    prefix: str = _PREFIX,
) -> dict[str, Table]:
    """Make every table of a model that has content, by name.

    Parameters
    ----------
    result, language, names, prefix
        As for :func:`model_diagrams`.
    dynamic : mapping of str to mapping of str to float, optional
        Simulated cut-offs: amount of misfit, then index to value.
    reliability : DataFrame, optional
        One row a factor, one column a coefficient.
    htmt : DataFrame, optional
        Heterotrait-monotrait ratios.
    """
    told: dict[str, Any] = {"language": language, "names": names}
    flags = table_flags(result.standardized, admissible=result.admissible, converged=result.converged, **told)
    tables = [
        fit_table(
            result.fit,
            n_persons=result.n_persons,
            method=result.method,
            family=_family(result),
            language=language,
            dynamic=dynamic,
            flags=flags,
        ),
        loadings_table(result.parameters, result.standardized, flags=flags, **told),
        factor_correlations_table(result.standardized, flags=flags, **told),
        *(
            _in_group(factor_correlation_matrix(result.standardized, group=group, flags=flags, **told), group)
            for group in result.groups
        ),
        residual_correlations_table(result.standardized, flags=flags, **told),
        residual_variances_table(result.standardized, flags=flags, **told),
        *(residuals_table(result.residuals, group=group or None, flags=flags, **told) for group in result.groups),
    ]
    if result.converged:
        tables.append(modification_table(result.modification_indices(), flags=flags, **told))
    if reliability is not None:
        tables.append(model_reliability_table(reliability, flags=flags, **told))
    if htmt is not None:
        tables.append(htmt_table(htmt, flags=flags, **told))
    return _by_name(tables, prefix)


def invariance_flags(
    result: InvarianceResult | PartialInvarianceResult,
    *,
    language: str = "en",
    names: Mapping[str, str] | None = None,
) -> dict[str, list[str]]:
    """Return for each level that cannot be read why it cannot."""
    found = {
        level: table_flags(
            fitted.standardized,
            admissible=fitted.admissible,
            converged=fitted.converged,
            language=language,
            names=names,
        )
        for level, fitted in result.levels.items()
    }
    return {level: told for level, told in found.items() if told}


def invariance_verdict(result: InvarianceResult, *, language: str = "en") -> str:
    """Say how far the measurement is the same and what may be compared."""
    return invariance_sentence(
        result.tests,
        list(result.levels),
        contexts=result.contexts,
        longitudinal=result.longitudinal,
        fits=_fits(result),
        broken=invariance_flags(result),
        language=language,
    )


def invariance_tables(
    result: InvarianceResult,
    *,
    partial: PartialInvarianceResult | None = None,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    level: float = 0.95,
) -> dict[str, Table]:
    """Make the tables of an invariance analysis: all levels, the latent means, and what was freed.

    Parameters
    ----------
    result : InvarianceResult
        The analysis.
    partial : PartialInvarianceResult, optional
        What freeing parameters does to the latent means.
    language : str
        Language of words and numbers.
    names : mapping of str to str, optional
        Names of factors and items for readers.
    level : float
        Level of the intervals that the result holds.
    """
    flags = invariance_flags(result, language=language, names=names)
    tables = [
        invariance_table(
            result.tests,
            {name: fitted.fit for name, fitted in result.levels.items()},
            rule=_rule(result),
            n_persons=result.n_persons,
            language=language,
            flags=flags,
        ),
        latent_means_table(
            _means(result, partial),
            reference=result.contexts[0],
            language=language,
            level=level,
            names=names,
            flags=_flags_of_means(result, partial, language, names),
        ),
    ]
    if partial is not None:
        told = invariance_flags(partial, language=language, names=names).values()
        flagged = list(dict.fromkeys(sentence for of_level in told for sentence in of_level))
        tables.append(freed_table(partial.freed, language=language, names=names, flags=flagged))
    return {table.name: table for table in tables if not table.frame.empty}


def latent_means_draft(
    result: InvarianceResult,
    *,
    partial: PartialInvarianceResult | None = None,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    level: float = 0.95,
) -> Draft:
    """Draw the differences of latent means with and without equal intercepts.

    Parameters
    ----------
    result, partial, language, names, level
        As for :func:`invariance_tables`.
    """
    return latent_means_chart(
        _means(result, partial),
        reference=result.contexts[0],
        language=language,
        level=level,
        names=names,
        flags=_flags_of_means(result, partial, language, names),
    )


def ladder_figure(result: InvarianceResult, *, language: str = "en", names: Mapping[str, str] | None = None) -> Figure:
    """Draw the levels of an invariance analysis as steps."""
    return invariance_ladder(
        result.tests,
        list(result.levels),
        rule=_rule(result),
        contexts=result.contexts,
        longitudinal=result.longitudinal,
        fits=_fits(result),
        language=language,
        flags=invariance_flags(result, language=language, names=names),
    )


def invariance_figures(
    result: InvarianceResult,
    *,
    partial: PartialInvarianceResult | None = None,
    language: str = "en",
    names: Mapping[str, str] | None = None,
    level: float = 0.95,
) -> dict[str, Figure]:
    """Draw the figures of an invariance analysis as pictures for a page.

    Parameters
    ----------
    result, partial, language, names, level
        As for :func:`invariance_tables`.
    """
    ladder = ladder_figure(result, language=language, names=names)
    if _means(result, partial).empty:
        return {ladder.name: ladder}
    means = latent_means_draft(result, partial=partial, language=language, names=names, level=level)
    return {ladder.name: ladder} | figures([means])


def _family(result: CfaResult) -> Family:
    if result.parameterization:
        return "ordinal"
    return "full_information" if result.provenance["options"]["missing"] == "fiml" else "likelihood"


def _rule(result: InvarianceResult) -> str:
    return str(result.provenance["options"]["rule"])


def _fits(result: InvarianceResult) -> bool:
    from toolkit.psychometrics.cfa.invariance_rules import fits_well

    return fits_well(dict(next(iter(result.levels.values())).fit))


def _means(result: InvarianceResult, partial: PartialInvarianceResult | None) -> pd.DataFrame:
    import pandas as pd

    if partial is None:
        return result.latent_means
    freed = partial.latent_means[partial.latent_means["intercepts"] == "partial"]
    return pd.concat([result.latent_means, freed], ignore_index=True) if len(freed) else result.latent_means


def _flags_of_means(
    result: InvarianceResult,
    partial: PartialInvarianceResult | None,
    language: str,
    names: Mapping[str, str] | None,
) -> list[str]:
    """Return the flags of the models that give latent means, each once."""
    flagged = [invariance_flags(each, language=language, names=names) for each in (result, partial) if each is not None]
    return list(dict.fromkeys(sentence for of_level in flagged for told in of_level.values() for sentence in told))


def _numbered(name: str, place: int) -> str:
    return f"{name}-{place + 1}" if place else name


def _of_group(name: str, group: str) -> str:
    return f"{name}_{group}" if group else name


def _in_group(table: Table, group: str) -> Table:
    if not group:
        return table
    return replace(table, name=_of_group(table.name, group), caption=f"{table.caption}: {group}")


def _renamed(name: str, prefix: str) -> str:
    return prefix + name.removeprefix(_PREFIX)


def _by_name(tables: Iterable[Table], prefix: str) -> dict[str, Table]:
    kept = [table for table in tables if not table.frame.empty]
    return {_renamed(table.name, prefix): replace(table, name=_renamed(table.name, prefix)) for table in kept}

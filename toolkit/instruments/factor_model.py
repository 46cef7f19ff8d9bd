"""The measurement model that an instrument's scales state, as text in lavaan's model syntax."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Literal, get_args

from toolkit.errors import Code, DefinitionError, Problem

if TYPE_CHECKING:
    from toolkit.instruments.instrument import Instrument

Structure = Literal["correlated", "higher_order", "bifactor", "one_factor"]
"""How the scales go together: freely, through a factor above them, beside a factor of all items, or as one."""

_WORDS_OF_THE_SYNTAX = {"NA", "NaN", "Inf", "TRUE", "FALSE", "NULL"}
_LINE_LENGTH = 100
_TITLES: dict[Structure, str] = {
    "correlated": "correlated factors",
    "higher_order": "factors under a general factor",
    "bifactor": "a general factor beside uncorrelated factors",
    "one_factor": "one factor",
}


def factor_model(
    instrument: Instrument, *, structure: Structure = "correlated", items: Collection[str] | None = None
) -> str:
    """Write the measurement model of an instrument; see :meth:`toolkit.instruments.Instrument.to_model`."""
    if structure not in get_args(Structure):
        raise DefinitionError(
            Problem(
                code=Code.DEF_VALUE,
                key="structure",
                what="There is no such structure of a factor model.",
                got=repr(structure),
                allowed=", ".join(get_args(Structure)),
                fix="Use one of the allowed structures.",
            )
        )
    if instrument.definition.measurement == "formative":
        what = "The instrument is formative: its items make up a profile, and no factor stands behind them."
        raise _no_model(
            instrument, what, "Describe the items one by one; use a factor model with reflective instruments."
        )
    chosen = _chosen(instrument, items)
    measured = {scale.code: [item for item in scale.items if item in chosen] for scale in instrument.definition.scales}
    names = _factor_names(instrument, [code for code, own in measured.items() if len(own) > 1])
    asked = list(dict.fromkeys(item for own in measured.values() for item in own))
    lines = [f"# {instrument.name}: {_TITLES[structure]}; items as scored, with reversed items turned round"]
    lines += _comments(measured, names, structure)
    lines += [f"# of no scale: {item}" for item in instrument.item_codes if item in chosen and item not in asked]
    if structure == "one_factor":
        if len(asked) < 2:
            raise _too_few(instrument, "items of its scales", 2, len(asked))
        return "\n".join([*lines, *_statement(f"{names['']} =~", asked)]) + "\n"
    factors = {code: own for code, own in measured.items() if code in names}
    least = 1 if structure == "correlated" else 2
    if len(factors) < least:
        raise _too_few(instrument, "scales with two items or more", least, len(factors))
    if structure == "bifactor":
        lines += _bifactor(factors, names, asked)
    else:
        lines += [line for code, own in factors.items() for line in _statement(f"{names[code]} =~", own)]
    if structure == "higher_order":
        lines += _general_above(names[""], [names[code] for code in factors])
    return "\n".join(lines) + "\n"


def _chosen(instrument: Instrument, items: Collection[str] | None) -> set[str]:
    """Return the items to use, once each can stand in a model."""
    chosen = set(instrument.item_codes if items is None else items)
    for item in sorted(chosen, key=str):
        if item not in instrument.items:
            raise DefinitionError(
                Problem(
                    code=Code.DEF_UNKNOWN_NAME,
                    item=str(item),
                    what=f"{instrument.name} has no such item.",
                    allowed=", ".join(instrument.item_codes),
                    fix="Correct items=.",
                )
            )
        if item in _WORDS_OF_THE_SYNTAX:
            raise DefinitionError(
                Problem(
                    code=Code.DEF_RESERVED_NAME,
                    item=item,
                    what="The model syntax reads the code of this item as a value.",
                    fix="Leave it out with items=, or give it another code in a new version.",
                )
            )
    return chosen


def _factor_names(instrument: Instrument, codes: list[str]) -> dict[str, str]:
    """Return a name for the factor of each scale, and under the empty code one for the general factor."""
    taken = set(instrument.items) | _WORDS_OF_THE_SYNTAX
    names: dict[str, str] = {}
    for code in [*codes, ""]:
        name = code or "general"
        while name in taken or (name != code and name in codes):
            name += "_f"
        names[code] = name
        taken.add(name)
    return names


def _comments(measured: dict[str, list[str]], names: dict[str, str], structure: Structure) -> list[str]:
    """Tell what the model does not show: scales without a factor, other names, and factors of two items."""
    lines = []
    for code, own in measured.items():
        if structure == "one_factor":
            continue
        if not own:
            lines.append(f"# {code}: no factor, because none of its items is chosen")
        elif len(own) == 1:
            used = "measures the general factor only" if structure == "bifactor" else "is left out"
            lines.append(f"# {code}: no factor, because it has one item; {own[0]} {used}")
        else:
            if names[code] != code:
                lines.append(f"# {code}: the factor is called {names[code]}, because {code} means something else here")
            if len(own) == 2:
                rests = (
                    "its loadings are made equal"
                    if structure == "bifactor"
                    else "it needs its correlations with others"
                )
                lines.append(f"# {code}: two items do not determine a factor alone; {rests}")
    return lines


def _general_above(general: str, below: list[str]) -> list[str]:
    """Write a general factor that factors measure."""
    if len(below) > 2:
        return _statement(f"{general} =~", below)
    return [
        "# two factors do not determine a general factor; its loadings are made equal",
        *_equal_pair(general, below),
    ]


def _bifactor(factors: dict[str, list[str]], names: dict[str, str], asked: list[str]) -> list[str]:
    """Write a general factor of all items, factors of the scales, and no correlation between any two of them."""
    lines = _statement(f"{names['']} =~", asked)
    for code, own in factors.items():
        lines += _equal_pair(names[code], own) if len(own) == 2 else _statement(f"{names[code]} =~", own)
    every = [names[""], *(names[code] for code in factors)]
    for place, name in enumerate(every[:-1]):
        lines += _statement(f"{name} ~~", [f"0*{other}" for other in every[place + 1 :]])
    return lines


def _equal_pair(factor: str, pair: list[str]) -> list[str]:
    """Write a factor of two with equal loadings; its variance is 1, so that both can be free."""
    label = f'"{factor}_loading"'
    return [
        f"{factor} =~ NA*{pair[0]} + {label}*{pair[0]} + {label}*{pair[1]}",
        f"{factor} ~~ 1*{factor}",
    ]


def _statement(head: str, terms: Iterable[str]) -> list[str]:
    """Write a statement; a long one goes on in the next line after ``+``."""
    lines: list[str] = []
    line = head
    for number, term in enumerate(terms):
        if number and len(line) + len(term) > _LINE_LENGTH:
            lines.append(f"{line} +")
            line = f"    {term}"
        else:
            line += f" + {term}" if number else f" {term}"
    return [*lines, line]


def _no_model(instrument: Instrument, what: str, fix: str) -> DefinitionError:
    return DefinitionError(Problem(code=Code.DEF_NO_FACTOR_MODEL, what=f"{instrument.name}: {what}", fix=fix))


def _too_few(instrument: Instrument, of_what: str, least: int, got: int) -> DefinitionError:
    what = f"The model needs {least} {of_what} at least, and there {'is' if got == 1 else 'are'} {got or 'none'}."
    return _no_model(instrument, what, "Choose another structure, or more items.")

"""A draft written from plain values: codes and names made to fit, words cleaned, and every change told.

Importers build a definition and its texts as mappings of plain values, with the keys of ``definition.yaml`` and
``text.<language>.yaml``, and :func:`written` turns them into files that load.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.definition import Identifier, Language
from toolkit.instruments.exchange import Imported, Loss
from toolkit.instruments.lint import RESERVED_COLUMNS
from toolkit.instruments.parsing import PATTERNS_IN_WORDS

VERSION = "0.1.0"
"""Version of a draft whose file tells none."""
MOST_ITEMS = 2000
"""A file with more questions is refused."""
LONGEST_WORDS = 2000

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}\Z")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9-]{1,39}\Z")
_SAFE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z")
_YAML_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_LIST_MARK = re.compile(r"^\s*(\d+[.)]|[-+])\s+")
_EMOJI = re.compile(r":(?=[a-z_]+:)")
_LOOKALIKES = str.maketrans(
    {
        "*": "\u2217",
        "_": " ",
        "`": "'",
        "#": "\uff03",
        "[": "(",
        "]": ")",
        "~": "\u223c",
        "|": "/",
        "<": "\u2039",
        ">": "\u203a",
        "\\": "/",
        "$": "\uff04",
    }
)


def item_code(wanted: str, taken: Collection[str]) -> str:
    """Make an item or section code of any words: letters, digits and underscores, a letter first, used once."""
    fitting = wanted if _CODE.match(wanted) else _ascii(wanted) or "item"
    return _unique(fitting, taken, RESERVED_COLUMNS, first="Q")


def plain_name(wanted: str, taken: Collection[str]) -> str:
    """Make the name of a response set, missing code, covariate or option: as a code, in small letters."""
    fitting = wanted if _CODE.match(wanted) else _ascii(wanted) or "name"
    return _unique(fitting.lower(), taken, RESERVED_COLUMNS, first="n_")


def identifier_of(wanted: str) -> str:
    """Make an identifier of any words: 2 to 40 small letters, digits and hyphens, a letter first."""
    if _IDENTIFIER.match(wanted):
        return wanted
    found = re.sub(r"-+", "-", _ascii(wanted).lower().replace("_", "-")).strip("-")
    found = found if found[:1].isalpha() else f"q-{found}".rstrip("-")
    return (found if len(found) > 1 else f"{found}-draft")[:40].rstrip("-")


def require_names(identifier: str, languages: Iterable[str]) -> None:
    """Refuse an identifier or language that a definition cannot have.

    Raises
    ------
    DefinitionError
        ``DEF_VALUE``, one problem each.
    """
    problems = []
    asked = [("id", identifier, Identifier), *(("language", language, Language) for language in languages)]
    for key, value, kind in asked:
        try:
            TypeAdapter(kind).validate_python(value)
        except ValidationError as error:
            allowed = PATTERNS_IN_WORDS[error.errors()[0]["ctx"]["pattern"]]
            what, fix = f"The {key} has the wrong form.", "Change it to an allowed one."
            problems.append(Problem(code=Code.DEF_VALUE, what=what, fix=fix, key=key, got=value, allowed=allowed))
    if problems:
        raise DefinitionError(problems)


def clean_words(words: str, where: str, losses: list[Loss], *, is_plain: bool = True) -> str:
    """Make words that a text can hold, and tell what was changed.

    Parameters
    ----------
    words : str
        As the file has them.
    where : str
        Their place, for the losses.
    losses : list of Loss
        Changes are added here.
    is_plain : bool
        Whether the words may hold no markup, as those of items and labels; introductions may.

    Returns
    -------
    str
        Empty where no word is left.
    """
    kept = "".join(one for one in words if one.isprintable() or one.isspace())
    cleaned = " ".join(kept.split())
    if is_plain:
        cleaned = _LIST_MARK.sub("", cleaned)
        marked = _EMOJI.sub(": ", cleaned.translate(_LOOKALIKES))
        cleaned = _LIST_MARK.sub("", " ".join(marked.split()))
    if cleaned != words.strip():
        why = "line breaks, invisible characters and characters that read as markup have no place in a text"
        losses.append(Loss(what="the words were rewritten", where=where, why=why))
    if len(cleaned) > LONGEST_WORDS:
        losses.append(Loss(what="the words were cut", where=where, why=f"they have more than {LONGEST_WORDS} letters"))
        cleaned = cleaned[:LONGEST_WORDS].rstrip()
    return cleaned


def written(definition: Mapping[str, Any], texts: Mapping[str, Mapping[str, Any]], losses: Iterable[Loss]) -> Imported:
    """Write a draft.

    Parameters
    ----------
    definition : mapping
        Plain values with the keys of ``definition.yaml``; the version as text.
    texts : mapping of str to mapping
        By language, plain values with the keys of ``text.<language>.yaml``. Words must be cleaned; labels of one
        question that read alike are told apart here.
    losses : iterable of Loss
        What is to be told.

    Returns
    -------
    Imported
    """
    told = list(losses)
    apart = _told_apart(definition, texts, told)
    head = (
        "# yaml-language-server: $schema=../../schema/{}.schema.json\n"
        "# Made from a file of another program. Check every value.\n"
    )
    return Imported(
        id=definition["id"],
        version=definition["version"],
        definition_yaml=head.format("definition") + _block(definition),
        texts={language: head.format("text") + _block(text) for language, text in apart.items()},
        losses=tuple(dict.fromkeys(told)),
    )


def _told_apart(
    definition: Mapping[str, Any], texts: Mapping[str, Mapping[str, Any]], losses: list[Loss]
) -> dict[str, dict[str, Any]]:
    """Give answers of one question that read alike, in one language or in two, their code beside the words."""
    result: dict[str, dict[str, Any]] = {language: dict(text) for language, text in texts.items()}
    codes = {entry["name"]: entry["code"] for entry in definition.get("missing", ())}
    meanings: dict[str, set[object]] = {}
    for text in result.values():
        for name, labels in text["responses"].items():
            for code, label in labels.items():
                meanings.setdefault(f"{name} {label.casefold()}", set()).add(code)
        for responses in definition["responses"]:
            for name in responses.get("missing", ()):
                meanings.setdefault(f"{responses['name']} {text['missing'][name].casefold()}", set()).add(name)
    for language, text in result.items():
        text["responses"] = {
            name: {
                code: _apart(label, code, f"{language}: responses.{name}.{code}", losses)
                if len(meanings[f"{name} {label.casefold()}"]) > 1
                else label
                for code, label in labels.items()
            }
            for name, labels in text["responses"].items()
        }
        clashing = {
            name
            for responses in definition["responses"]
            for name in responses.get("missing", ())
            if len(meanings[f"{responses['name']} {text['missing'][name].casefold()}"]) > 1
        }
        if text.get("missing"):
            text["missing"] = {
                name: _apart(label, codes[name], f"{language}: missing.{name}", losses) if name in clashing else label
                for name, label in text["missing"].items()
            }
        if text.get("covariates"):
            text["covariates"] = {
                code: {**asked, "options": _options_apart(asked["options"], f"{language}: covariates.{code}", losses)}
                for code, asked in text["covariates"].items()
            }
    return result


def _options_apart(options: Mapping[str, str], where: str, losses: list[Loss]) -> dict[str, str]:
    read = [label.casefold() for label in options.values()]
    return {
        name: _apart(label, name.replace("_", " "), f"{where}.{name}", losses)
        if read.count(label.casefold()) > 1
        else label
        for name, label in options.items()
    }


def _apart(label: str, code: object, where: str, losses: list[Loss]) -> str:
    losses.append(
        Loss(what="the code was written beside the label", where=where, why="two answers of the question read alike")
    )
    return f"{label} ({code})"


def _block(values: Mapping[str, Any]) -> str:
    """Write a mapping as YAML: one line a scalar, an entry of a list, or the words for one thing."""
    lines: list[str] = []
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            lines += [f"{key}:", *(f"  {_scalar(name)}: {_flow(part)}" for name, part in value.items())]
        elif isinstance(value, list | tuple) and value:
            lines += [f"{key}:", *(f"  - {_flow(part)}" for part in value)]
        elif not isinstance(value, Mapping | list | tuple):
            lines.append(f"{key}: {_flow(value) if key != 'version' else _quoted(value)}")
    return "\n".join(lines) + "\n"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_flow(part) for part in value)}]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value if _SAFE.match(value) and value.lower() not in _YAML_WORDS else _quoted(value)


def _quoted(words: str) -> str:
    """Write words between quotation marks as YAML reads them; what is not printable as a number."""
    marked = words.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in marked) + '"'


def _ascii(wanted: str) -> str:
    """Keep the letters, digits and underscores of words, without accents."""
    plain = unicodedata.normalize("NFKD", wanted).encode("ascii", "ignore").decode()
    return re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]", "_", plain)).strip("_")


def _unique(wanted: str, taken: Collection[str], reserved: Collection[str], *, first: str) -> str:
    """Return a code that starts with a letter, has at most 32 characters, and is not taken in any capitals."""
    base = (wanted if wanted[0].isalpha() else f"{first}{wanted}")[:32]
    used = {name.casefold() for name in taken} | set(reserved)
    found, number = base, 2
    while found.casefold() in used:
        tail = f"_{number}"
        found, number = f"{base[: 32 - len(tail)]}{tail}", number + 1
    return found

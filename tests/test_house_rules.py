"""The rules of the house that no other tool checks: sizes, results, documents, errors, imports, words."""

from __future__ import annotations

import ast
import fnmatch
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from toolkit.errors import Code
from toolkit.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
TOOLKIT = ROOT / "toolkit"
MOST_CODE_LINES = 600

ROOT_ENTRIES = {
    *("app.py", "data", "docs", "instruments", "requirements", "tests", "toolkit"),
    *("CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "pyproject.toml"),
    *(".ci", ".git", ".gitignore", ".streamlit"),
}
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
BOUNDARIES = {
    *("toolkit/cli/__init__.py", "toolkit/ui/shell.py", "toolkit/ui/routes.py", "toolkit/api/app.py"),
    "toolkit/validation/jobs.py",
}
"""The edges: the only modules that may catch every exception, once each, and then log it."""
SCIENTIFIC = {
    *(
        "numpy",
        "scipy",
        "pandas",
        "statsmodels",
        "pingouin",
        "factor_analyzer",
        "sklearn",
        "joblib",
        "numba",
        "threadpoolctl",
    ),
}
NOT_PURE = {"pathlib", "logging", "os", "io", "socket", "sqlite3", "subprocess", "shutil", "tempfile", "threading"}
HEAVY = {
    *("numpy", "pandas", "scipy", "statsmodels", "pingouin", "factor_analyzer", "sklearn", "matplotlib", "numba"),
    *("pydantic", "pydantic_settings", "ruamel", "sqlalchemy", "alembic", "streamlit", "altair", "typer", "rich"),
}


def ignored_patterns() -> list[str]:
    return [line.rstrip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if line]


def own_files() -> list[Path]:
    """All files of the project: not what .gitignore names, and not git's own."""
    patterns = [".git", *ignored_patterns()]
    found = []
    folders = [ROOT]
    while folders:
        for path in folders.pop().iterdir():
            if not any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns):
                (folders if path.is_dir() else found).append(path)
    return sorted(found)


FILES = own_files()
MODULES = [path for path in FILES if path.suffix == ".py" and path.is_relative_to(TOOLKIT)]
TESTS = [path for path in FILES if path.suffix == ".py" and path.is_relative_to(ROOT / "tests")]
PAGES = [path for path in FILES if path.suffix == ".md" and path.name != "LICENSE"]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def code_lines(path: Path) -> int:
    """Lines that hold code: not blank, not a comment, not part of a docstring."""
    text = path.read_text(encoding="utf-8")
    quiet = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in quiet:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def findings(pattern: str, files: list[Path]) -> list[str]:
    expression = re.compile(pattern)
    return [
        f"{name_of(path)}:{number}: {line.strip()[:100]}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if expression.search(line)
    ]


def text_files() -> list[Path]:
    binary = {".png", ".jpg", ".ico", ".woff2", ".gz", ".sav"}
    return [path for path in FILES if path.suffix not in binary]


# Layout


def test_the_root_holds_only_what_the_design_names() -> None:
    found = {path.relative_to(ROOT).parts[0] for path in FILES}
    assert found - ROOT_ENTRIES == set()
    assert {"README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "Makefile", ".ci"} <= found


def test_app_py_is_wiring_only() -> None:
    assert len((ROOT / "app.py").read_text(encoding="utf-8").splitlines()) < 40


def test_modules_have_names_that_say_something() -> None:
    assert [name_of(path) for path in FILES if path.suffix == ".py" and path.stem in EMPTY_NAMES] == []
    assert [name_of(path) for path in FILES if set(path.relative_to(ROOT).parts) & EMPTY_NAMES] == []


def test_no_module_has_grown_past_its_idea() -> None:
    assert MODULES
    assert {name_of(path): n for path in MODULES if (n := code_lines(path)) > MOST_CODE_LINES} == {}


def test_every_module_says_what_it_is_for() -> None:
    assert [name_of(path) for path, tree in TREES.items() if tree.body and not ast.get_docstring(tree)] == []


# Imports


@pytest.mark.parametrize(
    "name", ["toolkit", "toolkit.instruments", "toolkit.psychometrics", "toolkit.validation", "toolkit.comparison"]
)
def test_faces_load_nothing_heavy(name: str) -> None:
    code = f"import sys, {name}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert "toolkit" in loaded
    assert loaded & HEAVY == set()


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_psychometrics_imports_only_numbers() -> None:
    allowed = SCIENTIFIC | (sys.stdlib_module_names - NOT_PURE)
    strange = {
        (name_of(path), name)
        for path, tree in TREES.items()
        if path.is_relative_to(TOOLKIT / "psychometrics")
        for name in imported(tree)
        if name.split(".")[0] not in allowed
        and name != "toolkit"
        and not name.startswith(("toolkit.psychometrics", "toolkit.errors"))
    }
    assert strange == set()


def test_only_ui_imports_streamlit() -> None:
    users = {
        name_of(path).split("/")[1]
        for path, tree in TREES.items()
        if any(name.split(".")[0] == "streamlit" for name in imported(tree))
    }
    assert users == {"ui"}


# Code


def test_no_assert_and_no_print_in_the_toolkit() -> None:
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print")
    ]
    assert found == []


def catches_all(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or getattr(kind, "id", "") in {"Exception", "BaseException"} for kind in kinds)


def raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_all_exceptions_are_caught_only_at_the_edges_once_and_logged() -> None:
    caught = [
        (name_of(path), ast.unparse(handler))
        for path, tree in TREES.items()
        for handler in ast.walk(tree)
        if isinstance(handler, ast.ExceptHandler) and catches_all(handler) and not raises_again(handler)
    ]
    assert {name for name, _ in caught} <= BOUNDARIES
    assert [name for name, count in Counter(name for name, _ in caught).items() if count > 1] == []
    assert [name for name, text in caught if "log" not in text.lower()] == []


def test_nothing_is_left_for_later() -> None:
    later = "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "NotImplemented" + "Error", "x" + "fail"])
    skipped = r"pytest\.(sk" + r"ip|importorsk" + r"ip)|mark\.sk" + r"ip|assert Tr" + "ue"
    unexplained = r"#\s*(type:\s*ig" + r"nore(\[[^]]*\])?|no" + r"qa(:\s*[A-Z0-9, ]+)?)\s*$"
    python = [*MODULES, *TESTS]
    assert findings(rf"\b({later})\b", python) == []
    assert findings(skipped, python) == []
    assert findings(unexplained, python) == []


def test_no_machine_path_and_no_registry_in_any_file() -> None:
    folders = r"(?<![\w.\-/:~<}])/(work|root|tmp|home)/\w"
    registries = r"pypi\.o" + r"rg/simple|files\.pytho" + r"nhosted|registry\.np" + "mjs"
    options = r"(?<!no-emit-)(--)?(index-u" + r"rl|find-li" + "nks)"
    assert findings(f"{folders}|{registries}|{options}", text_files()) == []


# Results; tests/parity/test_index.py looks at the statistics


def test_every_result_is_frozen_slotted_and_keyword_only() -> None:
    wanted = {"frozen": True, "slots": True, "kw_only": True, "eq": False}
    results = [
        (path, node)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith("Result") and node.name != "Result"
    ]
    assert results
    for path, node in results:
        options = {
            word.arg: word.value.value
            for decorator in node.decorator_list
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "dataclass"
            for word in decorator.keywords
            if isinstance(word.value, ast.Constant)
        }
        assert options == wanted, f"{name_of(path)}: {node.name}"


# Documents


def commands() -> dict[str, Any]:
    """All commands of ``eot`` by their full name."""
    import typer.main

    from toolkit.cli import app

    found: dict[str, Any] = {}

    def walk(command: Any, name: str) -> None:
        if hasattr(command, "list_commands"):
            context = command.make_context(name, [], resilient_parsing=True)
            for child in command.list_commands(context):
                walk(command.get_command(context, child), f"{name} {child}")
        else:
            found[name] = command

    walk(typer.main.get_command(app), "eot")
    return found


def test_every_command_and_option_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    found = commands()
    assert {"eot validate", "eot simulate", "eot serve"} <= set(found)
    for name, command in found.items():
        heading = re.search(rf"^#+ `?{re.escape(name)}`?$(.*?)(?=^## |^### |\Z)", text, re.MULTILINE | re.DOTALL)
        assert heading, f"docs/cli.md has no heading for {name}"
        options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        lacking = {option for option in options - {"--help"} if f"`{option}" not in heading[1]}
        assert lacking == set(), name


def test_every_exit_code_is_documented() -> None:
    table = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8").split("## Exit codes")[1].split("\n## ")[0]
    documented = {int(number) for number in re.findall(r"^\| (\d+) \|", table, flags=re.MULTILINE)}
    used = {
        int(number)
        for path in MODULES
        for number in re.findall(r"\bexit_code = (\d+)", path.read_text(encoding="utf-8"))
    }
    assert used
    assert used <= documented


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    wanted = {f"EOT_{name.upper()}" for name in Settings.model_fields}
    assert wanted - set(re.findall(r"`(EOT_[A-Z0-9_]+)`", text)) == set()


CODE_USES = {path: set(re.findall(r"\bCode\.([A-Z0-9_]+)\b", path.read_text(encoding="utf-8"))) for path in MODULES}


@pytest.mark.parametrize("code", [code.name for code in Code])
def test_an_error_code_is_raised_tested_and_documented(code: str) -> None:
    raised = [path for path, codes in CODE_USES.items() if code in codes and path.name != "errors.py"]
    tested = [path for path in TESTS if re.search(rf"\b{code}\b", path.read_text(encoding="utf-8"))]
    documented = f"`{code}`" in (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert (bool(raised), bool(tested), documented) == (True, True, True), "raised, tested, documented"


def test_error_codes_stand_in_their_families() -> None:
    assert [code for code in Code if not re.match(r"(DEF|RSP|STA|STO|COL|CMP)_", code)] == []
    assert [code for code in Code if code.name != code.value] == []
    documented = set(
        re.findall(r"`((?:DEF|RSP|STA|STO|COL|CMP)_[A-Z0-9_]+)`", (ROOT / "docs" / "errors.md").read_text())
    )
    assert documented - {code.name for code in Code} == set()


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_and_picture_of_a_page_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    without_code = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)(?: \"[^\"]*\")?\)|src=\"([^\"]+)\"", without_code):
        link = target[0] or target[1]
        if re.match(r"https?:|mailto:", link):
            continue
        file, _, anchor = link.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), link
        assert path.is_relative_to(ROOT), link
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path.read_text(encoding="utf-8")), link


def test_the_readme_shows_the_two_commands_and_two_pictures() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for needed in ("make demo", "make test", "docs/images/app.png", "docs/images/report.png"):
        assert needed in text
    goals = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for goal in re.findall(r"`make ([a-z]+)`|^make ([a-z]+)$", text, flags=re.MULTILINE):
        assert (goal[0] or goal[1]) in goals


def test_the_requirements_are_pinned_and_hashed() -> None:
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert [path.name for path in files] == ["dev.txt", "runtime.txt", "setup.txt"]
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "://" not in text
        blocks = re.split(r"\n(?=[a-z])", text.split("\n", 2)[2])
        for block in blocks:
            assert re.match(r"[A-Za-z0-9._-]+==\S+", block), block.split("\n")[0]
            assert "--hash=sha256:" in block, block.split("\n")[0]


def test_the_shipped_folders_are_named_in_the_map_of_the_contributing_page() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = [path.name for path in TOOLKIT.iterdir() if path.is_dir() and path.name != "__pycache__"]
    tests = [path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"]
    for name in (*(f"toolkit/{room}/" for room in rooms), *(f"tests/{kind}/" for kind in tests)):
        assert f"`{name}`" in text, name


# Translations


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield from leaves(child, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from leaves(child, f"{path}[{number}]")
    else:
        yield path, str(value)


@pytest.mark.parametrize("room", ["ui", "reporting"])
def test_every_translation_of_the_app_is_complete(room: str) -> None:
    files = sorted((TOOLKIT / room / "text").glob("*.yaml"))
    assert len(files) >= 2
    texts = {path.stem: dict(leaves(YAML(typ="safe").load(path))) for path in files}
    first = texts.pop("en")
    assert first
    for language, words in texts.items():
        assert set(words) == set(first), language
        assert [key for key, text in words.items() if not text.strip()] == [], language
        for key, text in words.items():
            assert set(re.findall(r"\{(\w+)", text)) == set(re.findall(r"\{(\w+)", first[key])), f"{language}: {key}"

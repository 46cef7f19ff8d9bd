"""Error codes, the problems that carry them, and the exceptions that users meet.

A :class:`Problem` says where, what, what was got, what is allowed, and the fix. Checks of definitions and of
response files collect every problem before they raise; statistics fail at the first one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Every error and warning code of the toolkit, in families by prefix."""

    # DEF_: instrument definitions and their texts
    DEF_NOT_FOUND = "DEF_NOT_FOUND"
    DEF_ENCODING = "DEF_ENCODING"
    DEF_YAML = "DEF_YAML"
    DEF_DUPLICATE_KEY = "DEF_DUPLICATE_KEY"
    DEF_UNQUOTED_VERSION = "DEF_UNQUOTED_VERSION"
    DEF_MISSING_KEY = "DEF_MISSING_KEY"
    DEF_UNKNOWN_KEY = "DEF_UNKNOWN_KEY"
    DEF_VALUE = "DEF_VALUE"
    DEF_PLACE = "DEF_PLACE"
    DEF_TWICE = "DEF_TWICE"
    DEF_UNKNOWN_NAME = "DEF_UNKNOWN_NAME"
    DEF_NOT_ASKED = "DEF_NOT_ASKED"
    DEF_RESERVED_NAME = "DEF_RESERVED_NAME"
    DEF_CODE_OVERLAP = "DEF_CODE_OVERLAP"
    DEF_POINT_ORDER = "DEF_POINT_ORDER"
    DEF_MINIMUM_ANSWERED = "DEF_MINIMUM_ANSWERED"
    DEF_REVERSED = "DEF_REVERSED"
    DEF_SCALE_RANGE = "DEF_SCALE_RANGE"
    DEF_SCORING = "DEF_SCORING"
    DEF_TEXT_LACKING = "DEF_TEXT_LACKING"
    DEF_TEXT_EXTRA = "DEF_TEXT_EXTRA"
    DEF_LABEL_TWICE = "DEF_LABEL_TWICE"
    DEF_MARKDOWN = "DEF_MARKDOWN"
    DEF_LONG_PAGE = "DEF_LONG_PAGE"
    DEF_RELEASE_LOCK = "DEF_RELEASE_LOCK"
    DEF_RELEASE_CHANGED = "DEF_RELEASE_CHANGED"
    DEF_RELEASE_MISSING = "DEF_RELEASE_MISSING"
    DEF_RELEASE_UNLISTED = "DEF_RELEASE_UNLISTED"
    DEF_RELEASED_ALREADY = "DEF_RELEASED_ALREADY"
    DEF_LANGUAGE_ABSENT = "DEF_LANGUAGE_ABSENT"
    DEF_EXISTS = "DEF_EXISTS"
    DEF_SMALL_BUMP = "DEF_SMALL_BUMP"
    DEF_CODE_REUSED = "DEF_CODE_REUSED"
    DEF_EVIDENCE = "DEF_EVIDENCE"
    DEF_LINKING = "DEF_LINKING"
    DEF_NO_FACTOR_MODEL = "DEF_NO_FACTOR_MODEL"
    DEF_FOREIGN_FILE = "DEF_FOREIGN_FILE"
    DEF_NOTHING_TO_IMPORT = "DEF_NOTHING_TO_IMPORT"

    # RSP_: response files and frames
    RSP_FILE_NOT_FOUND = "RSP_FILE_NOT_FOUND"
    RSP_FILE_IS_FOLDER = "RSP_FILE_IS_FOLDER"
    RSP_FILE_UNREADABLE = "RSP_FILE_UNREADABLE"
    RSP_FILE_TOO_LARGE = "RSP_FILE_TOO_LARGE"
    RSP_FILE_EMPTY = "RSP_FILE_EMPTY"
    RSP_NOT_CSV = "RSP_NOT_CSV"
    RSP_NOT_UTF8 = "RSP_NOT_UTF8"
    RSP_NUL_BYTE = "RSP_NUL_BYTE"
    RSP_SEPARATOR_LINE = "RSP_SEPARATOR_LINE"
    RSP_ROW_IN_ONE_CELL = "RSP_ROW_IN_ONE_CELL"
    RSP_RAGGED_ROW = "RSP_RAGGED_ROW"
    RSP_HEADER_EMPTY = "RSP_HEADER_EMPTY"
    RSP_HEADER_TWICE = "RSP_HEADER_TWICE"
    RSP_NO_ROWS = "RSP_NO_ROWS"
    RSP_CELL_TOO_LONG = "RSP_CELL_TOO_LONG"
    RSP_QUOTES = "RSP_QUOTES"
    RSP_CELL_IS_DATE = "RSP_CELL_IS_DATE"
    RSP_UNKNOWN_COLUMN = "RSP_UNKNOWN_COLUMN"
    RSP_MISSING_COLUMN = "RSP_MISSING_COLUMN"
    RSP_COLUMN_TWICE = "RSP_COLUMN_TWICE"
    RSP_NO_SUCH_COLUMN = "RSP_NO_SUCH_COLUMN"
    RSP_CODE_NOT_ALLOWED = "RSP_CODE_NOT_ALLOWED"
    RSP_TEXT_IN_NUMBERS = "RSP_TEXT_IN_NUMBERS"
    RSP_UNKNOWN_OPTION = "RSP_UNKNOWN_OPTION"
    RSP_MISSING_CODES = "RSP_MISSING_CODES"
    RSP_RESPONDENT_EMPTY = "RSP_RESPONDENT_EMPTY"
    RSP_RESPONDENT_TWICE = "RSP_RESPONDENT_TWICE"
    RSP_UNIT_EMPTY = "RSP_UNIT_EMPTY"
    RSP_UNKNOWN_WAVE = "RSP_UNKNOWN_WAVE"
    RSP_SEVERAL_WAVES = "RSP_SEVERAL_WAVES"
    RSP_WRONG_VERSION = "RSP_WRONG_VERSION"
    RSP_NO_ANSWERS = "RSP_NO_ANSWERS"
    RSP_TOO_FEW_RESPONDENTS = "RSP_TOO_FEW_RESPONDENTS"
    RSP_NOTHING_TO_DRAFT = "RSP_NOTHING_TO_DRAFT"
    RSP_FOREIGN_FILE = "RSP_FOREIGN_FILE"

    # STA_: statistics
    STA_TOO_FEW_PERSONS = "STA_TOO_FEW_PERSONS"
    STA_TOO_FEW_ITEMS = "STA_TOO_FEW_ITEMS"
    STA_NOT_A_FRAME = "STA_NOT_A_FRAME"
    STA_NOT_NUMERIC = "STA_NOT_NUMERIC"
    STA_NOT_FINITE = "STA_NOT_FINITE"
    STA_DUPLICATE_ITEM = "STA_DUPLICATE_ITEM"
    STA_ALL_MISSING_ITEM = "STA_ALL_MISSING_ITEM"
    STA_CONSTANT_ITEM = "STA_CONSTANT_ITEM"
    STA_CODE_NOT_ALLOWED = "STA_CODE_NOT_ALLOWED"
    STA_TOO_MANY_CATEGORIES = "STA_TOO_MANY_CATEGORIES"
    STA_NEEDS_ANSWERS = "STA_NEEDS_ANSWERS"
    STA_NOT_A_CORRELATION = "STA_NOT_A_CORRELATION"
    STA_EMPTY_CELL = "STA_EMPTY_CELL"
    STA_EMPTY_CATEGORY = "STA_EMPTY_CATEGORY"
    STA_PERFECT_CORRELATION = "STA_PERFECT_CORRELATION"
    STA_NOT_POSITIVE_DEFINITE = "STA_NOT_POSITIVE_DEFINITE"
    STA_SMOOTHED = "STA_SMOOTHED"
    STA_SINGULAR_CORRELATION = "STA_SINGULAR_CORRELATION"
    STA_UNKNOWN_OPTION = "STA_UNKNOWN_OPTION"
    STA_OPTION_RANGE = "STA_OPTION_RANGE"
    STA_OPTION_CONFLICT = "STA_OPTION_CONFLICT"
    STA_SHAPE_MISMATCH = "STA_SHAPE_MISMATCH"
    STA_TOO_MANY_FACTORS = "STA_TOO_MANY_FACTORS"
    STA_AT_LIMIT = "STA_AT_LIMIT"
    STA_NOT_CONVERGED = "STA_NOT_CONVERGED"
    STA_HEYWOOD = "STA_HEYWOOD"
    STA_NOT_IDENTIFIED = "STA_NOT_IDENTIFIED"
    STA_NO_CLUSTERING = "STA_NO_CLUSTERING"
    STA_NEGATIVE_ITEM = "STA_NEGATIVE_ITEM"
    STA_DENOMINATORS_DIFFER = "STA_DENOMINATORS_DIFFER"
    STA_ROTATION_IGNORED = "STA_ROTATION_IGNORED"
    STA_FEW_CLUSTERS = "STA_FEW_CLUSTERS"
    STA_UNDEFINED = "STA_UNDEFINED"
    STA_MODEL_SYNTAX = "STA_MODEL_SYNTAX"
    STA_CIRCULAR_EQUALITY = "STA_CIRCULAR_EQUALITY"
    STA_UNKNOWN_VARIABLE = "STA_UNKNOWN_VARIABLE"
    STA_EMPTY_IN_GROUP = "STA_EMPTY_IN_GROUP"
    STA_INADMISSIBLE = "STA_INADMISSIBLE"
    STA_NOT_NESTED = "STA_NOT_NESTED"
    STA_NOT_INVARIANT = "STA_NOT_INVARIANT"
    STA_POPULATION = "STA_POPULATION"
    STA_STUDY = "STA_STUDY"
    STA_POPULATION_UNREADABLE = "STA_POPULATION_UNREADABLE"

    # STO_: storage
    STO_BAD_ADDRESS = "STO_BAD_ADDRESS"
    STO_NOT_A_STORE = "STO_NOT_A_STORE"
    STO_PORT_TAKEN = "STO_PORT_TAKEN"
    STO_JOB_FAILED = "STO_JOB_FAILED"
    STO_UNAVAILABLE = "STO_UNAVAILABLE"
    STO_TRACES_LEFT = "STO_TRACES_LEFT"
    STO_KEY_UNUSABLE = "STO_KEY_UNUSABLE"
    STO_DAMAGED = "STO_DAMAGED"
    STO_BACKUP_UNUSABLE = "STO_BACKUP_UNUSABLE"
    STO_NOT_EMPTY = "STO_NOT_EMPTY"
    STO_FOLDER_IS_FILE = "STO_FOLDER_IS_FILE"
    STO_FOLDER_NOT_OURS = "STO_FOLDER_NOT_OURS"
    STO_FOLDER_NOT_WRITABLE = "STO_FOLDER_NOT_WRITABLE"

    # COL_: collection
    COL_UNKNOWN_WAVE = "COL_UNKNOWN_WAVE"
    COL_UNKNOWN_UNIT = "COL_UNKNOWN_UNIT"
    COL_UNKNOWN_SERVICE = "COL_UNKNOWN_SERVICE"
    COL_PLACEMENT = "COL_PLACEMENT"
    COL_WAVE_NAME = "COL_WAVE_NAME"
    COL_UNIT_NAMES = "COL_UNIT_NAMES"
    COL_WAVE_NOT_OPEN = "COL_WAVE_NOT_OPEN"
    COL_WAVE_NOT_FROZEN = "COL_WAVE_NOT_FROZEN"
    COL_QUESTIONNAIRE_CHANGED = "COL_QUESTIONNAIRE_CHANGED"
    COL_LINK_UNKNOWN = "COL_LINK_UNKNOWN"
    COL_LINK_USED = "COL_LINK_USED"
    COL_SESSION_ENDED = "COL_SESSION_ENDED"
    COL_UNKNOWN_QUESTION = "COL_UNKNOWN_QUESTION"
    COL_UNKNOWN_ANSWER = "COL_UNKNOWN_ANSWER"
    COL_RECEIPT_UNKNOWN = "COL_RECEIPT_UNKNOWN"
    COL_TOO_FEW_TO_EXPORT = "COL_TOO_FEW_TO_EXPORT"
    COL_TOO_FEW_TO_VALIDATE = "COL_TOO_FEW_TO_VALIDATE"

    # CMP_: disclosure and comparison
    CMP_FLOOR = "CMP_FLOOR"
    CMP_AUDIT_SIZES = "CMP_AUDIT_SIZES"
    CMP_AUDIT_UNDECIDED = "CMP_AUDIT_UNDECIDED"
    CMP_INSTRUMENTS = "CMP_INSTRUMENTS"
    CMP_NO_RESPONSES = "CMP_NO_RESPONSES"
    CMP_COLUMN = "CMP_COLUMN"
    CMP_EMPTY_CELL = "CMP_EMPTY_CELL"
    CMP_WAVE_ORDER = "CMP_WAVE_ORDER"
    CMP_MIXED_VERSIONS = "CMP_MIXED_VERSIONS"
    CMP_COUNTS = "CMP_COUNTS"
    CMP_OPTION = "CMP_OPTION"
    CMP_LANGUAGES_POOLED = "CMP_LANGUAGES_POOLED"
    CMP_UNIT_MOVED = "CMP_UNIT_MOVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, told so that a person can mend it.

    Attributes
    ----------
    code : Code
        The stable code, documented in ``docs/errors.md``.
    what : str
        One sentence: what is wrong.
    fix : str
        One sentence: what to do about it.
    file, line, key, row, column, item : str or int, optional
        Where it is. ``row`` counts as a spreadsheet does: the header is row 1.
    got, allowed : str, optional
        What was found and what would have been accepted. ``got`` may be a piece of a source with a caret below the
        place; it then starts with a newline.
    """

    code: Code
    what: str
    fix: str
    file: str | None = None
    line: int | None = None
    key: str | None = None
    row: int | None = None
    column: str | None = None
    item: str | None = None
    got: str | None = None
    allowed: str | None = None

    @property
    def place(self) -> str:
        """Where the problem is, from the file inwards; empty when it has no place."""
        head = self.file or ""
        if self.file and self.line is not None:
            head = f"{self.file}:{self.line}"
        named = (
            ("key", self.key),
            ("line", self.line if not self.file else None),
            ("row", self.row),
            ("column", self.column),
            ("item", self.item),
        )
        parts = [head, *(f"{name} {value}" for name, value in named if value is not None)]
        return ", ".join(part for part in parts if part)

    @property
    def told(self) -> str:
        """What is wrong, what was found and what is allowed.

        It is one line, unless ``got`` starts with a newline: that is a piece of a source with a caret below the place,
        which keeps lines of its own, and the text ends where the next line starts.
        """
        told = self.what
        if self.got is not None:
            told += f" Got:{self.got}\n" if self.got.startswith("\n") else f" Got: {self.got}."
        if self.allowed is not None:
            told += f"{'' if told[-1:].isspace() else ' '}Allowed: {self.allowed}."
        return told

    def __str__(self) -> str:
        """Return the whole message, ready for a terminal or a page: one line, or several where a source is shown."""
        place = f"{self.place}: " if self.place else ""
        told = self.told
        return f"{self.code}: {place}{told}{'' if told[-1:].isspace() else ' '}Fix: {self.fix}"


class ToolkitError(Exception):
    """Base of all errors that a user can mend; holds one or more problems.

    Parameters
    ----------
    problems : Problem or iterable of Problem
        What is wrong, most important first.
    """

    exit_code = 1

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        Exception.__init__(self, "\n".join(str(problem) for problem in self.problems))

    @property
    def codes(self) -> tuple[Code, ...]:
        """The codes of the problems, in order."""
        return tuple(problem.code for problem in self.problems)


class DefinitionError(ToolkitError):
    """An instrument definition, text or release is not acceptable."""

    exit_code = 3


class ResponsesError(ToolkitError):
    """A response file or frame is not acceptable."""

    exit_code = 4


class StatisticsError(ToolkitError):
    """A statistic cannot be computed from what it was given."""

    exit_code = 5


class StorageError(ToolkitError):
    """A store cannot do what was asked of it."""

    exit_code = 6


class CollectionError(ToolkitError):
    """A respondent's or a wave's step is not allowed now."""

    exit_code = 7


class ComparisonError(ToolkitError):
    """Results cannot be compared, or may not leave, as asked."""

    exit_code = 8

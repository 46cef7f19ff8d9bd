"""Instruments found by name: ``eomhs@1.0.0``, or ``eomhs`` for the newest release."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from toolkit.errors import Code, DefinitionError, Problem
from toolkit.instruments.definition import version_order
from toolkit.instruments.instrument import Instrument
from toolkit.instruments.loader import DEFINITION_FILE, load_folder
from toolkit.instruments.releases import LOCK_FILE, read_lock, release_files, verify


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One version in a catalog folder.

    Attributes
    ----------
    id, version : str
        As the folders are named.
    folder : Path
        The version folder.
    catalog : Path
        The catalog folder it was found in.
    released : bool
        True when the catalog's lock names its files.
    """

    id: str
    version: str
    folder: Path
    catalog: Path
    released: bool

    @property
    def name(self) -> str:
        """Identifier and version, such as ``eomhs@1.0.0``."""
        return f"{self.id}@{self.version}"


class Catalog:
    """The instruments below one or more folders laid out as ``<id>/<version>/definition.yaml``.

    Parameters
    ----------
    folders : iterable of Path
        Catalog folders. A folder that does not exist holds nothing.
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(Path(folder) for folder in folders)
        self._loaded: dict[Path, tuple[object, Instrument]] = {}

    def entries(self) -> tuple[Entry, ...]:
        """Every version, by identifier and then from the oldest to the newest."""
        found = []
        for catalog in self.folders:
            released = {tuple(path.split("/")[:2]) for path in read_lock(catalog)}
            for file in catalog.glob(f"*/*/{DEFINITION_FILE}"):
                identifier, version = file.parent.parent.name, file.parent.name
                entry = Entry(
                    id=identifier,
                    version=version,
                    folder=file.parent,
                    catalog=catalog,
                    released=(identifier, version) in released,
                )
                found.append(entry)
        return tuple(sorted(found, key=lambda entry: (entry.id, version_order(entry.version))))

    def find(self, reference: str) -> Entry:
        """Find one version.

        Parameters
        ----------
        reference : str
            ``id@version``, or ``id`` for the newest release (the newest version where nothing is released).

        Raises
        ------
        DefinitionError
            ``DEF_NOT_FOUND`` with the nearest name; ``DEF_TWICE`` when two catalog folders hold the same version.
        """
        entries = self.entries()
        identifier, _, version = reference.partition("@")
        same = [entry for entry in entries if entry.id == identifier]
        if version:
            same = [entry for entry in same if entry.version == version]
        else:
            same = [entry for entry in same if entry.released] or same
        if not same:
            names = [entry.name for entry in entries]
            near = get_close_matches(reference, [*names, *(entry.id for entry in entries)], n=1, cutoff=0.5)
            what = f"There is no instrument '{reference}' in the catalog."
            fix = f"Did you mean '{near[0]}'?" if near else "See 'eot instrument list', or set EOT_EXTRA_CATALOGS."
            allowed = ", ".join(names) if names else None
            raise DefinitionError(Problem(code=Code.DEF_NOT_FOUND, what=what, fix=fix, allowed=allowed))
        newest = same[-1]
        twice = [entry for entry in same if entry.version == newest.version]
        if len(twice) > 1:
            what = f"'{newest.name}' is in two catalog folders."
            fix = "Remove one of the folders, or give one instrument another id."
            got = " and ".join(str(entry.folder) for entry in twice)
            raise DefinitionError(Problem(code=Code.DEF_TWICE, what=what, fix=fix, got=got))
        return newest

    def load(self, reference: str) -> Instrument:
        """Load one version; released files are compared with the lock first.

        Parameters
        ----------
        reference : str
            ``id@version``, or ``id`` for the newest release.

        Raises
        ------
        DefinitionError
            When it is not found, has been changed since its release, or does not check.
        """
        entry = self.find(reference)
        files = [*release_files(entry.folder), entry.catalog / LOCK_FILE]
        stamp = tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files if file.is_file())
        known = self._loaded.get(entry.folder)
        if known is not None and known[0] == stamp:
            return known[1]
        verify(entry.catalog, entry.folder)
        instrument = load_folder(entry.folder)
        self._loaded[entry.folder] = (stamp, instrument)
        return instrument


def default_catalog() -> Catalog:
    """Return the catalog that the settings name."""
    from toolkit.settings import Settings

    settings = Settings()
    return Catalog((settings.catalog, *settings.extra_catalogs))


def load(reference: str | Path, *, catalog: Catalog | None = None) -> Instrument:
    """Load an instrument by name or from a folder.

    Parameters
    ----------
    reference : str or Path
        ``id@version``, ``id`` for the newest release, or the path of a version folder or its ``definition.yaml``.
        Words with a slash are a path.
    catalog : Catalog, optional
        Where names are looked up; the settings' catalog folders by default.

    Returns
    -------
    Instrument
        The instrument, its original language first.

    Raises
    ------
    DefinitionError
        When it is not found, has been changed since its release, or does not check; with every problem.

    Examples
    --------
    >>> from toolkit import instruments
    >>> instrument = instruments.load("eomhs@1.0.0")
    >>> len(instrument.item_codes), instrument.languages
    (31, ('en', 'nb'))
    """
    if isinstance(reference, str) and not any(mark in reference for mark in "/\\"):
        return (catalog or default_catalog()).load(reference)
    folder = Path(reference)
    if folder.name == DEFINITION_FILE:
        folder = folder.parent
    above = folder.resolve().parent.parent
    if (above / LOCK_FILE).is_file():
        verify(above, folder.resolve())
    return load_folder(folder)

"""One typed Settings object, read from the environment (``EOT_*``) and an optional TOML file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Everything a deployment can set; the environment wins over ``eot.toml``, which wins over the defaults."""

    model_config = SettingsConfigDict(env_prefix="EOT_", toml_file="eot.toml", frozen=True, extra="forbid")

    database_url: str = Field(default="sqlite:///build/eot.db", repr=False)
    """Where answers are stored, as SQLAlchemy writes it: a SQLite file or a PostgreSQL database. May hold a password,
    so it is never shown."""
    catalog: Path = ROOT / "instruments"
    """Folder of instruments: ``<id>/<version>/definition.yaml``."""
    extra_catalogs: tuple[Path, ...] = ()
    """More catalog folders, for a service's own questionnaires."""
    secret_file: Path | None = None
    """Key for the hashes of tokens and receipts; beside a SQLite file unless named, and always named for PostgreSQL.
    Made at the first start."""
    demo: bool = False
    """Serve the staff pages without accounts; only ever on 127.0.0.1."""
    idle_minutes: int = Field(default=10, ge=1, le=120)
    """After this long without an answer a browser needs the link again (shared ward computers)."""
    controller: str = ""
    """Who is responsible for the data, as shown on the consent page."""
    contact: str = ""
    """Whom a respondent can ask, as shown on the consent page."""
    purpose: str = ""
    """What the answers are used for, as shown on the consent page."""
    legal_basis: str = ""
    """The legal basis, as shown on the consent page."""
    retention: str = ""
    """How long answers are kept, as shown on the consent page."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature of the base class
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  the signature of the base class
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then the TOML file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

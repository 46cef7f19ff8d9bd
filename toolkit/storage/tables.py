"""The tables, and why they cannot join a person to an answer.

Answers in progress hang on the invitation (``drafts``, ``draft_answers``). Submitted answers hang on a random key that
no other table knows (``responses``). A response holds all its answers in one column, as an object whose keys are
sorted, so that their order tells nothing. The tables of people and of answers have no row id and no date: on SQLite
their rows lie in the order of their random keys, so that not even the order of rows tells who was first. Freezing a
wave gives every response and invitation of it a new key, and on PostgreSQL a new place, on top of that.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

services = Table(
    "services",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
)

units = Table(
    "units",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
)

placements = Table(
    "placements",
    metadata,
    Column("unit_id", ForeignKey("units.id"), nullable=False),
    Column("service_id", ForeignKey("services.id"), nullable=False),
    Column("since", Date, nullable=False),
    Column("until", Date),
    PrimaryKeyConstraint("unit_id", "since"),
)

waves = Table(
    "waves",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("instrument_id", String(40), nullable=False),
    Column("instrument_version", String(20), nullable=False),
    Column("definition_hash", String(64), nullable=False),
    Column("status", String(10), nullable=False),
    Column("asked_on", Date, nullable=False),
    Column("is_demo", Boolean, nullable=False),
    Column("content_hash", String(64)),
)

wave_units = Table(
    "wave_units",
    metadata,
    Column("wave_id", ForeignKey("waves.id"), nullable=False),
    Column("unit_id", ForeignKey("units.id"), nullable=False),
    Column("n_invited_elsewhere", Integer),
    PrimaryKeyConstraint("wave_id", "unit_id"),
)

invitations = Table(
    "invitations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("wave_id", ForeignKey("waves.id"), nullable=False),
    Column("unit_id", ForeignKey("units.id"), nullable=False),
    Column("token_hash", String(64), nullable=False, unique=True),
    Column("status", String(10), nullable=False),
    Index(None, "wave_id"),
    sqlite_with_rowid=False,
)

respondent_sessions = Table(
    "respondent_sessions",
    metadata,
    Column("cookie_hash", String(64), primary_key=True),
    Column("invitation_id", ForeignKey("invitations.id", ondelete="CASCADE"), nullable=False),
    Column("last_seen", Float, nullable=False),
    Index(None, "invitation_id"),
    sqlite_with_rowid=False,
)

drafts = Table(
    "drafts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("invitation_id", ForeignKey("invitations.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("language", String(12), nullable=False),
    Column("consent_version", String(20), nullable=False),
    Column("step", String(40), nullable=False),
    sqlite_with_rowid=False,
)

draft_answers = Table(
    "draft_answers",
    metadata,
    Column("draft_id", ForeignKey("drafts.id", ondelete="CASCADE"), nullable=False),
    Column("question", String(40), nullable=False),
    Column("answer", String(40)),
    Column("revision", Integer, nullable=False),
    PrimaryKeyConstraint("draft_id", "question"),
    sqlite_with_rowid=False,
)

responses = Table(
    "responses",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("wave_id", ForeignKey("waves.id"), nullable=False),
    Column("unit_id", ForeignKey("units.id"), nullable=False),
    Column("instrument_id", String(40), nullable=False),
    Column("instrument_version", String(20), nullable=False),
    Column("definition_hash", String(64), nullable=False),
    Column("language", String(12), nullable=False),
    Column("display_order", Text, nullable=False),
    Column("consent_version", String(20), nullable=False),
    Column("n_changes", Integer, nullable=False),
    Column("receipt_hash", String(64)),
    Column("answers", Text, nullable=False, server_default="{}"),
    Index(None, "wave_id"),
    UniqueConstraint("receipt_hash"),
    sqlite_with_rowid=False,
)

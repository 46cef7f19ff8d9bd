"""What a database looks like from outside: its tables, columns, keys and indexes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, inspect


def schema_of(engine: Engine) -> dict[str, Any]:
    """Return all that the database says of its tables; on SQLite also the text that made each of them."""
    inspector = inspect(engine)
    found: dict[str, Any] = {
        name: {
            "columns": sorted((one["name"], str(one["type"]), one["nullable"]) for one in inspector.get_columns(name)),
            "primary key": inspector.get_pk_constraint(name),
            "foreign keys": sorted(map(str, inspector.get_foreign_keys(name))),
            "unique": sorted(map(str, inspector.get_unique_constraints(name))),
            "indexes": sorted(map(str, inspector.get_indexes(name))),
        }
        for name in inspector.get_table_names()
    }
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            texts = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").all()
        found["texts"] = sorted(map(tuple, texts))
    return found

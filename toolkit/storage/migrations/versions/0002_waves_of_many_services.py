"""waves of many services, dated places of units, one column of answers."""

import json
from datetime import date

import sqlalchemy as sa
from alembic import op

from toolkit.collection.answers import content_hash, written
from toolkit.collection.ports import ALWAYS, AnswerRow
from toolkit.storage.refusals import not_a_store

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ROWS_AT_ONCE = 5_000
UNSAMPLED = {
    "invitations": ("id", "token_hash"),
    "respondent_sessions": ("cookie_hash", "invitation_id", "last_seen"),
    "drafts": ("id", "invitation_id"),
    "draft_answers": ("draft_id", "answer"),
    "responses": ("key", "receipt_hash", "answers"),
}
"""Keys, hashes and answers. PostgreSQL keeps samples of columns for its planner, and a freeze would not reach them."""


def upgrade() -> None:
    """Go from the schema before to this one."""
    op.create_table(
        "placements",
        sa.Column("unit_id", sa.String(length=40), nullable=False),
        sa.Column("service_id", sa.String(length=40), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], name=op.f("fk_placements_service_id_services")),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_placements_unit_id_units")),
        sa.PrimaryKeyConstraint("unit_id", "since", name=op.f("pk_placements")),
    )
    op.create_table(
        "wave_units",
        sa.Column("wave_id", sa.String(length=40), nullable=False),
        sa.Column("unit_id", sa.String(length=40), nullable=False),
        sa.Column("n_invited_elsewhere", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["units.id"], name=op.f("fk_wave_units_unit_id_units")),
        sa.ForeignKeyConstraint(["wave_id"], ["waves.id"], name=op.f("fk_wave_units_wave_id_waves")),
        sa.PrimaryKeyConstraint("wave_id", "unit_id", name=op.f("pk_wave_units")),
    )
    _run(
        "INSERT INTO placements (unit_id, service_id, since) SELECT id, service_id, :since FROM units",
        sa.bindparam("since", ALWAYS, sa.Date()),
    )
    _run(
        "INSERT INTO wave_units (wave_id, unit_id) SELECT waves.id, units.id FROM waves"
        " JOIN units ON units.service_id = waves.service_id"
    )
    with op.batch_alter_table("units", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_units_service_id_services"), type_="foreignkey")
        batch_op.drop_column("service_id")

    with op.batch_alter_table("waves", schema=None) as batch_op:
        batch_op.add_column(sa.Column("asked_on", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("is_demo", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("content_hash", sa.String(length=64), nullable=True))
        batch_op.drop_constraint(batch_op.f("fk_waves_service_id_services"), type_="foreignkey")
        batch_op.drop_column("service_id")

    # Waves had no date before; the day of the upgrade is the last on which they can have begun.
    _run(
        "UPDATE waves SET asked_on = :today, is_demo = (id = 'demo')",
        sa.bindparam("today", date.today(), sa.Date()),
    )
    with op.batch_alter_table("waves", schema=None) as batch_op:
        batch_op.alter_column("asked_on", existing_type=sa.Date(), nullable=False)
        batch_op.alter_column("is_demo", existing_type=sa.Boolean(), nullable=False)

    # A table without row ids is not remade but added to, so that it stays one.
    op.add_column("responses", sa.Column("answers", sa.Text(), nullable=False, server_default="{}"))
    _gather_answers()
    op.drop_table("response_answers")
    _hash_frozen_waves()
    _set_samples("0")


def downgrade() -> None:
    """Go back to the schema before."""
    connection = op.get_bind()
    placed = connection.execute(sa.text("SELECT unit_id, service_id FROM placements ORDER BY since"))
    places: dict[str, str] = {row.unit_id: row.service_id for row in placed}
    asked = connection.execute(sa.text("SELECT wave_id, unit_id FROM wave_units")).all()
    services = {wave_id: {places[unit_id] for other, unit_id in asked if other == wave_id} for wave_id, _ in asked}
    if any(len(some) > 1 for some in services.values()):
        raise not_a_store("a wave of several services, which the schema before cannot hold")
    _set_samples("-1")
    op.create_table(
        "response_answers",
        sa.Column("response_key", sa.String(length=32), nullable=False),
        sa.Column("question", sa.String(length=40), nullable=False),
        sa.Column("answer", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["response_key"],
            ["responses.key"],
            name=op.f("fk_response_answers_response_key_responses"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("response_key", "question", name=op.f("pk_response_answers")),
        sqlite_with_rowid=False,
    )
    _scatter_answers()
    if connection.dialect.name == "sqlite":
        # Not remade: a table without row ids would become one with them.
        op.execute("ALTER TABLE responses DROP COLUMN answers")
    else:
        op.drop_column("responses", "answers")
    for table, owner in (("units", places), ("waves", {wave_id: min(some) for wave_id, some in services.items()})):
        op.add_column(table, sa.Column("service_id", sa.String(length=40), nullable=True))
        for row_id, service_id in owner.items():
            _run(
                f"UPDATE {table} SET service_id = :service WHERE id = :id",  # noqa: S608  one of two names above
                sa.bindparam("service", service_id),
                sa.bindparam("id", row_id),
            )
    with op.batch_alter_table("waves", schema=None) as batch_op:
        batch_op.alter_column("service_id", existing_type=sa.String(length=40), nullable=False)
        batch_op.create_foreign_key(batch_op.f("fk_waves_service_id_services"), "services", ["service_id"], ["id"])
        batch_op.drop_column("content_hash")
        batch_op.drop_column("is_demo")
        batch_op.drop_column("asked_on")

    with op.batch_alter_table("units", schema=None) as batch_op:
        batch_op.alter_column("service_id", existing_type=sa.String(length=40), nullable=False)
        batch_op.create_foreign_key(batch_op.f("fk_units_service_id_services"), "services", ["service_id"], ["id"])

    op.drop_table("wave_units")
    op.drop_table("placements")


def _run(statement: str, *values: sa.BindParameter[object]) -> None:
    op.get_bind().execute(sa.text(statement).bindparams(*values))


def _set_samples(target: str) -> None:
    """Say how many values of keys, hashes and answers PostgreSQL samples: none, or as many as by default."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, columns in UNSAMPLED.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET STATISTICS {target}")


def _gather_answers() -> None:
    """Put the answers of each response, until now a row each, into its one column."""
    connection = op.get_bind()
    keys = connection.scalars(sa.text("SELECT key FROM responses ORDER BY key")).all()
    for start in range(0, len(keys), ROWS_AT_ONCE):
        some = keys[start : start + ROWS_AT_ONCE]
        answers: dict[str, dict[str, str]] = {key: {} for key in some}
        rows = connection.execute(
            sa.text(
                "SELECT response_key, question, answer FROM response_answers"
                " WHERE response_key BETWEEN :first AND :last"
            ),
            {"first": some[0], "last": some[-1]},
        )
        for key, question, answer in rows:
            answers[key][question] = answer
        connection.execute(
            sa.text("UPDATE responses SET answers = :answers WHERE key = :key"),
            [{"key": key, "answers": written(found)} for key, found in answers.items()],
        )


def _scatter_answers() -> None:
    """Give every answer a row again."""
    connection = op.get_bind()
    keys = connection.scalars(sa.text("SELECT key FROM responses ORDER BY key")).all()
    for start in range(0, len(keys), ROWS_AT_ONCE):
        some = keys[start : start + ROWS_AT_ONCE]
        rows = connection.execute(
            sa.text("SELECT key, answers FROM responses WHERE key BETWEEN :first AND :last"),
            {"first": some[0], "last": some[-1]},
        )
        found = [
            {"key": key, "question": question, "answer": answer}
            for key, answers in rows
            for question, answer in json.loads(answers).items()
        ]
        if found:
            connection.execute(
                sa.text(
                    "INSERT INTO response_answers (response_key, question, answer) VALUES (:key, :question, :answer)"
                ),
                found,
            )


def _hash_frozen_waves() -> None:
    connection = op.get_bind()
    frozen = sa.text("SELECT id, instrument_id, definition_hash FROM waves WHERE status = 'frozen'")
    for wave_id, instrument_id, definition_hash in connection.execute(frozen).all():
        rows = connection.execute(
            sa.text("SELECT unit_id, instrument_version, language, answers FROM responses WHERE wave_id = :id"),
            {"id": wave_id},
        )
        connection.execute(
            sa.text("UPDATE waves SET content_hash = :hash WHERE id = :id"),
            {"hash": content_hash(instrument_id, definition_hash, (AnswerRow(*row) for row in rows)), "id": wave_id},
        )

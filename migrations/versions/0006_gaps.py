"""Gaps and their repair; days that were reconciled; the lease of the process that ingests."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "data_gaps",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("scope", sa.String(32), nullable=False),
        sa.Column("symbols", sa.Text),
        sa.Column("from_ms", sa.BigInteger, nullable=False),
        sa.Column("to_ms", sa.BigInteger),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("repaired_bars", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("symbols_total", sa.Integer),
        sa.Column("symbols_done", sa.Integer, nullable=False, server_default="0"),
        sa.Column("opened_ms", sa.BigInteger, nullable=False),
        sa.Column("checked_ms", sa.BigInteger),
        sa.Column("closed_ms", sa.BigInteger),
    )
    op.create_index("ix_data_gaps_state", "data_gaps", ["state"])
    op.create_table(
        "data_gap_symbols",
        sa.Column("gap_id", sa.String(32), sa.ForeignKey("data_gaps.id"), primary_key=True),
        sa.Column("symbol", sa.String(20), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("due_ms", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
    )
    op.create_index("ix_data_gap_symbols_symbol", "data_gap_symbols", ["symbol"])
    op.create_table(
        "reconciliations",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("date", sa.String(10), nullable=False),
        sa.Column("symbols", sa.Text),
        sa.Column("file", sa.Text),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("finished_ms", sa.BigInteger),
        sa.Column("symbols_total", sa.Integer, nullable=False),
        sa.Column("symbols_done", sa.Integer, nullable=False, server_default="0"),
        sa.Column("bars", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("added", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("differed", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("withdrawn", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("done_symbols", sa.Text),
        sa.Column("failed_symbols", sa.Text, nullable=False, server_default="{}"),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "ingest_lease",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True)),
    )
    op.execute("INSERT INTO ingest_lease (id) VALUES (1)")

"""Where bars changed: what the change reader cannot find by primary key among the newest."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("write_state", sa.Column("newest_bar_ms", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("write_state", sa.Column("symbols_revision", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("write_state", sa.Column("changes_floor", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "bar_changes",
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("symbol", sa.String(20), primary_key=True),
        sa.Column("from_ms", sa.BigInteger, nullable=False),
        sa.Column("to_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
    )
    # No cursor was given out before, so none has to find its changes here.
    op.execute("UPDATE write_state SET changes_floor = revision")

"""On PostgreSQL bars no longer refer to symbols: to look that up for each row took longer than to store it."""

from alembic import op
from sqlalchemy import text

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# By what it is and not by name: that of a database of an older version has the name which was given there.
_FOREIGN_KEYS = text(
    "SELECT conname FROM pg_constraint WHERE contype = 'f' AND conrelid = to_regclass('ohlcv_1min')"
    " AND confrelid = to_regclass('symbols')"
)


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        for name in connection.execute(_FOREIGN_KEYS).scalars().all():
            op.drop_constraint(name, "ohlcv_1min", type_="foreignkey")

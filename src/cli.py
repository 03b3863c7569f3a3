"""`flask ...` commands."""

import click
from flask import Flask

from src.config.settings import Settings
from src.core.errors import TickStockError
from src.infrastructure.database import migrate


def register_commands(app: Flask, settings: Settings) -> None:
    """Adds the commands to `app`."""

    @app.cli.command("migrate")
    def migrate_command() -> None:
        """Bring the database to this program's schema."""
        try:
            missing = migrate.pending(settings.database_url)
            migrate.upgrade(settings.database_url)
        except TickStockError as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"Applied {', '.join(missing)}." if missing else "The schema is up to date.")

"""`flask ...` commands."""

import sys
import time

import click
from flask import Flask

from src.cli_accounts import admin_commands
from src.cli_doctor import doctor_command
from src.cli_export import export_command
from src.cli_history import history_commands
from src.cli_owner import MakeRest
from src.cli_reconcile import reconcile_command
from src.cli_universe import universe_commands
from src.config.settings import Settings, SettingsError, load_settings
from src.core.errors import TickStockError
from src.infrastructure.database import migrate
from src.infrastructure.database.migrate import Plan


def settings_of_command() -> Settings:
    """The settings of a `flask` command, which a wrong one ends with one line."""
    try:
        return load_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


def register_commands(app: Flask, settings: Settings, make_rest: MakeRest) -> None:
    """Adds the commands to `app`. `make_rest` makes the vendor's REST side from what gives evidence stamps."""
    app.cli.add_command(admin_commands(settings, _now_ms))
    app.cli.add_command(universe_commands(settings, make_rest, _now_ms))
    app.cli.add_command(doctor_command(settings))
    app.cli.add_command(reconcile_command(settings, make_rest))
    app.cli.add_command(history_commands(settings, make_rest))
    app.cli.add_command(export_command(settings))

    @app.cli.command("migrate")
    @click.option("--yes", is_flag=True, help="Take over an older version's tables without asking.")
    @click.option("--drop-costly-indexes", is_flag=True, help="Drop indexes on bars that every update has to rewrite.")
    def migrate_command(yes: bool, drop_costly_indexes: bool) -> None:
        """Bring the database to this program's schema; says what will change before it does."""
        try:
            plan = migrate.plan(settings.database_url)
            if plan.adoption and not yes:
                _ask(plan)
            migrate.carry_out(settings.database_url, plan, click.echo, drop_indexes=drop_costly_indexes)
        except TickStockError as error:
            raise click.ClickException(str(error)) from error
        click.echo(f"Applied {', '.join(plan.revisions)}." if plan.revisions else "The schema is up to date.")
        if not drop_costly_indexes:
            _warn_of_indexes(plan)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _ask(plan: Plan) -> None:
    click.echo("The database holds bars of an older version. To take it over, this will change:")
    for step in plan.adoption:
        click.echo(f"- {step.words}")
    click.echo("- The bars of now count as live, until the feed's own replace them; and as the real market's.")
    _warn_of_indexes(plan)
    click.echo("Nothing is deleted; all of it is one transaction. Stop what uses the database, and make a copy of it.")
    if not sys.stdin.isatty():
        raise click.ClickException("Nothing was changed. Run it again with --yes to change it.")
    click.confirm("Change it now?", abort=True)


def _warn_of_indexes(plan: Plan) -> None:
    for index in plan.costly_indexes:
        click.echo(
            f"- The index {index.name} ({index.size_bytes / 1e6:,.0f} MB) holds what every update of a forming bar "
            "changes, so each update has to write it too. Unless something of yours needs it, drop it: "
            "flask migrate --drop-costly-indexes."
        )

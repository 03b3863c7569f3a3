"""`flask history`: bars of the past."""

import click

from src.cli_history_actions import actions_commands
from src.cli_history_coverage import coverage_command
from src.cli_history_daily import rebuild_command
from src.cli_history_import import import_command
from src.cli_history_load import cancel_command, load_command, loads_command
from src.cli_history_prune import prune_command
from src.cli_owner import MakeRest
from src.config.settings import Settings


def history_commands(settings: Settings, make_rest: MakeRest) -> click.Group:
    """The group of commands, on the settings' database; `make_rest` makes the vendor's REST side."""

    @click.group("history")
    def history() -> None:
        """Load bars of the past, and see what is stored of it."""

    history.add_command(load_command(settings, make_rest))
    history.add_command(loads_command(settings))
    history.add_command(cancel_command(settings))
    history.add_command(coverage_command(settings))
    history.add_command(prune_command(settings))
    history.add_command(import_command(settings))
    history.add_command(rebuild_command(settings))
    history.add_command(actions_commands(settings, make_rest))
    return history

"""`flask admin ...`: accounts, by who may use this machine's shell."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from flask.cli import AppGroup

from src.config.settings import Settings
from src.core.domain.account.account import Role, check_login, check_password
from src.core.errors import BadAccountError, TickStockError
from src.infrastructure.database.accounts import DatabaseAccounts
from src.infrastructure.database.engines import read_engine, row_engine
from src.infrastructure.database.migrate import check_schema
from src.infrastructure.passwords import Argon2Passwords


def admin_commands(settings: Settings, now_ms: Callable[[], int]) -> AppGroup:
    """The commands, on the accounts of the settings' database."""
    group = AppGroup("admin", help="Accounts: who may log in.")

    @group.command("create")
    @click.argument("login")
    @click.option("--role", type=click.Choice(["admin", "user"]), default="admin", show_default=True)
    def create(login: str, role: Role) -> None:
        """Make an account. Its password is asked for, or read from standard input where that is no terminal."""
        with _accounts(settings, now_ms) as accounts:
            login = check_login(login)
            if accounts.find(login) or not accounts.create(login, _hash_of_new_password(), role):
                raise BadAccountError(f"There is an account {login} already; flask admin passwd {login} changes it.")
            click.echo(f"The account {login} was made, with the role {role}.")

    @group.command("passwd")
    @click.argument("login")
    def passwd(login: str) -> None:
        """Give an account a new password, which ends its sessions. It is asked for as by `create`."""
        with _accounts(settings, now_ms) as accounts:
            login = check_login(login)
            if accounts.find(login) is None or not accounts.set_password(login, _hash_of_new_password()):
                raise BadAccountError(f"There is no account {login}; flask admin create {login} makes one.")
            click.echo(f"The account {login} has a new password; its sessions have ended.")

    @group.command("list")
    def list_accounts() -> None:
        """Show the accounts and their roles."""
        with _accounts(settings, now_ms) as accounts:
            for account in accounts.all():
                click.echo(f"{account.login} ({account.role})")

    @group.command("delete")
    @click.argument("login")
    def delete(login: str) -> None:
        """Remove an account, which ends its sessions."""
        with _accounts(settings, now_ms) as accounts:
            login = check_login(login)
            if not accounts.delete(login):
                raise BadAccountError(f"There is no account {login}; flask admin list shows those that there are.")
            click.echo(f"The account {login} is gone; its sessions have ended.")
            if not accounts.has_admin():
                click.echo("No administrator is left; the next start makes one, as the first start did.")

    return group


@contextmanager
def _accounts(settings: Settings, now_ms: Callable[[], int]) -> Iterator[DatabaseAccounts]:
    """The accounts, with what goes wrong as a line for people."""
    url = settings.database_url
    try:
        check_schema(url)
        accounts = DatabaseAccounts(read_engine(url), row_engine(url), now_ms)
        try:
            yield accounts
        finally:
            accounts.close()
    except TickStockError as error:
        raise click.ClickException(str(error)) from error


def _hash_of_new_password() -> str:
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt="The same password again")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    return Argon2Passwords().hash(check_password(password))

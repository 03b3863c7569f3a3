#!/usr/bin/env python3
"""Runs TickStock: prepares what is missing, then starts its services and keeps them running until Ctrl-C.

At the first start it makes a virtual environment in .venv and installs requirements.txt into it; later
starts find that done. It then checks the settings (.env, see .env.example), brings the database's schema
up to date after a copy of the database, and starts the web server with the ingestion of the feed. Without
an API key it also starts a simulated feed, and says so. With --prepare it ends after the first step, for
installations whose files the running program may not change.
"""

import argparse
import contextlib
import os
import sys

from src.bootstrap.python_version import complaint


def say(line: str) -> None:
    """Prints at once: what reads us may be a pipe. A reader that has gone must not keep us from stopping."""
    with contextlib.suppress(OSError):
        print(line, flush=True)


def complain(line: str) -> None:
    """Prints what went wrong, at once."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def main(arguments: "list[str]") -> int:
    """Both stages; the exit status. The first one needs nothing but Python."""
    problem = complaint(sys.version_info[:3], os.name)
    if problem:
        complain(problem)
        return 1
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prepare", action="store_true", help="make the virtual environment, and start nothing")
    try:
        return run(parser.parse_args(arguments).prepare)
    except KeyboardInterrupt:
        complain("Interrupted; the next start takes up what is left to do.")
        return 130


def run(only_prepare: bool) -> int:
    """Prepares the environment and, unless that is all, goes on in it."""
    # Imported here and not above: an older Python cannot read these, and the second not before the first
    # has run.
    from pathlib import Path

    from src.bootstrap.venv import VenvError, VirtualEnvironment

    root = Path(__file__).resolve().parent
    venv = VirtualEnvironment(root, os.environ, say)
    try:
        venv.ensure("requirements.txt")
    except VenvError as error:
        complain(str(error))
        return 1
    if only_prepare:
        return 0
    if not venv.is_current():
        os.execv(str(venv.python), [str(venv.python), __file__])

    from src.bootstrap.launcher import launch

    return launch(root, say, complain)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

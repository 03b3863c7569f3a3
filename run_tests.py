#!/usr/bin/env python3
"""Checks TickStock: lint, format, types, import contracts and all tests, each even when one before it failed.

At the first run it makes a virtual environment in .venv and installs requirements-dev.txt into it. Arguments
go to pytest: python3 run_tests.py tests/unit -k session. The exit status is 0 when all is well. With
TICKSTOCK_FORBID_SKIPS=1 a skipped test is a failure.
"""

import os
import sys

from src.bootstrap.python_version import complaint


def say(line: str) -> None:
    """Prints at once, so that our lines and those of the checks stay in order."""
    print(line, flush=True)


def main(arguments: "list[str]") -> int:
    """Runs all; the exit status."""
    problem = complaint(sys.version_info[:3], os.name)
    if problem:
        say(problem)
        return 1
    if arguments in (["-h"], ["--help"]):
        say(__doc__)
        return 0
    try:
        return run(arguments)
    except KeyboardInterrupt:
        say("Interrupted.")
        return 130


def run(arguments: "list[str]") -> int:
    """Prepares the environment and runs the checks in it."""
    # Imported here and not above: an older Python cannot read these.
    import tempfile
    from pathlib import Path

    from src.bootstrap import checks
    from src.bootstrap.venv import VenvError, VirtualEnvironment

    root = Path(__file__).resolve().parent
    venv = VirtualEnvironment(root, os.environ, say)
    try:
        venv.ensure("requirements-dev.txt")
    except VenvError as error:
        say(str(error))
        return 1
    with tempfile.TemporaryDirectory(prefix="tickstock-tests-") as folder:
        report = Path(folder) / "pytest.xml"
        steps = checks.steps(venv.python, report, arguments)
        # The tests start Python more than a hundred times: it is to read this code each time, and to compile it once.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        # Meanwhile the other core is idle.
        with checks.compiling_tests(venv.python, root, environment, arguments):
            results = [checks.run_step(step, root, environment, say) for step in steps[:-1]]
        results.append(checks.run_step(steps[-1], root, environment, say))
        counts = checks.read_report(report)
    lines, all_well = checks.summary(results, counts, os.environ.get("TICKSTOCK_FORBID_SKIPS") == "1")
    for line in lines:
        say(line)
    return 0 if all_well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

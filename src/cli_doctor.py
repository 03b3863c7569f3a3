"""`flask doctor`: what was looked at, a line each, and what to do."""

import json
import sys
import time
from collections.abc import Iterator, Sequence

import click

from src import __version__
from src.config.settings import Settings, settings_warnings
from src.doctor import examine
from src.infrastructure.doctor.finding import Finding, Verdict

_COLOURS = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


def doctor_command(settings: Settings) -> click.Command:
    """The command, for these settings."""

    @click.command("doctor")
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
    def doctor(as_json: bool) -> None:
        """Look at all that TickStock needs, and say what to do; the exit status is 1 when something does not work."""
        findings = examine(settings, settings_warnings(), time.time)
        failed = any(finding.verdict is Verdict.FAIL for finding in findings)
        click.echo(_as_json(findings, failed) if as_json else "\n".join(lines(findings)))
        sys.exit(failed)

    return doctor


def _as_json(findings: Sequence[Finding], failed: bool) -> str:
    checks = [finding._asdict() for finding in findings]
    return json.dumps({"version": __version__, "ok": not failed, "checks": checks}, indent=1)


def lines(findings: Sequence[Finding]) -> Iterator[str]:
    """A line for each finding, then what to do about those that are not well."""
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark = click.style(f"{finding.verdict.value:<4}", fg=_COLOURS[finding.verdict], bold=True)
        yield f"{mark}  {finding.name:<{width}}  {finding.sentence}"
    advised = [finding for finding in findings if finding.advice]
    yield "\nWhat to do:" if advised else "\nAll is well."
    for finding in advised:
        yield f"- {finding.name}: {finding.advice}"

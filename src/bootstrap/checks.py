"""The steps of a test run, and the summary of what they found."""

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

# Most tests wait more than they work: with four processes, two cores are busy. Each process begins with a run of
# neighbours, which share what they set up.
_AT_A_TIME = ("--numprocesses=4", "--dist=worksteal")


@dataclass(frozen=True, slots=True)
class Step:
    """One check: its name and its command."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepResult:
    """How a step ended, after how many seconds."""

    name: str
    ok: bool
    took_s: float


@dataclass(frozen=True, slots=True)
class Counts:
    """What pytest counted; errors outside of a test count as failed. `skips` counts each reason."""

    passed: int = 0
    failed: int = 0
    skips: Mapping[str, int] = field(default_factory=dict)

    @property
    def skipped(self) -> int:
        """How many tests were skipped."""
        return sum(self.skips.values())


def steps(python: Path, report: Path, pytest_arguments: Sequence[str]) -> list[Step]:
    """The checks in their order; pytest writes its counts to `report`."""
    run = (str(python), "-m")
    return [
        Step("ruff check", (*run, "ruff", "check")),
        Step("ruff format", (*run, "ruff", "format", "--check")),
        Step("mypy", (*run, "mypy")),
        Step("lint-imports", (str(python.with_name("lint-imports")),)),
        Step("pytest", (*run, "pytest", *_AT_A_TIME, f"--junitxml={report}", *pytest_arguments)),
    ]


@contextmanager
def compiling_tests(
    python: Path, root: Path, environment: Mapping[str, str], pytest_arguments: Sequence[str]
) -> Iterator[None]:
    """Meanwhile pytest reads the tests once, in silence; ends when both have.

    That leaves them compiled as pytest does it. Its processes begin at the same moment: each of them would compile
    every test by itself.
    """
    command = [str(python), "-m", "pytest", "--collect-only", "--quiet", *pytest_arguments]
    nobody = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=root, env=environment, stdin=nobody, stdout=nobody, stderr=nobody):  # noqa: S603 - our own checks
        yield


def run_step(step: Step, root: Path, environment: Mapping[str, str], say: Callable[[str], None]) -> StepResult:
    """Runs one check in the project's root, its output going to ours."""
    say(f"== {step.name}")
    started_s = time.monotonic()
    finished = subprocess.run(step.command, cwd=root, env=environment, check=False)  # noqa: S603 - our own checks
    took_s = time.monotonic() - started_s
    ok = finished.returncode == 0
    say(f"== {step.name}: {_verdict(ok)} ({took_s:.1f} s)\n")
    return StepResult(step.name, ok, took_s)


def read_report(report: Path) -> Counts:
    """The counts of pytest's JUnit file; all zero when it wrote none."""
    if not report.exists():
        return Counts()
    tests = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - pytest has just written it
    failed = [test for test in tests if test.find("failure") is not None or test.find("error") is not None]
    skips = [skip.get("message", "") for test in tests if (skip := test.find("skipped")) is not None]
    return Counts(len(tests) - len(failed) - len(skips), len(failed), Counter(skips))


def summary(results: Sequence[StepResult], counts: Counts, forbid_skips: bool) -> tuple[list[str], bool]:
    """The lines to end with, the plain counts being the last, and whether all is well."""
    lines = ["== Summary"]
    lines += [f"{result.name:<14}{_verdict(result.ok):<8}{result.took_s:6.1f} s" for result in results]
    skips_ok = not (forbid_skips and counts.skipped)
    if not skips_ok:
        lines.append(f"{'skips':<14}{_verdict(False)}  TICKSTOCK_FORBID_SKIPS is set")
    lines += [f"skipped {count}: {reason}" for reason, count in sorted(counts.skips.items())]
    lines.append(f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped")
    return lines, skips_ok and all(result.ok for result in results)


def _verdict(ok: bool) -> str:
    return "ok" if ok else "FAILED"

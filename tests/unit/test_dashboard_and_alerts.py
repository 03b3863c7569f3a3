"""The files for Prometheus and Grafana name the metrics, labels and values that `/metrics` exposes, and all of them."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from src.config.settings import PROJECT_ROOT
from src.infrastructure.websocket.refusals import KINDS
from tests.sites import StatusSite, now_ms
from tests.status_rows import connection, database_away, row

PROMETHEUS = PROJECT_ROOT / "deploy/prometheus"
DASHBOARD = PROJECT_ROOT / "deploy/grafana/tickstock.json"
GUIDE = PROJECT_ROOT / "docs/guides/monitoring.md"
# Exposed, and shown or watched by nothing of ours: why.
UNUSED = {
    "tickstock_last_aggregate_timestamp_seconds": "the same as since_last_aggregate, for those who prefer an instant",
    "tickstock_connection_last_message_timestamp_seconds": "the same as since_last_message",
    "tickstock_bars_bytes": "the free disk tells more; for those who watch a server's disk elsewhere",
    "tickstock_bars_growth_bytes_per_day": "as above",
    "tickstock_pruned_bars_total": "for those who keep so many days",
    "tickstock_pattern_waiting_symbols": "patterns are beside the bars; for those who rely on them",
    "tickstock_pattern_dropped_ticks_total": "nothing is lost by it; for those who look for what is slow",
    "tickstock_patterns_found_total": "for those who rely on patterns",
    "tickstock_patterns_taken_back_total": "as above",
    "tickstock_connection_frames_total": "aggregates tell more; for those who look for the size of frames",
}
# Labels that Prometheus adds to what it scrapes.
OF_PROMETHEUS = {"job": None, "instance": None}

Exposed = dict[str, dict[str, set[str]]]

_METRIC = re.compile(r"\b(tickstock_\w+|process_\w+|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(?:=|!=|=~|!~)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:on|by|without|ignoring)\s*\(([^)]*)\)")


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Exposed:
    """Each metric of an application with a full status row: its labels and their values."""
    site = StatusSite(tmp_path_factory.mktemp("site"))
    one = connection(1, now_ms(), refused_elements=dict.fromkeys(KINDS, 1))
    writer = database_away(now_ms())["writer"]
    site.report(row(one, connection(2, now_ms()), now_ms=now_ms(), writer=writer, last_lost_frame_time=1))
    found: Exposed = {}
    for family in text_string_to_metric_families(site.client.get("/metrics").text):
        for sample in family.samples:
            labels = found.setdefault(sample.name, defaultdict(set))
            for label, value in sample.labels.items():
                labels[label].add(value)
    site.close()
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return listed


def expressions() -> Iterator[tuple[str, str]]:
    """Where each expression stands, and the expression."""
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def named(expression: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The metrics of an expression, each with its matchers of labels."""
    for metric, matchers in _METRIC.findall(_GROUPING.sub("", expression)):
        yield metric, _MATCHER.findall(matchers)


EXPRESSIONS = list(expressions())


@pytest.mark.parametrize(("where", "expression"), EXPRESSIONS, ids=[where for where, _ in EXPRESSIONS])
def test_what_is_named_is_exposed(where: str, expression: str, exposed: Exposed) -> None:
    metrics = list(named(expression))
    assert metrics, where
    for metric, matchers in metrics:
        assert metric == "up" or metric in exposed, metric
        for label, value in matchers:
            known = {**exposed.get(metric, {}), **OF_PROMETHEUS}
            assert label in known, f"{metric} has no label {label}"
            assert known[label] is None or value in known[label], f"{metric} has no {label}={value}"
    for group in _GROUPING.findall(expression):
        assert {label.strip() for label in group.split(",")} <= {"job", "instance"}, group


def test_all_that_is_exposed_is_used_or_known_to_be_unused(exposed: Exposed) -> None:
    used = {metric for _, expression in EXPRESSIONS for metric, _ in named(expression)}
    ours = {metric for metric in exposed if metric.startswith("tickstock_")}
    assert len(ours) > 40
    assert ours - used == set(UNUSED)


def test_names_follow_prometheus(exposed: Exposed) -> None:
    for metric in exposed:
        assert re.fullmatch(r"(tickstock|process)(_[a-z]+)+", metric), metric
        assert not re.search(r"_(ms|milliseconds|minutes?_ago|mb|kb)\b", metric), metric


def labels_in(text: str) -> set[str]:
    return set(re.findall(r"(?:\$labels\.|\{\{)(\w+)", text))


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_with_labels_that_it_has(rule: dict[str, Any], exposed: Exposed) -> None:
    assert set(rule["annotations"]) == {"summary", "description"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    first, _ = next(iter(named(rule["expr"])))
    for label in labels_in(" ".join(rule["annotations"].values())):
        assert label in {**exposed.get(first, {}), **OF_PROMETHEUS}, label
    assert f"| `{rule['alert']}` |" in GUIDE.read_text()


def test_a_legend_names_labels_that_its_metric_has(exposed: Exposed) -> None:
    for panel in panels():
        for target in panel.get("targets", []):
            metric, _ = next(iter(named(target["expr"])))
            assert labels_in(target["legendFormat"]) <= set(exposed[metric]), panel["title"]


def test_every_alert_is_tested() -> None:
    tests = (PROMETHEUS / "alerts_test.yml").read_text()
    yaml.safe_load(tests)
    assert [rule["alert"] for rule in rules() if rule["alert"] not in tests] == []


def test_the_dashboard_is_one_that_grafana_can_import() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert {"title", "uid", "schemaVersion", "panels", "templating"} <= set(dashboard)
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels()):
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells
        taken |= cells


def test_the_example_scrapes_what_the_rules_are_about() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    assert [job["job_name"] for job in config["scrape_configs"]] == ["tickstock"]
    assert all((PROMETHEUS / name).exists() for name in config["rule_files"])


def test_the_guide_tells_of_every_metric_with_its_labels(exposed: Exposed) -> None:
    told = {
        metric: set(re.findall(r"`(\w+)`", labels))
        for metric, labels in re.findall(r"^\| `(tickstock_\w+)` \|([^|]*)\|", GUIDE.read_text(), re.MULTILINE)
    }
    assert told == {metric: set(labels) for metric, labels in exposed.items() if metric.startswith("tickstock_")}


def test_the_files_are_named_in_the_guide() -> None:
    text = GUIDE.read_text()
    for path in (*PROMETHEUS.iterdir(), DASHBOARD):
        assert str(Path(path).relative_to(PROJECT_ROOT)) in text

"""`/metrics`: what Prometheus is told, over a real database."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from src import __version__
from src.infrastructure.database.engines import sqlite_file
from src.infrastructure.observability.status_file import StatusFile
from tests.sites import StatusSite, now_ms
from tests.status_rows import (
    connection,
    database_away,
    fewer_granted,
    gaps_open,
    multi_live,
    one_down,
    one_paused,
    row,
    single_live,
)
from tests.waiting import wait_for

Labels = dict[str, str]
Found = dict[tuple[str, frozenset[tuple[str, str]]], float]

TWO = {"connection": "connection_2", "name": "connection_2"}


@pytest.fixture
def site(tmp_path: Path, sqlite_database_url: str) -> Iterator[StatusSite]:
    site = StatusSite(tmp_path, DATABASE_URL=sqlite_database_url)
    yield site
    site.close()


def scrape(site: StatusSite) -> Found:
    """The samples by name and labels; each series may come once only."""
    answer = site.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    found: Found = {}
    for sample in samples(answer.text):
        key = (sample.name, frozenset(sample.labels.items()))
        assert key not in found, key
        found[key] = sample.value
    return found


def samples(text: str) -> list[Sample]:
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def value(found: Found, metric: str, **labels: str) -> float | None:
    return found.get((metric, frozenset(labels.items())))


def settled(site: StatusSite, metric: str, wanted: float | None, **labels: str) -> Found:
    """A scrape once the application has seen the row that was just written."""
    wait_for(lambda: value(scrape(site), metric, **labels) == wanted)
    return scrape(site)


def test_before_a_first_report_there_is_the_program_alone(site: StatusSite) -> None:
    found = scrape(site)
    assert value(found, "tickstock_build_info", version=__version__) == 1
    assert value(found, "tickstock_database_up") == 1
    assert value(found, "process_resident_memory_bytes") > 1e6
    assert value(found, "tickstock_disk_free_bytes") > 0
    assert not [name for name, _ in found if name.startswith(("tickstock_connection", "tickstock_status"))]


def test_three_connections_of_which_one_is_down(site: StatusSite) -> None:
    site.report(one_down(now_ms()))
    found = scrape(site)
    one = {"connection": "connection_1", "name": "primary"}
    assert (value(found, "tickstock_connection_up", **one), value(found, "tickstock_connection_up", **TWO)) == (1, 0)
    assert value(found, "tickstock_connection_condition", condition="down", **TWO) == 1
    assert sum(n for (name, labels), n in found.items() if name == "tickstock_connection_condition") == 3
    assert value(found, "tickstock_connection_tickers", **one) == 150
    assert value(found, "tickstock_connection_own_tickers", **one) == 100
    assert value(found, "tickstock_connection_borrowed_tickers", **one) == 50
    assert value(found, "tickstock_connection_lent_tickers", **TWO) == 100
    assert value(found, "tickstock_connection_messages_total", **one) == 15_000
    assert value(found, "tickstock_connection_errors_total", kind="dropped", **one) == 1
    assert value(found, "tickstock_connection_reconnects_total", **one) == 1
    assert 4 <= value(found, "tickstock_connection_since_last_message_seconds", **TWO) < 129
    assert value(found, "tickstock_connection_start_timestamp_seconds", **TWO) is None


def test_the_pipeline_in_base_units(site: StatusSite) -> None:
    site.report(multi_live(now_ms()))
    found = scrape(site)
    assert value(found, "tickstock_event_to_commit_seconds", quantile="0.99") == pytest.approx(0.041)
    assert value(found, "tickstock_event_to_commit_seconds", quantile="0.5") == pytest.approx(0.0095)
    assert value(found, "tickstock_bars_committed_total") == 9000
    assert value(found, "tickstock_commits_total") == 100
    assert value(found, "tickstock_live_flush_seconds") == 0.02
    assert value(found, "tickstock_writer_failing_seconds") == 0
    assert 0.5 <= value(found, "tickstock_status_age_seconds") < 120
    assert value(found, "tickstock_feed_info", feed="massive") == 1


def test_gaps_the_spool_and_the_last_comparison(site: StatusSite) -> None:
    site.report(gaps_open(now_ms()))
    found = scrape(site)
    assert value(found, "tickstock_open_gaps") == 4
    assert value(found, "tickstock_repair_waiting_symbols") == 57
    assert value(found, "tickstock_repair_requests_total") == 140
    assert value(found, "tickstock_repaired_bars_total") == 2_300
    states = {state: value(found, "tickstock_repair_state", state=state) for state in ("idle", "asking", "refused")}
    assert states == {"idle": 0, "asking": 1, "refused": 0}
    assert value(found, "tickstock_reconciled_bars", kind="differed") == 12
    assert value(found, "tickstock_reconciliation_timestamp_seconds") == pytest.approx(now_ms() / 1000 - 3600, abs=30)
    assert value(found, "tickstock_storage_room_seconds") is None
    site.report(database_away(now_ms()))
    found = settled(site, "tickstock_spooled_bars", 12_000)
    assert value(found, "tickstock_spooled_bytes") == 1_900_000
    assert value(found, "tickstock_storage_room_seconds") == 32_400
    assert value(found, "tickstock_writer_failing_seconds") == 600


def test_a_connection_that_is_gone_leaves_no_series(site: StatusSite) -> None:
    site.report(multi_live(now_ms()))
    assert "connection_3" in site.client.get("/metrics").text
    site.report(single_live(now_ms()))
    wait_for(lambda: "connection_3" not in site.client.get("/metrics").text)


def test_a_process_that_reports_no_more_has_no_connection_up(site: StatusSite) -> None:
    site.report(multi_live(now_ms() - 60_000))
    found = scrape(site)
    assert value(found, "tickstock_status_age_seconds") >= 60
    assert value(found, "tickstock_connection_up", **TWO) == 0
    assert value(found, "tickstock_connection_condition", condition="down", **TWO) == 1
    assert value(found, "tickstock_connection_start_timestamp_seconds", **TWO) is None
    assert value(found, "tickstock_feed_condition", condition="down") == 1


def test_paused_and_resting_connections_are_not_down(site: StatusSite) -> None:
    three = {"connection": "connection_3", "name": "connection_3"}
    site.report(one_paused(now_ms()))
    assert value(scrape(site), "tickstock_connection_condition", condition="paused", **three) == 1
    site.report(fewer_granted(now_ms()))
    found = settled(site, "tickstock_connection_granted", 0, **three)
    assert value(found, "tickstock_connection_condition", condition="disabled", **three) == 1


def test_a_row_of_an_older_version_is_told_without_what_it_lacks(site: StatusSite) -> None:
    older = single_live(now_ms())
    for key in ("connections", "pipeline", "mode", "lost_frames", "repair", "reconciliation"):
        del older[key]
    del older["writer"]["storage"]
    site.report(older)
    found = scrape(site)
    assert value(found, "tickstock_bars_committed_total") == 9000
    assert value(found, "tickstock_lost_frames_total") is None
    absent = ("tickstock_connection", "tickstock_event", "tickstock_spool", "tickstock_repair", "tickstock_reconcil")
    assert not [name for name, _ in found if name.startswith(absent)]


def test_nothing_is_labelled_by_symbol_or_secret(site: StatusSite) -> None:
    site.report(one_down(now_ms()))
    text = site.client.get("/metrics").text
    allowed = {"connection", "name", "condition", "kind", "quantile", "state", "phase", "feed", "version"}
    assert {label for sample in samples(text) for label in sample.labels} <= allowed


def test_odd_names_are_escaped(site: StatusSite) -> None:
    odd = 'a"b\\c\nd'
    site.report(row(connection(now_ms=now_ms(), name=odd), now_ms=now_ms()))
    assert value(scrape(site), "tickstock_connection_up", connection="connection_1", name=odd) == 1


def test_a_scrape_succeeds_without_the_database(site: StatusSite) -> None:
    site.report(multi_live(now_ms()))
    assert value(scrape(site), "tickstock_database_up") == 1
    with closing(sqlite3.connect(sqlite_file(site.settings.database_url))) as other:
        other.execute("ALTER TABLE service_state RENAME TO taken_away")
        found = settled(site, "tickstock_database_up", 0)
        other.execute("ALTER TABLE taken_away RENAME TO service_state")
    assert value(found, "tickstock_build_info", version=__version__) == 1
    assert value(found, "tickstock_session_open") in (0, 1)
    assert not [name for name, _ in found if name.startswith("tickstock_connection")]
    settled(site, "tickstock_database_up", 1)


def test_without_the_database_a_scrape_has_what_ingestion_tells_on_this_machine(site: StatusSite) -> None:
    site.report(multi_live(now_ms()))
    assert value(scrape(site), "tickstock_spooled_bars") == 0
    with closing(sqlite3.connect(sqlite_file(site.settings.database_url))) as other:
        other.execute("ALTER TABLE service_state RENAME TO taken_away")
        settled(site, "tickstock_database_up", 0)
        StatusFile(site.settings.data_dir / "status.json").write(database_away(now_ms()))
        found = scrape(site)
        other.execute("ALTER TABLE taken_away RENAME TO service_state")
    assert value(found, "tickstock_database_up") == 0
    assert value(found, "tickstock_spooled_bars") == 12_000
    assert value(found, "tickstock_writer_failing_seconds") == 600
    assert value(found, "tickstock_feed_info", feed="massive") == 1


def test_the_ingesting_half_has_metrics_too(tmp_path: Path, sqlite_database_url: str) -> None:
    site = StatusSite(tmp_path, DATABASE_URL=sqlite_database_url, ROLE="ingest")
    site.report(single_live(now_ms()))
    assert value(scrape(site), "tickstock_bars_committed_total") == 9000
    site.close()


def test_applications_share_no_registry(site: StatusSite, tmp_path: Path) -> None:
    other = StatusSite(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/other.db")
    site.report(multi_live(now_ms()))
    assert "connection_3" in site.client.get("/metrics").text
    assert "connection_3" not in other.client.get("/metrics").text
    other.close()


def test_openmetrics_is_spoken_to_those_who_ask_for_it(site: StatusSite) -> None:
    site.report(multi_live(now_ms()))
    answer = site.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type.startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")

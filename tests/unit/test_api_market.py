"""Market state through its endpoints, over a real database."""

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from src.core.analytics.rankings import FIGURES
from tests.bars import bar, day
from tests.market_site import OPENED, MarketSite, trading_days, walks
from tests.waiting import wait_for

TODAY = dt.date(2025, 11, 20)
MEMBERS = ["AAPL", "MSFT", "XOM", "CVX", "NEW"]
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
VIEWS = ("rankings", "breadth", "sectors", "stages", "sentiment", "snapshot")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[MarketSite]:
    """At 11:00 New York on a Thursday: 299 whole days of four members and of what they are compared with, an hour and a
    half of the fifth day's minutes; a fifth member that began six days ago."""
    url = f"sqlite:///{shutil.copy(migrated_file, tmp_path_factory.mktemp('market') / 'bars.db')}"
    site = MarketSite(url, OPENED + HOUR_MS + HOUR_MS // 2)
    before = trading_days(TODAY - dt.timedelta(days=1), 299)
    site.database.merge_daily(walks([*MEMBERS[:4], "SPY", "XLE", "XLK"], before))
    site.database.merge_daily(walks(["NEW"], before[-6:], seed=2))
    site.database.merge(
        [
            bar(symbol, OPENED + minute * MINUTE_MS, close=100.0 + minute, volume=10.0)
            for symbol in ["AAPL", "MSFT", "NEW"]
            for minute in range(90)
        ]
    )
    site.group("few", MEMBERS)
    yield site
    site.close()


def test_the_head_says_which_symbols_of_which_time_and_how_many_are_known(site: MarketSite) -> None:
    for view in VIEWS:
        body = site.get(f"market/{view}?universe=few")
        assert (body["view"], body["universe"], body["members"], body["with_data"]) == (view, "few", 5, 3)
        assert (body["date"], body["data_time"], body["provisional"]) == ("2025-11-20", OPENED + 90 * MINUTE_MS, True)
        assert (body["days"], body["days_with_data"], body["as_of"]) == (300, 300, None)


def test_rankings_are_sorted_filtered_and_paged_and_say_why_a_figure_is_absent(site: MarketSite) -> None:
    body = site.get("market/rankings?universe=few&sort=price&order=asc&limit=2&offset=1")
    assert (body["total"], body["with_figure"], len(body["rows"])) == (5, 3, 2)
    everything = site.get("market/rankings?universe=few&sort=price&order=asc")["rows"]
    assert everything[1:3] == body["rows"]
    assert [row["symbol"] for row in everything] == ["AAPL", "MSFT", "NEW", "CVX", "XOM"]
    (row,) = [row for row in everything if row["symbol"] == "NEW"]
    assert list(row["figures"]) == [figure.name for figure in FIGURES]
    assert body["reasons"][body["rows"][1]["absent"]["change_252d"]] == "Needs 253 days; 7 are stored."
    assert row["figures"]["change_252d"] is None
    energy = site.get("market/rankings?universe=few&sector=Energy&columns=price,gap&sort=symbol")
    assert [row["symbol"] for row in energy["rows"]] == ["XOM", "CVX"]
    assert [column["name"] for column in energy["columns"]] == ["price", "gap"]
    assert energy["reasons"][energy["rows"][0]["absent"]["price"]] == "Has not traded on 2025-11-20."
    assert energy["sectors"] == [{"sector": "Energy", "members": 2}, {"sector": "Information Technology", "members": 2}]


def test_breadth_sectors_stages_and_sentiment_of_the_same_moment(site: MarketSite) -> None:
    breadth = site.get("market/breadth?universe=few&days=3")
    assert breadth["daily"]["dates"] == ["2025-11-18", "2025-11-19", "2025-11-20"]
    assert breadth["daily"]["counted"] == [5, 5, 3]
    assert breadth["intraday"]["times"][:2] == [OPENED + 5 * MINUTE_MS, OPENED + 10 * MINUTE_MS]
    assert breadth["intraday"]["counted"] == [3] * 18
    assert breadth["intraday"]["advancers"][-1] == breadth["daily"]["advancers"][-1]
    sectors = site.get("market/sectors?universe=few&tail=2")
    assert [(one["sector"], one["etf"], one["members"]) for one in sectors["groups"]] == [
        ("Energy", "XLE", 2),
        ("Information Technology", "XLK", 2),
    ]
    assert sectors["without_sector"] == 1
    energy = sectors["groups"][0]
    assert len(energy["by_etf"]["tail"]) == len(energy["by_members"]["tail"]) == 2
    assert energy["by_members"]["changes"]["1"] == {"change": None, "counted": 0}
    assert sectors["reasons"][energy["by_members"]["absent"]["change_1d"]]
    stages = site.get("market/stages?universe=few&sort=stage&order=desc")
    assert (stages["week"], stages["counted"], stages["total"]) == ("2025-11-17", 4, 5)
    assert stages["rows"][-1]["symbol"] == "NEW"
    assert stages["reasons"][stages["rows"][-1]["absent"]["stage"]] == "Needs 34 weeks; 2 are stored."
    assert sum(stages["counts"].values()) == 4
    sentiment = site.get("market/sentiment?universe=few&days=3")
    assert [part["name"] for part in sentiment["parts"]][-1] == "volatility"
    assert len(sentiment["history"]["gauge"]) == 3
    snapshot = site.get("market/snapshot?universe=few")
    assert snapshot["stages"]["counts"] == stages["counts"]
    assert snapshot["sentiment"]["gauge"] == sentiment["gauge"] == sentiment["history"]["gauge"][-1]
    assert (snapshot["breadth"]["counted"], len(snapshot["leaders"])) == (3, 3)


def test_a_page_that_has_the_answer_is_told_that_nothing_changed(site: MarketSite) -> None:
    first = site.ask("market/stages?universe=few")
    assert first.headers["Cache-Control"] == "no-cache"
    again = site.ask("market/stages?universe=few", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    other = site.ask("market/stages?universe=few&limit=1", **{"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200
    before = site.get("market/rankings?universe=few&columns=price&sort=symbol&order=asc&limit=1")
    site.database.merge([bar("AAPL", OPENED + 90 * MINUTE_MS, close=500.0)])
    assert before["rows"][0]["figures"] == {"price": 189.0}
    page = "market/rankings?universe=few&columns=price&sort=symbol&order=asc&limit=1"
    wait_for(lambda: site.get(page)["rows"][0]["figures"] == {"price": 500.0})
    after = site.get(page)
    assert after["tag"] != before["tag"]
    assert after["data_time"] == site.clock.at_ms  # the newest minute is not over


def test_the_poll_brings_market_state_along(site: MarketSite) -> None:
    poll = "ticks/recent?symbol=AAPL&limit=1&market="
    question = "rankings?universe=few&sort=gap&limit=2"
    wait_for(lambda: "rows" in site.get(poll + quote(question))["market"])
    answer = site.ask(poll + quote(question))
    body = answer.json
    assert body is not None
    assert body["market"] == site.get(f"market/{question}")
    assert len(body["ticks"]) == 1
    known = f"{poll}{quote(question)}&market_tag={quote(body['market']['tag'])}"
    assert site.get(known)["market"] == {"view": "rankings", "tag": body["market"]["tag"]}
    same = site.ask(poll + quote(question), **{"If-None-Match": answer.headers["ETag"]})
    assert same.status_code == 304
    assert "market" not in site.get("ticks/recent?symbol=AAPL")


def test_what_is_wrong_with_the_question_does_not_keep_the_poll_from_its_bars(site: MarketSite) -> None:
    for question, code, words in (
        ("ranking", "bad_parameter", "allowed are rankings, breadth"),
        ("rankings?sort=beauty", "bad_parameter", "change_1d"),
        ("rankings?universe=nothing", "unknown_universe", "nothing"),
        ("", "bad_parameter", "There is no view"),
    ):
        body = site.get(f"ticks/recent?symbol=AAPL&limit=1&market={quote(question)}")
        assert (body["market"]["tag"], body["market"]["error"]["code"]) == (None, code)
        assert words in body["market"]["error"]["message"]
        assert len(body["ticks"]) == 1
    assert "market_tag goes with market" in str(site.get("ticks/recent?symbol=AAPL&market_tag=1", 400))


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("rankings?sort=beauty", 400, "allowed are symbol, price, volume, change_1d"),
        ("rankings?order=up", 400, "allowed are asc and desc"),
        ("rankings?columns=price,beauty", 400, "allowed are, with commas between, price"),
        ("rankings?columns=", 400, "allowed are, with commas between, price"),
        ("rankings?limit=0", 400, "from 1 to 1000"),
        ("rankings?offset=-1", 400, "from 0 to 1000000"),
        ("rankings?sector=", 400, "the answer lists them"),
        ("rankings?days=3", 400, "There is no parameter 'days'"),
        ("stages?stage=5", 400, "allowed are 1, 2, 3 and 4"),
        ("breadth?days=0", 400, "from 1 to 300"),
        ("sectors?tail=27", 400, "from 0 to 26"),
        ("snapshot?as_of=2025-11-21", 400, "from 1970-01-02 to 2025-11-20"),
        ("snapshot?as_of=2025-02-30", 400, "from 1970-01-02 to 2025-11-20"),
        ("snapshot?as_of=today", 400, "from 1970-01-02 to 2025-11-20"),
        ("snapshot?universe=fwe", 404, "Did you mean few?"),
    ],
)
def test_what_cannot_be_asked_is_named_with_what_can(site: MarketSite, path: str, status: int, words: str) -> None:
    assert words in site.get(f"market/{path}", status)["error"]["message"]


def test_a_universe_without_a_symbol_or_without_a_bar_says_so(site: MarketSite) -> None:
    site.group("nobody", [])
    site.group("unheard", ["CVX"])
    for view in VIEWS:
        body = site.get(f"market/{view}?universe=nobody")
        assert (body["members"], body["with_data"], body["date"]) == (0, 0, "2025-11-19")
        assert body["notes"] == ["The universe has no symbols of which anything is stored."]
        body = site.get(f"market/{view}?universe=unheard&as_of=1999-12-31")
        assert (body["members"], body["date"], body["data_time"]) == (1, None, None)
        assert body["notes"] == ["No daily bar is stored of any of its symbols."]


def test_a_past_date_is_told_as_it_was_then(site: MarketSite) -> None:
    told = [site.get(f"market/{view}?universe=few&as_of=2025-11-16") for view in VIEWS]  # a Sunday
    assert {(body["as_of"], body["date"], body["provisional"]) for body in told} == {
        ("2025-11-16", "2025-11-14", False)
    }
    present_ms = site.clock.at_ms
    site.clock.at_ms = OPENED - 6 * 24 * HOUR_MS + 7 * HOUR_MS  # that Friday, at 16:30
    try:
        wait_for(lambda: site.get("market/snapshot?universe=few")["date"] == "2025-11-14")
        for view, past in zip(VIEWS, told, strict=True):
            then = site.get(f"market/{view}?universe=few")
            different = {"tag", "calculated_at", "as_of"}
            assert {name: past[name] for name in past if name not in different} == {
                name: then[name] for name in then if name not in different
            }
    finally:
        site.clock.at_ms = present_ms


def test_a_minute_of_long_ago_that_is_revised_counts_as_it_is_now(site: MarketSite) -> None:
    site.clock.passed_s += 60  # what earlier tests asked is no more followed
    page = "market/rankings?universe=few&columns=since_open&sort=symbol&order=asc&limit=1"
    wait_for(lambda: site.get(page)["date"] == "2025-11-20")
    before = site.get(page)["rows"][0]["figures"]["since_open"]
    site.database.merge([bar("AAPL", OPENED, close=50.5, observed_at=9)])  # it opened at 99.5; now at 50.0
    wait_for(lambda: site.get(page)["rows"][0]["figures"]["since_open"] != before)
    assert site.get(page)["rows"][0]["figures"]["since_open"] == pytest.approx((before + 1) * 99.5 / 50 - 1)


def test_after_the_close_a_day_is_made_of_minutes_until_the_vendor_tells_it(site: MarketSite) -> None:
    site.clock.at_ms = OPENED + 7 * HOUR_MS
    page = "market/rankings?universe=few&columns=price&sort=symbol&order=asc"
    words = "The day of 3 symbols is made of their minutes; the vendor's own bar of it is not there."
    wait_for(lambda: site.get(page)["data_time"] == OPENED + 390 * MINUTE_MS)
    body = site.get(page)
    assert (body["provisional"], body["notes"]) == (True, [words])
    days = [day("AAPL", TODAY, close=777.0), day("MSFT", TODAY, close=778.0), day("XOM", TODAY, close=5.0)]
    site.database.merge_daily([*days, day("NEW", TODAY, close=6.0)])
    wait_for(lambda: not site.get(page)["provisional"])
    prices = [row["figures"]["price"] for row in site.get(page)["rows"]]
    assert prices == [777.0, None, 778.0, 6.0, 5.0]

"""Universes as a parameter of the read API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bars import MINUTE, bar
from tests.unit.test_api import Site
from tests.waiting import wait_for


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    site.database.merge([bar(symbol, MINUTE) for symbol in ("MMM", "WMT", "BRK.B", "ASML")])
    yield site
    site.database.close()


def test_the_bars_of_a_universe(site: Site) -> None:
    body = site.get("/api/ticks/recent?universe=dow30")
    assert [tick["symbol"] for tick in body["ticks"]] == ["MMM", "WMT"]
    assert body["unknown"] == []


def test_the_bars_of_a_union_of_more_than_500(site: Site) -> None:
    body = site.get("/api/ticks/recent?universe=SPY:nasdaq100&limit=5")
    assert [tick["symbol"] for tick in body["ticks"]] == ["ASML", "BRK.B", "MMM", "WMT"]


def test_the_quotes_of_a_universe(site: Site) -> None:
    assert [quote["symbol"] for quote in site.get("/api/quotes?universe=SPY:nasdaq100")["quotes"]] == [
        "MMM", "BRK.B", "WMT", "ASML"
    ]  # fmt: skip


def test_parts_of_a_universe_that_do_not_exist_are_told(site: Site) -> None:
    body = site.get("/api/ticks/recent?universe=nope:dow30")
    assert (body["count"], body["unknown"]) == (2, ["nope"])


@pytest.mark.parametrize("path", ["/api/ticks/recent", "/api/quotes"])
def test_a_universe_that_does_not_exist_is_404_with_what_does(site: Site, path: str) -> None:
    near = site.error(f"{path}?universe=nasdaq", 404, "unknown_universe")
    assert "No universe is called 'nasdaq'. Did you mean nasdaq100?" in near
    other = site.error(f"{path}?universe=zzzz", 404, "unknown_universe")
    assert "There are DIA, QQQ, SPY," in other


@pytest.mark.parametrize("universe", ["", "%3Cscript%3E", "'%20OR%201=1", "x" * 3000, ":" * 3000])
def test_nonsense_is_404_and_bounded(site: Site, universe: str) -> None:
    assert len(site.error(f"/api/quotes?universe={universe}", 404, "unknown_universe")) < 600


def test_readers_are_told_what_universes_there_are_and_what_is_not_listened_to(site: Site) -> None:
    site.database.set_state("universe", {"key": "SYMBOLS", "symbols": ["MMM", "WMT"], "unknown": [], "changed_at": 1})
    listening, *named = site.get("/api/universes")["universes"]
    assert (listening["key"], listening["count"]) == ("listening", 2)
    assert listening["description"] == "What the feed listens to: SYMBOLS"
    counts = {one["key"]: one["count"] for one in named}
    assert counts["dow30"] == 30
    for key, count in counts.items():
        assert site.get(f"/api/universes/{key}")["count"] == count, key
    dow = site.get("/api/universes/dow30:nope")
    assert (dow["symbols"][0], dow["unknown"], len(dow["unheard"])) == ("MMM", ["nope"], 28)
    assert {"MMM", "WMT"}.isdisjoint(dow["unheard"])
    site.database.set_state("universe", {"key": "*", "symbols": ["*"], "unknown": [], "changed_at": 2})
    wait_for(lambda: site.get("/api/universes/listening")["symbols"] == ["ASML", "BRK.B", "MMM", "WMT"])
    assert site.get("/api/universes/dow30")["unheard"] == []


def test_a_part_of_a_universe_is_asked_for_by_where_it_begins(site: Site) -> None:
    symbols = site.get("/api/universes/SPY:nasdaq100")["symbols"]
    place = symbols.index("WMT")
    assert site.get(f"/api/universes/SPY:nasdaq100?offset={place}")["symbols"] == symbols[place:]
    quotes = site.get(f"/api/quotes?universe=SPY:nasdaq100&offset={place}")["quotes"]
    assert [quote["symbol"] for quote in quotes] == ["WMT", "ASML"]
    body = site.get(f"/api/ticks/recent?universe=SPY:nasdaq100&offset={place + 1}")
    assert [tick["symbol"] for tick in body["ticks"]] == ["ASML"]
    assert "universe=dow30" in site.error("/api/quotes?symbols=WMT&offset=1", 400, "bad_parameter")

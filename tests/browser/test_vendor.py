"""The libraries kept beside the pages are the ones VENDOR.json names, with their licence and notice."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from .scripted_server import WEB_DIR

VENDOR_DIR = WEB_DIR / "static" / "vendor"
TESTS_VENDOR_DIR = Path(__file__).parent / "vendor"


@pytest.mark.parametrize("vendor_dir", [VENDOR_DIR, TESTS_VENDOR_DIR], ids=["pages", "tests"])
def test_every_kept_file_has_the_hash_that_is_written_down(vendor_dir: Path) -> None:
    listed: dict[str, str] = {}
    for entry in json.loads((vendor_dir / "VENDOR.json").read_text()):
        listed |= entry["sha256"]
        assert f"{entry['name']}/LICENSE.txt" in entry["sha256"]
        assert f"{entry['name']}/NOTICE.txt" in entry["sha256"]
    kept = {
        str(path.relative_to(vendor_dir)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor_dir.rglob("*")
        if path.is_file() and path.name != "VENDOR.json"
    }
    assert kept == listed


def test_the_page_shows_the_notice_that_the_licence_asks_for() -> None:
    page = " ".join((WEB_DIR / "templates" / "dashboard.html").read_text().split())
    first, second = (VENDOR_DIR / "lightweight-charts" / "NOTICE.txt").read_text().splitlines()
    words, address = second.rsplit(" ", 1)
    assert f"{first} {words}" in page
    assert f'href="{address}"' in page


def test_all_scripts_and_styles_together_are_small() -> None:
    """Those of all pages, as a proxy that compresses would send them."""
    files = [path for path in (WEB_DIR / "static").rglob("*") if path.suffix in {".js", ".mjs", ".css", ".svg"}]
    assert len(files) > 50
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < 300_000

"""What axe-core, kept beside the tests, finds wrong with a page for those who do not see it, or not well."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_AXE = (Path(__file__).parent / "vendor/axe-core/axe.min.js").read_text()


def complaints(page: Page) -> list[str]:
    """What is serious or critical, in what is shown."""
    page.evaluate(_AXE)
    found: list[dict[str, Any]] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [str((one["id"], one["nodes"][:2])) for one in found if one["impact"] in {"serious", "critical"}]

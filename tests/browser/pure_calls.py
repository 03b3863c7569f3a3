"""The pure functions of the pages, called where they belong: in the browser, as the modules it loads."""

from typing import Any

from playwright.sync_api import Page


def call(page: Page, module: str, function: str, *arguments: Any) -> Any:
    """Call an exported function of one of the pages' modules, such as `admin/verdict`."""
    return page.evaluate(
        "async ([module, name, args]) => (await import(`/static/js/${module}.js`))[name](...args)",
        [module, function, list(arguments)],
    )

"""How official a REST answer is, by when it was asked for."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from src.core.domain.market.bar import Tier
from src.core.domain.market.rest_evidence import rest_tier


def new_york_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York")).timestamp() * 1000)


@pytest.mark.parametrize(
    ("minute", "asked", "tier"),
    [
        ("2025-11-20T09:30", "2025-11-20T09:30:59.999", None),
        ("2025-11-20T09:30", "2025-11-20T09:31:00", Tier.EARLY),
        ("2025-11-20T09:30", "2025-11-20T09:50:59.999", Tier.EARLY),
        ("2025-11-20T09:30", "2025-11-20T09:51:00", Tier.OFFICIAL),
        ("2025-11-20T09:30", "2025-11-21T10:59:59", Tier.OFFICIAL),
        ("2025-11-20T09:30", "2025-11-21T11:00:00", Tier.FINAL),
        ("2025-11-20T19:59", "2025-11-21T11:00:00", Tier.FINAL),
        ("2025-11-01T12:00", "2025-11-02T11:00:00", Tier.FINAL),  # the clocks change in between
    ],
)
def test_the_tier_of_an_answer(minute: str, asked: str, tier: Tier | None) -> None:
    assert rest_tier(new_york_ms(minute), new_york_ms(asked)) is tier

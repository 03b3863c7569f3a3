"""What the answers about market state hold."""

from collections.abc import Mapping

from src.core.analytics.breadth import AVERAGES, EXTREMES
from src.core.analytics.rankings import FIGURES
from src.core.analytics.sector_rotation import WINDOWS
from src.presentation.api.market_questions import ORDERS, RANKING_SORTS
from src.presentation.api.market_stages import STAGE_SORTS
from src.presentation.api.openapi.parts import (
    Part,
    count,
    fields,
    flag,
    items,
    mapping,
    moment,
    number,
    or_null,
    ref,
    text,
    whole,
)

_MAYBE = or_null(number())
_COUNTS, _NUMBERS, _MAYBES = items(count()), items(number()), items(_MAYBE)
_PLACE = or_null(count("The place in `reasons` of why that is absent."))
_ABSENT = mapping(count(), "Of figures that are null: the place in `reasons` of why.")
_STAGES = ("1", "2", "3", "4")
_DATE = text(format="date")
_NAMED = {
    "symbol": text("As the feed spells it."),
    "name": or_null(text("The company's or the fund's.")),
    "sector": or_null(text()),
}
_HEAD: Mapping[str, Part] = {
    "view": text(enum=["rankings", "breadth", "sectors", "stages", "sentiment", "snapshot"]),
    "tag": text("What this answer is; for `market_tag`."),
    "universe": text("The key that was asked for."),
    "members": count("Symbols of it that the database has: what shares are shares of."),
    "with_data": count("Of those, so many have a bar of `date`."),
    "unknown": items(text(), "Parts of the key, and symbols of it, that the database does not have."),
    "as_of": or_null(text("The date that was asked for.", format="date")),
    "date": or_null(text("The last trading day in it. Null: nothing is stored.", format="date")),
    "data_time": or_null(moment("The end of the newest minute in it; of a whole day its regular close.")),
    "provisional": flag("The day is not over, or not all of it comes from the vendor yet."),
    "calculated_at": moment("When that was calculated."),
    "days": count("Trading days that were looked at."),
    "days_with_data": count("Of those, so many have a bar of any member."),
    "notes": items(text(), "What is missing at large, in sentences."),
    "reasons": items(text(), "Why figures are absent, in sentences: the places in `absent` lead here."),
}
_LISTED: Mapping[str, Part] = {
    "order": text(enum=list(ORDERS)),
    "sector": or_null(text("The one that was asked for.")),
    "limit": count("As asked for."),
    "offset": count("As asked for."),
    "sectors": items(fields({"sector": text(), "members": count()}), "Sectors of the universe, by name."),
    "total": count("Rows without the limit."),
}
_MOVES_BY_TIME: Mapping[str, Part] = {
    "advancers": _COUNTS,
    "decliners": _COUNTS,
    "unchanged": _COUNTS,
    "counted": items(count(), "Symbols that could be counted: what the three are parts of."),
    "up_volume": items(number(), "Shares."),
    "down_volume": items(number(), "Shares."),
    "unchanged_volume": items(number(), "Shares."),
    "mean_change": items(_MAYBE, "As a fraction."),
    "trin": _MAYBES,
    "line": items(_MAYBE, "Advancers less decliners: by day summed up, within a day up to that point."),
}


def _by_bars(bars: tuple[int, ...], schema: Part) -> Part:
    return fields({str(one): schema for one in bars})


_TIMES: Mapping[str, Part] = {
    "above_average": _by_bars(AVERAGES, fields({"above": _COUNTS, "counted": _COUNTS, "share": _MAYBES})),
    "new_extremes": _by_bars(EXTREMES, fields({"highs": _COUNTS, "lows": _COUNTS, "counted": _COUNTS})),
}
_ROTATED = fields(
    {
        "changes": fields(
            {
                str(days): fields({"change": _MAYBE, "counted": count("Symbols that it is the mean of.")})
                for days in WINDOWS
            }
        ),
        "ratio": or_null(number("Relative strength against its own half year; 100 is even.")),
        "momentum": or_null(number("That ratio against its two months; 100 is even.")),
        "quadrant": or_null(text(enum=["leading", "weakening", "lagging", "improving", None])),
        "tail": items(
            fields({"week": text("Its Monday.", format="date"), "ratio": number(), "momentum": number()}),
            "Oldest first.",
        ),
        "absent": _ABSENT,
    }
)
_STAGE_COUNTS: Mapping[str, Part] = {
    "counts": fields(dict.fromkeys(_STAGES, count())),
    "counted": count("Symbols that have a stage."),
}


def _answer(description: str, own: Mapping[str, Part]) -> Part:
    return fields({**_HEAD, **own}, description=description)


SCHEMAS: dict[str, Part] = {
    "MarketRankings": _answer(
        "Symbols by a figure.",
        {
            "benchmark": text("What strength is relative to."),
            "sort": text(enum=list(RANKING_SORTS)),
            **_LISTED,
            "with_figure": count("Of `total` so many have the figure that is sorted by."),
            "ranked": count("Symbols that have a strength: what the percentile is a share of."),
            "columns": items(
                fields(
                    {
                        "name": text(),
                        "label": text("For the head of a column."),
                        "unit": text(enum=["dollars", "shares", "fraction", "ratio", "percentile"]),
                        "meaning": text("In a sentence's part."),
                    }
                )
            ),
            "rows": items(
                fields(
                    {
                        **_NAMED,
                        "figures": fields(
                            {figure.name: _MAYBE for figure in FIGURES}, optional=[figure.name for figure in FIGURES]
                        ),
                        "absent": _ABSENT,
                        "lower": or_null(number("Symbols whose strength is lower, and half of those with the same.")),
                    }
                )
            ),
        },
    ),
    "MarketBreadth": _answer(
        "How many symbols take part.",
        {
            "daily": fields(
                {
                    "dates": items(_DATE, "Ascending; the other lists are as long."),
                    **_MOVES_BY_TIME,
                    "oscillator": _MAYBES,
                    "summation": _MAYBES,
                    **_TIMES,
                    "absent": _ABSENT,
                }
            ),
            "intraday": or_null(
                fields(
                    {
                        "times": items(moment("The end of each five minutes.")),
                        **_MOVES_BY_TIME,
                        **_TIMES,
                    }
                )
            ),
            "intraday_absent": _PLACE,
        },
    ),
    "MarketSectors": _answer(
        "How sectors do against the benchmark.",
        {
            "week": or_null(text("The Monday of the last week.", format="date")),
            "week_provisional": flag("That week is not over: the last points of the tails may move."),
            "benchmark": text(),
            "windows": items(whole("Trading days.")),
            "benchmark_changes": fields({str(days): _MAYBE for days in WINDOWS}),
            "groups": items(
                fields(
                    {
                        "sector": text(),
                        "etf": or_null(text("The fund that holds its companies.")),
                        "members": count("Of the universe."),
                        "by_members": _ROTATED,
                        "by_etf": or_null(_ROTATED),
                    }
                )
            ),
            "without_sector": count("Members of which no sector is known."),
        },
    ),
    "MarketStages": _answer(
        "The stage of each symbol.",
        {
            "week": or_null(text("The Monday of the last week.", format="date")),
            "week_provisional": flag("That week is not over: its stages may change back."),
            **_STAGE_COUNTS,
            "distribution": fields({"weeks": items(_DATE), **dict.fromkeys(_STAGES, _COUNTS), "counted": _COUNTS}),
            "transitions": items(
                fields({**_NAMED, "from": whole(minimum=1, maximum=4), "to": whole(minimum=1, maximum=4)}),
                "Symbols that entered another stage in the last week, at most 500.",
            ),
            "transitions_total": count("Of all."),
            "sort": text(enum=list(STAGE_SORTS)),
            **_LISTED,
            "stage": or_null(whole("The one that was asked for.")),
            "rows": items(
                fields(
                    {
                        **_NAMED,
                        "stage": or_null(whole("1 base, 2 advance, 3 top, 4 decline.", minimum=1, maximum=4)),
                        "since": or_null(text("The Monday of the week it entered that stage.", format="date")),
                        "since_known": flag("Else it entered it then, or earlier."),
                        "weeks": or_null(count("Since then, the present one included.")),
                        "figures": fields(
                            {
                                "close": or_null(number("Dollars.")),
                                "average": or_null(number("Of 30 weeks. Dollars.")),
                                "distance": or_null(number("The close against the average, as a fraction.")),
                                "slope": or_null(number("The average against that of 4 weeks before, as a fraction.")),
                                "relative_volume": or_null(number("Against the mean of the ten weeks before.")),
                            }
                        ),
                        "absent": _ABSENT,
                    }
                )
            ),
        },
    ),
    "MarketSentiment": _answer(
        "One gauge from 0 to 100.",
        {
            "gauge": or_null(number(minimum=0, maximum=100)),
            "gauge_absent": _PLACE,
            "parts": items(
                fields(
                    {
                        "name": text(),
                        "label": text(),
                        "meaning": text(),
                        "weight": number(minimum=0, maximum=1),
                        "score": or_null(number(minimum=0, maximum=100)),
                        "ratio": _MAYBE,
                        "numerator": _MAYBE,
                        "denominator": _MAYBE,
                        "absent": _PLACE,
                    }
                )
            ),
            "history": fields(
                {
                    "dates": items(_DATE),
                    "gauge": _MAYBES,
                    "weight_present": items(number(), "The weights of the parts that are there; 1 is all."),
                }
            ),
        },
    ),
    "MarketSnapshot": _answer(
        "All of it in short.",
        {
            "breadth": fields(
                {
                    **{name: or_null(count()) for name in ("advancers", "decliners", "unchanged", "counted")},
                    **dict.fromkeys(("up_volume", "down_volume", "mean_change", "trin"), _MAYBE),
                    "above_average": _by_bars(
                        AVERAGES, fields({"above": or_null(count()), "counted": or_null(count())})
                    ),
                    "new_extremes": _by_bars(
                        EXTREMES,
                        fields({"highs": or_null(count()), "lows": or_null(count()), "counted": or_null(count())}),
                    ),
                    "absent": _ABSENT,
                }
            ),
            "sentiment": fields({"gauge": or_null(number(minimum=0, maximum=100)), "absent": _PLACE}),
            "stages": fields(_STAGE_COUNTS),
            "leaders": items(fields({**_NAMED, "change_1d": number()}), maxItems=5),
            "laggards": items(fields({**_NAMED, "change_1d": number()}), maxItems=5),
            "most_active": items(fields({**_NAMED, "dollar_volume": number()}), maxItems=5),
            "sectors": items(fields({"sector": text(), "change_1d": _MAYBE, "counted": count()})),
        },
    ),
    "MarketInPoll": {
        "description": "What `market` asked for: the answer of that endpoint; or `view` and `tag` alone, where it is "
        "that of `market_tag`; or, with `tag` null, `pending` while it is calculated for the first time, or `error`.",
        "anyOf": [
            *(ref(f"Market{view}") for view in ("Rankings", "Breadth", "Sectors", "Stages", "Sentiment", "Snapshot")),
            fields({"view": text(), "tag": text()}),
            fields({"view": text(), "tag": {"type": "null"}, "pending": text("A sentence.")}),
            fields(
                {
                    "view": text(),
                    "tag": {"type": "null"},
                    "error": fields({"code": text(), "message": text("A sentence.")}),
                }
            ),
        ],
    },
}

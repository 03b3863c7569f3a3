"""`/api/admin/universes...`: lists of symbols, as an administrator looks at them and changes them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from src.core.domain.market.universe_change import Outcome, Wish, summary
from src.core.domain.market.universe_definition import Difference, SymbolFacts, check_type, one_line, words
from src.core.domain.market.universe_text import FORMATS, to_csv, to_json
from src.core.errors import UniverseError, UnknownUniverseError
from src.core.services.universe_service import Shown, UniverseService
from src.presentation.admin.access import current_administrator
from src.presentation.api.errors import bad_parameter
from src.presentation.api.json_answer import json_answer
from src.presentation.api.parameters import check_names, read_flag

LONGEST_NAME = 200
_MOST_PROBLEMS = 1_000
_MOST_SYMBOLS = 1_000  # in one change by name; a file may have more
_FLAGS = ("skip_bad", "dry_run", "allow_unknown", "force")
_TOLD = ("type", "description")


class _Change(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """The body of a change of members."""

    add: list[str] = []
    remove: list[str] = []
    create: bool = False
    type: str | None = None
    description: str | None = None
    skip_bad: bool = False
    dry_run: bool = False
    allow_unknown: bool = False
    force: bool = False


_CHANGE = msgspec.json.Decoder(_Change)


def universes_blueprint(service: UniverseService) -> Blueprint:
    """The endpoints, for administrators alone."""
    blueprint = Blueprint("admin_universes", __name__, url_prefix="/api/admin")

    @blueprint.before_request
    def check_access() -> None:
        current_administrator()

    @blueprint.errorhandler(UniverseError)
    def refuse(error: UniverseError) -> Response:
        code = (404, "unknown_universe") if isinstance(error, UnknownUniverseError) else (400, "bad_parameter")
        return json_answer({"error": {"code": code[1], "message": str(error)}}, code[0])

    _add_looking(blueprint, service)
    _add_changing(blueprint, service)
    return blueprint


def _add_looking(blueprint: Blueprint, service: UniverseService) -> None:
    @blueprint.get("/universes")
    def universes() -> Response:
        check_names(request.args, ("search",))
        found, near = service.listed(_read_text("search") or "")
        return json_answer({"universes": [one._asdict() for one in found], "near": near, **_around(service)})

    @blueprint.get("/universes/<path:name>")
    def universe(name: str) -> Response:
        check_names(request.args, ())
        return json_answer(_told(service.show(name[:LONGEST_NAME]), service.book().symbols))

    @blueprint.get("/universe-diff")
    def diff() -> Response:
        check_names(request.args, ("before", "after"))
        before, after = _read_text("before"), _read_text("after")
        if not before or not after:
            raise bad_parameter("Give the two universes: before=dow30&after=sp100.")
        found, _problems, _notes = service.compare(before, after)
        return json_answer({"same": found.is_nothing, **_difference(found)})

    @blueprint.get("/universe-export")
    def export() -> Response:
        check_names(request.args, ("names", "format"))
        format_ = request.args.get("format", "csv")
        if format_ not in FORMATS:
            raise bad_parameter(f"format is {format_!r:.40}; allowed are {' and '.join(FORMATS)}.")
        names = [name.strip() for name in (_read_text("names") or "").split(",") if name.strip()]
        definitions = service.export(names)
        text, type_ = (
            (to_json(definitions), "application/json") if format_ == "json" else (to_csv(definitions), "text/csv")
        )
        answer = Response(text.encode(), mimetype=type_)
        answer.headers["Content-Disposition"] = f"attachment; filename=universes.{format_}"
        return answer


def _add_changing(blueprint: Blueprint, service: UniverseService) -> None:
    @blueprint.post("/universe-import")
    def import_() -> Response:
        check_names(request.args, ("name", *_TOLD, "add", *_FLAGS))
        wish = Wish(
            (_read_text("name") or "").strip(),
            **_wishes(
                {name: _read_text(name) for name in _TOLD}, {name: read_flag(request.args, name) for name in _FLAGS}
            ),
        )
        outcome = service.import_file(request.get_data(), wish._replace(keep=read_flag(request.args, "add")))
        return _answer(outcome)

    @blueprint.post("/universes/<path:name>/members")
    def change(name: str) -> Response:
        check_names(request.args, ())
        body = _read_change()
        wish = Wish(
            **_wishes(
                {"type": body.type, "description": body.description},
                {flag: getattr(body, flag) for flag in _FLAGS},
            )
        )
        if body.remove:
            return _answer(service.remove(name, body.remove, wish))
        return _answer(service.add(name, body.add, wish, is_new=body.create))

    @blueprint.delete("/universes/<path:name>")
    def delete(name: str) -> Response:
        check_names(request.args, ("dry_run", "force"))
        wish = Wish(look=read_flag(request.args, "dry_run"), force=read_flag(request.args, "force"))
        return _answer(service.delete(name, wish))


def _read_text(name: str) -> str | None:
    """A parameter that is some text; None when it is absent."""
    text = request.args.get(name)
    if text is not None and len(text) > 10 * LONGEST_NAME:
        raise bad_parameter(f"{name} has {len(text)} characters; allowed are {10 * LONGEST_NAME}.")
    return text


def _read_change() -> _Change:
    try:
        body = _CHANGE.decode(request.get_data() if request.is_json else b"")
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad_parameter('The body is JSON, such as {"add": ["AAPL"]} or {"remove": ["AAPL"]}.') from error
    if body.add and body.remove:
        raise bad_parameter("Give symbols to add or symbols to remove, not both.")
    if not body.add and not body.remove and not body.create:
        raise bad_parameter('Give symbols to add or to remove, or "create": true for a universe without any.')
    if len(body.add) + len(body.remove) > _MOST_SYMBOLS:
        raise bad_parameter(f"{_MOST_SYMBOLS} symbols at most; import a file for more.")
    return body


def _wishes(told: Mapping[str, str | None], flags: Mapping[str, bool]) -> dict[str, Any]:
    """Fields of a Wish; UniverseError for a type that there is not."""
    type_, description = told["type"], told["description"]
    return {
        "type": None if type_ is None else check_type(type_),
        "description": None if description is None else one_line(description),
        "skip": flags["skip_bad"],
        "look": flags["dry_run"],
        "unknown": flags["allow_unknown"],
        "force": flags["force"],
    }


def _around(service: UniverseService) -> dict[str, Any]:
    """What is listened to, and how complete the list of symbols is."""
    book = service.book()
    listening = book.listening
    told = None
    if listening is not None:
        told = {
            "key": listening["key"],
            "size": None if listening["symbols"] == ["*"] else len(listening["symbols"]),
            "changed_at": listening["changed_at"],
        }
    refreshed = None if book.refreshed is None else book.refreshed["at"]
    return {"listening": told, "symbols": {"known": len(book.symbols), "refreshed_at": refreshed}}


def _told(shown: Shown, facts: Mapping[str, SymbolFacts]) -> dict[str, Any]:
    name, type_, description, members = shown.definition
    return {
        "name": name,
        "type": type_ or None,
        "description": description,
        "source": shown.source,
        "listened": shown.listened,
        "parts": shown.parts,
        "unknown": shown.unknown,
        "size": len(members),
        "members": [_member(symbol, weight, facts.get(symbol)) for symbol, weight in members],
    }


def _member(symbol: str, weight: float | None, facts: SymbolFacts | None) -> dict[str, Any]:
    told = (facts or SymbolFacts(None, None, None, None, True))._asdict()
    return {"symbol": symbol, "weight": weight, **told}


def _difference(one: Difference) -> dict[str, Any]:
    return {
        "added": one.added,
        "removed": one.removed,
        "reweighted": one.reweighted,
        "reordered": one.reordered,
    }


def _changes(changes: Sequence[Difference]) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "is_new": one.is_new,
            "is_gone": one.is_gone,
            "described": one.described,
            **_difference(one),
            "words": words(one),
        }
        for one in changes
    ]


def _answer(outcome: Outcome) -> Response:
    """What came of a change: also one that was not made because of problems is an answer, and no error."""
    return json_answer(
        {
            "applied": outcome.applied,
            "message": summary(outcome),
            "problem_count": len(outcome.problems),
            "problems": [one._asdict() for one in outcome.problems[:_MOST_PROBLEMS]],
            "notes": outcome.notes,
            "changes": _changes(outcome.changes),
        }
    )

"""Logging in and out: pages, with forms."""

from src.presentation.api.openapi.parts import (
    EVERYBODY,
    Part,
    fields,
    operation,
    page_answer,
    page_errors,
    query,
    redirect,
    text,
)

_TAG = "Accounts"
_NEXT = text("Where to go afterwards: a path of this program; anything else is left aside.")
_TOKEN = text("The token of the form, which `GET /login` holds. It belongs to the cookie that came with it.")
_FORM = "application/x-www-form-urlencoded"

PATHS: dict[str, Part] = {
    "/login": {
        "get": operation(
            _TAG,
            "login-page",
            "The page for logging in",
            "Who is logged in already is led on.",
            {
                "200": page_answer("The page."),
                "303": redirect("Somebody is logged in already."),
                **page_errors(503),
            },
            security=EVERYBODY,
            parameters=[query("next", "Where to go afterwards: a path of this program.", text())],
        ),
        "post": operation(
            _TAG,
            "login",
            "Log in",
            "Sets the cookie `session`. Too many wrong attempts make the next ones wait, and nobody locks another out.",
            {
                "303": redirect("Logged in."),
                "401": page_answer("Login and password do not belong together."),
                "429": {
                    **page_answer("Too many attempts; the page says how long to wait."),
                    "headers": {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}},
                },
                **page_errors(503, _400="The body cannot be read.", _403="The token of the form is missing or wrong."),
            },
            security=EVERYBODY,
            body={
                _FORM: {
                    "schema": fields(
                        {
                            "login": text(maxLength=64),
                            "password": text(maxLength=1024),
                            "csrf_token": _TOKEN,
                            "next": _NEXT,
                        },
                        optional=["next"],
                    )
                }
            },
        ),
    },
    "/logout": {
        "post": operation(
            _TAG,
            "logout",
            "Log out",
            "Ends the session, in this browser and wherever else its cookie went.",
            {
                "303": redirect("Logged out; the page for logging in follows."),
                **page_errors(503, _400="The body cannot be read.", _403="The token of the form is missing or wrong."),
            },
            security=EVERYBODY,
            body={_FORM: {"schema": fields({"csrf_token": _TOKEN})}},
        )
    },
}

"""`GET /api/openapi.json`, and `GET /api/docs` for people."""

import msgspec
from flask import Blueprint, Response, render_template, request

from src.presentation.api.openapi.document import openapi_document
from src.presentation.api.openapi.reading import chapters, schema_tables, security_words, with_marks


def documentation_blueprint(version: str, cookie: str) -> Blueprint:
    """The description of the API, the same for as long as the program runs; `cookie` is the name of the session's."""
    blueprint = Blueprint("documentation", __name__, url_prefix="/api")
    document = openapi_document(version, cookie)
    encoded = msgspec.json.encode(document)
    blueprint.add_app_template_filter(with_marks, "with_marks")

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        answer = Response(encoded, content_type="application/json")
        answer.headers["Cache-Control"] = "no-cache"
        answer.add_etag()
        answer.make_conditional(request)
        return answer

    @blueprint.get("/docs")
    def docs() -> str:
        return render_template(
            "docs.html",
            info=document["info"],
            security=security_words(document),
            chapters=chapters(document, request.host_url.rstrip("/")),
            schemas=schema_tables(document),
        )

    return blueprint

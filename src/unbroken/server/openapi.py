"""The OpenAPI document of the HTTP endpoints."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from unbroken.server.answers import EXAMPLES
from unbroken.server.schemas import components

_SECURITY = {
    "session": {"type": "http", "scheme": "bearer", "description": "The session's token."},
    "session_query": {
        "type": "apiKey",
        "in": "query",
        "name": "token",
        "description": "The same, for clients that cannot set headers.",
    },
    "creator": {
        "type": "http",
        "scheme": "bearer",
        "description": "The API key, or a JSON web token (HS256) with an expiry, if the deployment asks for one.",
    },
}


class Application(FastAPI):
    """FastAPI, whose document also knows the answers, which are not pydantic's."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            parts = document.setdefault("components", {})
            schemas = parts.setdefault("schemas", {}) | components(EXAMPLES)
            # Bad input is answered with 400 and our own body: what FastAPI writes down about 422 is not so.
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            for path in document["paths"].values():
                for operation in path.values():
                    if "HTTPValidationError" in str(operation["responses"].get("422")):
                        del operation["responses"]["422"]
            parts["schemas"] = dict(sorted(schemas.items()))
            parts["securitySchemes"] = _SECURITY
        assert self.openapi_schema is not None
        return self.openapi_schema

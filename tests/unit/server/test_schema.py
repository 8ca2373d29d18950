"""The API as it is written down is the API as it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import jsonschema
import msgspec
import pytest
from fastapi.openapi.models import OpenAPI

from unbroken import protocol
from unbroken.cursor import Cursor
from unbroken.server import asyncapi, schema
from unbroken.server.answers import EXAMPLES as ANSWERS

FOLDER = Path(__file__).parents[3] / "docs" / "reference"
TEXTS = schema.documents()
DOCUMENTS: dict[str, dict[str, Any]] = {name: json.loads(text) for name, text in TEXTS.items()}
OPENAPI, ASYNCAPI = DOCUMENTS["openapi.json"], DOCUMENTS["asyncapi.json"]
KINDS = get_args(protocol.Command) + get_args(protocol.Event)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_documents_are_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text() == TEXTS[name], "run `python -m unbroken.server.schema`"


def test_writing_them_makes_all_of_them(tmp_path: Path) -> None:
    schema.main(str(tmp_path / "deep"))
    assert {path.name for path in (tmp_path / "deep").iterdir()} == set(DOCUMENTS)


def walk(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, dict):
        return [node, *(found for value in node.values() for found in walk(value))]
    return [found for value in node for found in walk(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_reference_leads_somewhere(name: str) -> None:
    references = [node["$ref"] for node in walk(DOCUMENTS[name]) if "$ref" in node]
    assert references
    for reference in references:
        node = DOCUMENTS[name]
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_schema_is_a_schema_and_is_used(name: str) -> None:
    text = json.dumps(DOCUMENTS[name])
    for kind, part in DOCUMENTS[name]["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(part)
        assert f'"#/components/schemas/{kind}"' in text


def validate(document: dict[str, Any], part: dict[str, Any], value: Any) -> None:
    jsonschema.validate(value, {**part, "components": document["components"]}, jsonschema.Draft202012Validator)


def test_openapi_reads_as_openapi() -> None:
    OpenAPI.model_validate(OPENAPI)
    assert OPENAPI["openapi"].startswith("3.1")


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [(f"{m} {p}", op) for p, path in OPENAPI["paths"].items() for m, op in path.items()]


def test_openapi_has_every_endpoint() -> None:
    assert {name for name, _ in operations()} == {
        "post /token",
        "get /refresh_token",
        "post /refresh_token",
        "get /sessions/{session}",
        "get /sessions/{session}/events",
        "post /sessions/{session}/messages",
        "post /sessions/{session}/cancel",
        "patch /sessions/{session}",
        "delete /sessions/{session}",
        "patch /sessions/{session}/messages/{message_id}",
        "delete /sessions/{session}/messages/{message_id}",
        "post /sessions/{session}/messages/{message_id}/send_now",
        "put /sessions/{session}/messages/{message_id}/feedback",
        "get /sessions/{session}/export",
        "get /bots",
        "get /healthz",
        "get /readyz",
    }


@pytest.mark.parametrize(("name", "operation"), operations(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_answer_has_an_example_that_fits(name: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    for answer in operation["responses"].values():
        assert answer["description"]
        for content in answer.get("content", {}).values():
            validate(OPENAPI, content["schema"], content["example"])


def test_every_body_and_parameter_has_an_example_or_a_description() -> None:
    for _, operation in operations():
        for parameter in operation.get("parameters", []):
            assert parameter["description"]
    bodies = [body for _, operation in operations() if (body := operation.get("requestBody"))]
    names = [body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2] for body in bodies]
    assert len(names) > 3
    for name in names:
        properties = OPENAPI["components"]["schemas"][name]["properties"].values()
        assert all(member["description"] and member["examples"] for member in properties)


def test_security_is_declared() -> None:
    schemes = OPENAPI["components"]["securitySchemes"]
    open_to_all = {"get /bots", "get /healthz", "get /readyz"}
    for name, operation in operations():
        assert ("security" in operation) is (name not in open_to_all)
        assert all(scheme in schemes for choice in operation.get("security", []) for scheme in choice)


def test_asyncapi_is_complete() -> None:
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(ASYNCAPI["info"])
    names = {kind.__name__ for kind in KINDS}
    assert set(ASYNCAPI["components"]["messages"]) == names
    assert set(ASYNCAPI["channels"]["chat"]["messages"]) == names
    operations = ASYNCAPI["operations"]
    assert {operation["action"] for operation in operations.values()} == {"send", "receive"}
    assert sum(len(operation["messages"]) for operation in operations.values()) == len(names)
    for operation in operations.values():
        assert operation["channel"] == {"$ref": "#/channels/chat"}


@pytest.mark.parametrize("example", asyncapi.EXAMPLES, ids=lambda example: type(example).__name__)
def test_every_example_fits_its_schema_and_comes_back(example: protocol.Command | protocol.Event) -> None:
    message = ASYNCAPI["components"]["messages"][type(example).__name__]
    assert message["name"] == example.__struct_config__.tag
    (shown,) = [part["payload"] for part in message["examples"]]
    validate(ASYNCAPI, message["payload"], shown)
    raw = msgspec.json.encode(shown)
    decode = protocol.decode_command if isinstance(example, protocol.Command) else protocol.decode_event
    assert decode(raw) == example


def test_cursors_in_examples_are_cursors() -> None:
    found = [node["cursor"] for document in DOCUMENTS.values() for node in walk(document) if "cursor" in node]
    given = [cursor for cursor in found if isinstance(cursor, str)]
    assert len(given) > 9
    for cursor in given:
        assert str(Cursor.parse(cursor)) == cursor


def test_there_is_one_example_of_each() -> None:
    assert sorted(kind.__name__ for kind in KINDS) == sorted(type(example).__name__ for example in asyncapi.EXAMPLES)


def test_schemas_refuse_what_is_wrong() -> None:
    send = ASYNCAPI["components"]["messages"]["MessageSend"]["payload"]
    for wrong in (
        {},
        {"type": "message.send"},
        {"type": "resume", "id": "1", "text": ""},
        {"type": "message.send", "id": 1},
    ):
        with pytest.raises(jsonschema.ValidationError):
            validate(ASYNCAPI, send, wrong)


def test_members_say_what_they_mean() -> None:
    schemas = ASYNCAPI["components"]["schemas"]
    assert schemas["Limits"]["properties"]["message_bytes"]["description"] == "longest message, in bytes of UTF-8."
    assert schemas["Message"]["properties"]["timestamp"]["description"].startswith("ISO 8601")
    assert not any("Attributes:" in part.get("description", "") for part in schemas.values())


def test_answers_are_all_documented() -> None:
    assert {kind.__name__ for kind in ANSWERS} <= set(OPENAPI["components"]["schemas"])

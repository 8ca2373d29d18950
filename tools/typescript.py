"""Writes the wire of `unbroken.protocol` as TypeScript, for the page: `python tools/typescript.py [--check]`.

The Python structs are the only source; the written file is committed so that the page builds without Python, and a
test fails when it is stale. What is optional follows from the direction: a command may leave out every field that
has a default, an event leaves one out only if its struct omits defaults.
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import inspect as shapes

from unbroken import protocol, types

FOLDER = Path(__file__).resolve().parent.parent / "web" / "client"
WIDTH = 120

HEADER = """\
/**
 * {}. Generated from the Python {} by tools/typescript.py: change it there.
 */
"""


def render() -> dict[str, str]:
    """The text of each file."""
    commands, events = get_args(protocol.Command), get_args(protocol.Event)
    sent = _reachable(commands)
    received = [shape for shape in _reachable(events) if shape not in sent]
    shared = [shape for shape in sent + received if shape.cls.__module__ == types.__name__]
    own = [shape for shape in received if shape not in shared]
    names = sorted([shape.cls.__name__ for shape in shared] + ["Part"])
    first = [
        HEADER.format("What the wire speaks about: messages and their parts", "types"),
        *(_declaration(found, omits=True) for found in shared),
        _union("Part", get_args(types.Part)),
    ]
    declared = [
        *(_declaration(found, omits=False) for found in sent if found not in shared),
        _union("Command", commands),
        *(_declaration(found, omits=True) for found in own),
    ]
    second = [
        HEADER.format("The wire of `unbroken.v1`", "protocol"),
        _imported([name for name in names if any(re.search(rf"\b{name}\b", text) for text in declared)]),
        f'export const SUBPROTOCOL = "{protocol.SUBPROTOCOL}";\n',
        _comment("Offered beside the subprotocol, followed by the token: browsers set no headers on a WebSocket.")
        + f'export const TOKEN_SUBPROTOCOL = "{protocol.TOKEN_SUBPROTOCOL}";\n',
        *declared,
        _union("Event", events),
        _errors(),
        _close_codes(),
    ]
    return {"types.ts": "\n".join(first), "protocol.ts": "\n".join(second)}


def _imported(names: list[str]) -> str:
    return f'import type {{ {", ".join(names)} }} from "./types";\n\nexport type * from "./types";\n'


def _reachable(roots: Iterable[type]) -> list[shapes.StructType | shapes.EnumType]:
    """Every struct and enum that the roots mention, in the order in which they are needed."""
    found: dict[type, shapes.StructType | shapes.EnumType] = {}

    def visit(shape: shapes.Type) -> None:
        match shape:
            case shapes.StructType(cls=cls, fields=fields):
                if cls not in found:
                    for field in fields:
                        visit(field.type)
                    found[cls] = shape
            case shapes.EnumType(cls=cls):
                found.setdefault(cls, shape)
            case shapes.UnionType(types=members):
                for member in members:
                    visit(member)
            case shapes.ListType(item_type=inner) | shapes.DictType(value_type=inner):
                visit(inner)
            case _:
                pass

    for root in roots:
        visit(shapes.type_info(root))
    return list(found.values())


def _declaration(shape: shapes.StructType | shapes.EnumType, *, omits: bool) -> str:
    summary, attributes = _documentation(shape.cls)
    if isinstance(shape, shapes.EnumType):
        values = " | ".join(f'"{member.value}"' for member in shape.cls)
        return f"{_comment(summary)}export type {shape.cls.__name__} = {values};\n"
    lines = [f"{_comment(summary)}export interface {shape.cls.__name__} {{"]
    if shape.tag is not None:
        lines.append(f'  readonly {shape.tag_field}: "{shape.tag}";')
    for field in shape.fields:
        if described := attributes.get(field.name):
            lines.append(_comment(described, indent="  ").rstrip("\n"))
        # a struct that writes its defaults is complete when it is received, but need not be when it is sent
        optional = "?" if not field.required and (shape.cls.__struct_config__.omit_defaults or not omits) else ""
        lines.append(f"  readonly {field.encode_name}{optional}: {_type(field.type)};")
    return "\n".join([*lines, "}\n"])


def _type(shape: shapes.Type) -> str:
    match shape:
        case shapes.StructType(cls=cls) | shapes.EnumType(cls=cls):
            return cls.__name__
        case shapes.StrType():
            return "string"
        case shapes.IntType() | shapes.FloatType():
            return "number"
        case shapes.BoolType():
            return "boolean"
        case shapes.NoneType():
            return "null"
        case shapes.AnyType():
            return "unknown"
        case shapes.LiteralType(values=values):
            return " | ".join(msgspec.json.encode(value).decode() for value in values)
        case shapes.DictType(value_type=inner):
            return f"Readonly<Record<string, {_type(inner)}>>"
        case shapes.ListType(item_type=inner):
            named = _type(inner)
            return f"readonly ({named})[]" if " | " in named else f"readonly {named}[]"
        case shapes.UnionType(types=members):
            # msgspec gives the members of a union in an order of its own; null reads best at the end
            ordered = sorted(members, key=lambda member: isinstance(member, shapes.NoneType))
            return "Part" if _is_part(members) else " | ".join(_type(member) for member in ordered)
        case _:
            raise TypeError(f"the wire has a type that TypeScript was not taught: {shape}")


def _is_part(members: Iterable[shapes.Type]) -> bool:
    return {shape.cls for shape in members if isinstance(shape, shapes.StructType)} == set(get_args(types.Part))


def _union(name: str, members: Iterable[type]) -> str:
    line = f"export type {name} = {' | '.join(member.__name__ for member in members)};\n"
    if len(line) <= WIDTH:
        return line
    return f"export type {name} =" + "".join(f"\n  | {member.__name__}" for member in members) + ";\n"


def _errors() -> str:
    rows = "".join(
        f"{_comment(row.meaning, indent='  ')}  {code}: {{ retry: {str(row.retry).lower()} }},\n"
        for code, row in protocol.ERRORS.items()
    )
    return (
        "/** The codes of `error` events; `retry`: the same command may succeed later. */\n"
        f"export const ERRORS = {{\n{rows}}} as const;\n\nexport type ErrorCode = keyof typeof ERRORS;\n"
    )


def _close_codes() -> str:
    rows = "".join(f"  {code.name}: {code.value},\n" for code in protocol.CloseCode)
    final = ", ".join(str(code.value) for code in protocol.CloseCode if not code.reconnect and code < 4000)
    return (
        f"/** {inspect.getdoc(protocol.CloseCode)} */\nexport const CloseCode = {{\n{rows}}} as const;\n\n"
        "/** Whether a client should connect again with its cursor after this close code. */\n"
        "export function reconnects(code: number): boolean {\n"
        f"  return ![{final}].includes(code) && !(code >= 4000 && code < 4500);\n}}\n"
    )


def _documentation(cls: Any) -> tuple[str, dict[str, str]]:
    """The docstring of a class without its `Attributes:` section, and that section by field."""
    text, _, section = (inspect.getdoc(cls) or "").partition("\nAttributes:\n")
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8,}.*)*)", section, flags=re.MULTILINE)
    return text.strip(), {name: " ".join(words.split()) for name, words in entries}


def _comment(text: str, indent: str = "") -> str:
    if len(text) + len(indent) + 7 <= WIDTH and "\n" not in text:
        return f"{indent}/** {text} */\n"
    lines = (
        line
        for paragraph in text.split("\n\n")
        for line in ["", *textwrap.wrap(" ".join(paragraph.split()), WIDTH - len(indent) - 3)]
    )
    body = "\n".join(f"{indent} * {line}".rstrip() for line in list(lines)[1:])
    return f"{indent}/**\n{body}\n{indent} */\n"


def main(arguments: list[str]) -> str | None:
    """Writes the files, or with `--check` says what is wrong with them."""
    for name, text in render().items():
        if "--check" not in arguments:
            (FOLDER / name).write_text(text)
        elif (FOLDER / name).read_text() != text:
            return f"{name} does not match the Python protocol: run `python tools/typescript.py`"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

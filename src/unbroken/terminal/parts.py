"""What a reply brings beside its text, as lines for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec
from rich.filesize import decimal
from rich.text import Text

from unbroken.export import called
from unbroken.types import Data, File, Part, Question, Reasoning, Source, ToolCall, ToolResult
from unbroken.usage import USAGE, count

SHORT = 160
"""Characters of a value that are shown; `unbroken inspect session --json` shows all."""

Step: TypeAlias = Reasoning | ToolCall | ToolResult


def steps(parts: Iterable[Part]) -> list[Step]:
    """How a reply came about; reasoning that follows each other is one step."""
    found: list[Step] = []
    for part in parts:
        if isinstance(part, Reasoning) and found and isinstance(found[-1], Reasoning):
            found[-1] = Reasoning(found[-1].text + part.text)
        elif isinstance(part, Reasoning | ToolCall | ToolResult):
            found.append(part)
    return found


def step(one: Step, of: Iterable[Part]) -> Text:
    """Draws one step of a reply with these parts."""
    match one:
        case Reasoning(text=text):
            return Text("\n".join(f"  {line}".rstrip() for line in text.strip().splitlines()), "quiet italic")
        case ToolCall(name=name, arguments=value):
            return Text(f"  → {name} {_short(value)}".rstrip(), "quiet")
        case ToolResult(id=call, result=value):
            names = (part.name for part in of if isinstance(part, ToolCall) and part.id == call)
            return Text(f"  ← {next(names, call)} {_short(value)}".rstrip(), "quiet")


def above(parts: Sequence[Part]) -> list[Text]:
    """Draws all steps of a reply that is finished."""
    return [step(one, parts) for one in steps(parts)]


def below(parts: Sequence[Part]) -> list[Text]:
    """Draws what belongs to a reply: files, sources, the options of its question, and last what programs tell."""
    lines = [Text(f"  {_file(part)}") for part in parts if isinstance(part, File)]
    lines += [Text(f"  {part.title} {part.url}".rstrip(), "quiet") for part in parts if isinstance(part, Source)]
    for part in parts:
        if isinstance(part, Question):
            lines += numbered(part.options)
    data = [part for part in parts if isinstance(part, Data)]
    times = Counter(part.name for part in data)
    newest = {part.name: part.value for part in data}
    return lines + [Text(f"  {_data(name, newest[name], times[name])}", "quiet") for name in times]


def numbered(choices: Iterable[str]) -> list[Text]:
    """Draws choices with the numbers that stand for them."""
    return [Text.assemble((f"  {number} ", "cyan"), choice) for number, choice in enumerate(choices, 1)]


def chosen(choices: Sequence[str], typed: str) -> str:
    """The choice whose number was typed; what was typed, if it is none."""
    number = typed.strip()
    if number in choices or not number.isdecimal():
        return typed
    return choices[int(number) - 1] if 1 <= int(number) <= len(choices) else typed


def _file(file: File) -> str:
    about = [file.media_type] if file.media_type else []
    about += [decimal(file.size)] if file.size is not None else []
    return " ".join([called(file), *([f"({', '.join(about)})"] if about else []), file.url])


def _data(name: str, value: object, times: int) -> str:
    if name == USAGE:
        return f"{count(value, 'input_tokens')} tokens in, {count(value, 'output_tokens')} out"
    return f"{name} {_short(value)}" + (f" (the last of {times})" if times > 1 else "")


def _short(value: object) -> str:
    """A value on one line."""
    text = value if isinstance(value, str) else "" if value is None else msgspec.json.encode(value).decode()
    line = " ".join(text.split())
    return line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"

"""How a model is asked for the name of a conversation, and what of its answer is one."""

from __future__ import annotations

import re
from collections.abc import Sequence

from unbroken.models.context import Said
from unbroken.types import Message, Role

LONGEST = 60
"""Characters of a name."""

_EACH = 2000
"""Characters of a message that the model is shown."""

_TASK = (
    "Give the conversation below a name of two to six words, in its own language, as for a table of contents. "
    "Answer with the name alone: no quotation marks, no full stop, no explanation."
)


def question(messages: Sequence[Message]) -> list[Said]:
    """What to ask, about the beginning of a conversation."""
    speakers = {Role.USER: "User", Role.ASSISTANT: "Assistant"}
    shown = "\n\n".join(f"{speakers[one.role]}: {one.msg[:_EACH]}" for one in messages[:4] if one.msg)
    return [{"role": "user", "content": f"{_TASK}\n\n<conversation>\n{shown}\n</conversation>"}]


def name(answer: str) -> str | None:
    """The name in a model's answer; None if there is none."""
    answer = re.sub(r"(?s)^\s*<think>.*?</think>", "", answer)
    first = next((line for line in answer.splitlines() if line.strip()), "")
    first = " ".join(re.sub(r"^\W*(?:title|name)\s*:", "", first, flags=re.IGNORECASE).split())
    first = first.strip("\"'`*_#“”„«».").strip()
    if len(first) > LONGEST:
        first = first[:LONGEST].rpartition(" ")[0] or first[:LONGEST]
    return first or None

from __future__ import annotations

import msgspec

from unbroken.export import markdown
from unbroken.types import (
    Data,
    File,
    Message,
    Part,
    Question,
    Reasoning,
    Role,
    Session,
    Source,
    Status,
    ToolCall,
    ToolResult,
)


def test_it_shows_what_people_see() -> None:
    asked = Message("a", "an older text", Role.USER, "t1", 1)
    reply = Message("a.reply", "an older answer", Role.ASSISTANT, "t2", 1, reply_to="a", status=Status.COMPLETED)
    newer = Message("b", "a newer text", Role.USER, "t3", 2, replaces="a")
    answer = Message("b.reply", "half an ans", Role.ASSISTANT, "t4", 2, reply_to="b", status=Status.CANCELLED)
    session = Session("s", "Ada", "t0", [asked, newer, reply, answer])
    shown = "# Ada\n\n*t0*\n\n{}\n\n{}\n"
    assert markdown(session) == shown.format(
        "**You** (t3)\n\na newer text", "**Assistant** (t4, stopped)\n\nhalf an ans"
    )
    withdrawn = [asked, reply, msgspec.structs.replace(newer, withdrawn=True), answer]
    assert markdown(msgspec.structs.replace(session, messages=withdrawn)) == shown.format(
        "**You** (t1)\n\nan older text", "**Assistant** (t2)\n\nan older answer"
    )


def said(*parts: Part, msg: str = "Done.") -> str:
    """How the export shows a reply with these parts."""
    asked = Message("a", "?", Role.USER, "t1", 1)
    reply = Message("a.reply", msg, Role.ASSISTANT, "t2", 1, reply_to="a", status=Status.COMPLETED, parts=list(parts))
    shown = markdown(Session("s", "Ada", "t0", [asked, reply]))
    return shown.partition("**Assistant** (t2)\n\n")[2]


def test_how_a_reply_came_about_is_folded() -> None:
    call, result = ToolCall("1", "search<b>", {"q": "logs"}), ToolResult("1", "a `log`\n```\nx\n```")
    assert said(Reasoning("So "), Reasoning("what?\nHm."), call, result, ToolResult("2", None)) == (
        "<details><summary>Reasoning</summary>\n\n> So what?\n> Hm.\n\n</details>\n\n"
        "<details><summary>search&lt;b&gt;</summary>\n\n"
        '```json\n{\n  "q": "logs"\n}\n```\n\n````\na `log`\n```\nx\n```\n````\n\n</details>\n\n'
        "<details><summary>2</summary>\n\n</details>\n\n"
        "Done.\n"
    )


def test_what_belongs_to_a_reply_stands_below_it() -> None:
    parts = (
        Source("https://example.com/a_(b)", "A [title]"),
        Source("https://example.com"),
        File("https://example.com/x/plot%201.png", media_type="image/png", size=12_345),
        File("https://example.com/y", "notes"),
        Question("Go on?", ["Yes", "No"]),
        Data("usage", {"input_tokens": 1}),
    )
    assert said(*parts, msg="Go on?") == (
        "Go on?\n\n- Yes\n- No\n\n"
        "- ![plot 1.png](https://example.com/x/plot%201.png) (image/png, 12,345 bytes)\n"
        "- [notes](https://example.com/y)\n\n"
        "- [A \\[title\\]](https://example.com/a_%28b%29)\n- [https://example.com](https://example.com)\n\n"
        '<details><summary>usage</summary>\n\n```json\n{\n  "input_tokens": 1\n}\n```\n\n</details>\n'
    )


def test_replies_that_gave_way_are_not_shown() -> None:
    first, second = Message("a", "one", Role.USER, "t1", 1), Message("b", "two", Role.USER, "t2", 2)
    gave_way = Message("a.reply", "ha", Role.ASSISTANT, "t3", 1, reply_to="a", status=Status.CANCELLED, merged_into="b")
    answer = Message("b.reply", "both", Role.ASSISTANT, "t4", 2, reply_to="b", status=Status.COMPLETED)
    shown = markdown(Session("s", "Ada", "t0", [first, second, gave_way, answer]))
    assert shown == ("# Ada\n\n*t0*\n\n**You** (t1)\n\none\n\n**You** (t2)\n\ntwo\n\n**Assistant** (t4)\n\nboth\n")

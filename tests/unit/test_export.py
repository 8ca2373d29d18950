from __future__ import annotations

import msgspec

from unbroken.export import markdown
from unbroken.types import Message, Role, Session, Status


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

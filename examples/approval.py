"""A bot that asks before it does what cannot be undone. In this directory: `unbroken up approval:bot`."""

from collections.abc import AsyncIterator

from unbroken import Turn

FILES = {"access.log", "debug.log"}


async def bot(turn: Turn) -> AsyncIterator[str]:
    found = await turn.once("look", lambda: sorted(FILES))
    if not found:
        yield "There is nothing to delete."
        return
    yield f"There are {len(found)} files: {', '.join(found)}."
    if await turn.ask("Delete them?", ["Delete", "Keep"]) == "Delete":
        await turn.once("delete", lambda: FILES.difference_update(found))
        yield "They are gone."
    else:
        yield "Nothing happened to them."

"""Makes a bot of whatever a user wrote: a function of any kind, an object with a method `reply`, or an SDK's agent.

An async generator function is used as it is. A coroutine function is awaited, and what it returns is the reply. Plain
functions and generators may block, so each of their replies runs in a thread. What is an agent of an SDK is seen from
its class's modules; the adapter, and with it the SDK, is imported only then.
"""

from __future__ import annotations

import importlib
import inspect
from asyncio import to_thread
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any

from unbroken.errors import ConfigurationError
from unbroken.models.threads import Threads
from unbroken.turn import Turn
from unbroken.types import Message, Part, Piece

EXTRAS = {"langchain_core": "langgraph", "langgraph": "langgraph", "pydantic_ai": "pydantic-ai"}
"""Packages that a bot may need, and which of our extras brings them."""

_ADAPTED = ("langgraph", "pydantic_ai")
"""Packages whose objects the adapter of the same name makes bots of."""


class WrappedBot:
    """A user's function or object as a bot."""

    def __init__(self, name: str, owner: object, reply: Callable[[Turn], AsyncIterator[Piece]]) -> None:
        self.name = name
        self.continues = bool(getattr(owner, "continues", False))
        self.reply = reply
        title = getattr(owner, "title", None)
        self.title = _titling(title) if callable(title) else None
        self._owner = owner

    async def start(self) -> None:
        """Calls the object's own `start`, if it has one."""
        await self._hook("start")

    async def close(self) -> None:
        """Calls the object's own `close`, if it has one."""
        await self._hook("close")

    async def _hook(self, name: str) -> None:
        hook = getattr(self._owner, name, None)
        if callable(hook):
            result = hook()
            if inspect.isawaitable(result):
                await result


def _titling(title: Callable[..., Any]) -> Callable[[Sequence[Message]], Awaitable[str | None]]:
    """An object's own `title`; a plain one may block, so it runs in a thread."""

    async def named(messages: Sequence[Message]) -> str | None:
        result = await title(messages) if _is(inspect.iscoroutinefunction, title) else await to_thread(title, messages)
        if not isinstance(result, str | None):
            raise TypeError(f"a title is a text or None, not {type(result).__name__}")
        return result

    return named


def wrap(target: object, name: str, concurrency: int) -> WrappedBot:
    """Makes a bot of `target`.

    Args:
        target: a function, a callable object, an object with a method `reply`, or a class of either; an agent of
            Pydantic AI; a compiled graph of LangGraph.
        name: for logs and errors.
        concurrency: how many replies of a plain function may run at once, each in its thread.

    Raises:
        ConfigurationError: it is none of these, or does not take exactly one argument, the turn.
    """
    owner = _instance(target, name) if inspect.isclass(target) else _adapted(target, name)
    function: Any = getattr(owner, "reply", owner)
    if not callable(function):
        raise ConfigurationError(
            f"bot {name!r} is a {type(owner).__name__}; it has to be a function or have a method reply"
        )
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        raise ConfigurationError(
            f"bot {name!r} takes {inspect.signature(function)}; a bot takes one argument, the turn"
        ) from None
    except ValueError:
        pass  # a builtin without a signature: calling it will tell
    if _is(inspect.isasyncgenfunction, function):
        return WrappedBot(name, owner, function)
    if _is(inspect.iscoroutinefunction, function):
        return WrappedBot(name, owner, _awaited(function))
    threads = Threads(concurrency)
    return WrappedBot(name, owner, lambda turn: threads.run(lambda: pieces(function(turn)), turn))


def _instance(target: type, name: str) -> object:
    try:
        return target()
    except TypeError as error:
        raise ConfigurationError(f"bot {name!r} is a class that cannot be made without arguments: {error}") from error


def _adapted(target: object, name: str) -> object:
    """The target, or the bot that an adapter makes of it."""
    if hasattr(target, "reply"):
        return target
    for kind in type(target).__mro__:
        package = kind.__module__.partition(".")[0]
        if package in _ADAPTED:
            try:
                bot: object = importlib.import_module(f"unbroken.models.{package}").bot(target)
            except ConfigurationError as error:
                raise ConfigurationError(f"bot {name!r}: {error}") from None
            except ImportError as error:
                raise ConfigurationError(
                    f"bot {name!r}: {error}; install unbroken[{EXTRAS[package]}] to get a version that fits"
                ) from error
            return bot
    return target


def _is(test: Callable[[object], bool], function: Any) -> bool:
    """Tests a function, or the `__call__` of a callable object."""
    return test(function) or test(getattr(function, "__call__", None))  # noqa: B004 - its kind is asked, not whether it is there


def _awaited(function: Callable[[Turn], Awaitable[Any]]) -> Callable[[Turn], AsyncIterator[Piece]]:
    async def reply(turn: Turn) -> AsyncIterator[Piece]:
        result = await function(turn)
        if isinstance(result, AsyncIterable):
            async for piece in result:
                yield piece
        else:
            for piece in pieces(result):
                yield piece

    return reply


def pieces(result: Any) -> Iterable[Piece]:
    """What a function returned, as the pieces of a reply.

    Raises:
        TypeError: it is nothing that can be shown.
    """
    if result is None:
        return ()
    if isinstance(result, (str, Part)):
        return (result,)
    if isinstance(result, Iterable) and not isinstance(result, (bytes, bytearray, dict)):
        return result
    if inspect.isawaitable(result) or isinstance(result, AsyncIterable):
        raise TypeError("a plain function returned something to be awaited; declare the bot with async def")
    raise TypeError(f"a bot answers with text or parts, not with {type(result).__name__}")

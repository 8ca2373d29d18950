"""Where chats come from."""

from __future__ import annotations

from typing import Self

import msgspec

from unbroken.client.chat import Chat
from unbroken.client.http import Http


class BotInfo(msgspec.Struct, frozen=True):
    """A bot as a reader sees it.

    Attributes:
        name: what a new session asks for; empty if the deployment has only one.
        title: what to call it; may be empty then, too.
        welcome: what an empty chat says first.
        prompts: suggestions for a first message.
    """

    name: str
    title: str = ""
    welcome: str = ""
    prompts: list[str] = []


class Client:
    """Speaks to one Unbroken deployment.

    ```python
    async with Client("http://localhost:8000") as client:
        chat = await client.create("Ada")
        sent = await chat.send("Hello!")
        async for piece in sent:
            print(piece, end="")
    ```

    Args:
        urls: base URLs of servers of the same deployment. One is enough; with several, the next one is tried when one
            fails.
        api_key: sent when creating sessions, for deployments that ask for it: an API key or a JWT.
        timeout: seconds that a request, or the first connection of a chat, may take in all, tries included.
    """

    def __init__(self, *urls: str, api_key: str | None = None, timeout: float = 30.0) -> None:
        self._urls = [_base(url) for url in urls or ("localhost:8000",)]
        self._api_key = api_key
        self._timeout = timeout
        self._http = Http(self._urls, timeout)
        self._chats: list[Chat] = []

    async def bots(self) -> list[BotInfo]:
        """The bots of the deployment; the first one answers where none is named.

        Raises:
            Unavailable: no server answered in time.
        """
        return msgspec.json.decode(await self._http.request("GET", "/bots", None), type=_Bots).bots

    async def create(self, name: str, bot: str = "") -> Chat:
        """Creates a session and connects to it.

        Args:
            name: of the session, usually its user's.
            bot: which of the deployment's bots answers; without it the first.

        Raises:
            Refused: the server does not want it: no name, no such bot, or no API key.
            Unavailable: no server could do it in time.
        """
        query = {"name": name, "bot": bot} if bot else {"name": name}
        made = await self._http.request("POST", "/token", self._api_key, query)
        return await self.attach(msgspec.json.decode(made, type=_Created).token)

    async def attach(self, token: str) -> Chat:
        """Connects to the session of a token; returns once its history is known.

        Raises:
            NotAuthenticated: the token opens no session, or its session expired.
            Unavailable: no server answered in time.
        """
        chat = Chat(self._urls, token, self._http)
        await chat.opened(self._timeout)
        self._chats = [*(other for other in self._chats if not other.over), chat]
        return chat

    async def close(self) -> None:
        """Closes every chat and every connection."""
        for chat in self._chats:
            await chat.close()
        self._chats.clear()
        await self._http.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _Created(msgspec.Struct):
    token: str


class _Bots(msgspec.Struct):
    bots: list[BotInfo]


def _base(url: str) -> str:
    return (url if "://" in url else f"http://{url}").rstrip("/")

"""What no page may ever do, whatever a test does with it."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Dialog, Page, Request, WebError, WebSocket

ALERTS = """
window.alertsShown = [];
new MutationObserver(() => {
  for (const element of document.querySelectorAll("[role=alert]")) {
    const text = element.textContent.trim();
    if (text && !window.alertsShown.includes(text)) window.alertsShown.push(text);
  }
}).observe(document, { childList: true, subtree: true, characterData: true });
"""
"""Remembers every alert that a page showed, however short."""


class Watch:
    """Listens to everything that the pages of one browser context do.

    Attributes:
        requests: addresses of all requests and sockets, in order.
        hosts: where they may lead.
    """

    def __init__(self, context: BrowserContext, *hosts: str) -> None:
        self.requests: list[str] = []
        self.referrers: list[str] = []
        self.hosts = set(hosts)
        self._wrong: list[str] = []
        self._allowed: list[str] = []
        context.on("request", self._request)
        context.on("page", self._page)
        context.on("console", self._console)
        context.on("dialog", self._dialog)
        context.on("weberror", self._error)

    def allow(self, text: str) -> None:
        """What holds this text is meant to happen in this test."""
        self._allowed.append(text)

    def check(self) -> None:
        """Nothing was asked of another host, no script of a stranger ran, no policy was violated, nothing broke."""
        strangers = [url for url in self.requests if not self._own(url)]
        wrong = [text for text in self._wrong if not any(allowed in text for allowed in self._allowed)]
        assert not strangers, f"requests to others: {strangers}"
        assert not wrong, wrong

    def _own(self, url: str) -> bool:
        # a file that the page made itself names its origin behind "blob:"
        return urlsplit(url.removeprefix("blob:")).netloc in self.hosts

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        self.referrers.append(request.headers.get("referer", ""))

    def _page(self, page: Page) -> None:
        page.on("websocket", self._socket)

    def _socket(self, socket: WebSocket) -> None:
        self.requests.append(socket.url)

    def _console(self, message: ConsoleMessage) -> None:
        text = message.text
        if "Content Security Policy" in text or "Trusted" in text or "violat" in text:
            self._wrong.append(text)

    async def _dialog(self, dialog: Dialog) -> None:
        self._wrong.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _error(self, error: WebError) -> None:
        self._wrong.append(f"uncaught: {error.error}")

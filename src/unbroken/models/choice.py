"""Which bot or model the settings choose, and why."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import SecretStr

from unbroken.config import Settings
from unbroken.errors import ConfigurationError
from unbroken.models.local.name import SCHEME

HUGGING_FACE = "https://router.huggingface.co/v1"
HUGGING_FACE_MODEL = "openai/gpt-oss-20b"
OPENAI = "https://api.openai.com/v1"
OPENAI_MODEL = "gpt-4o-mini"

_HUGGING_FACE_DOMAINS = (".huggingface.co", ".huggingface.cloud")


class Kind(Enum):
    """What answers."""

    BOT = "bot"
    DEMO = "demo"
    OPENAI = "openai"
    """A server that speaks OpenAI's chat completions."""
    LOCAL = "local"
    """A file that the worker runs itself."""


class Choice(NamedTuple):
    """What answers and why; for a model server also where it is.

    Attributes:
        name: for people, and for BOT its `module:name`.
        model: empty: the first one that the server offers.
    """

    kind: Kind
    name: str
    why: str
    url: str = ""
    model: str = ""
    key: SecretStr | None = None


def choose(settings: Settings) -> Choice:
    """Reads the settings in this order: bot, MODEL=demo, MODEL_URL, keys; without any of them it is the demo.

    Raises:
        ConfigurationError: a model is named but not where it is, or MODEL_URL is no address.
    """
    if settings.bot:
        return Choice(Kind.BOT, settings.bot, "it is set as the bot")
    if settings.model == "demo":
        return Choice(Kind.DEMO, "demo", "MODEL is demo")
    if settings.model and settings.model.startswith(SCHEME):
        return Choice(Kind.LOCAL, f"{settings.model.removeprefix(SCHEME)} on this machine", "MODEL begins with local:")
    if settings.model_url:
        return _at_url(settings, settings.model_url.strip())
    wants_openai = settings.model is not None and "/" not in settings.model
    if settings.openai_api_key and (wants_openai or not settings.hf_token):
        return _server(OPENAI, settings.model or OPENAI_MODEL, settings.openai_api_key, "OPENAI_API_KEY is set")
    if settings.hf_token:
        return _server(HUGGING_FACE, settings.model or HUGGING_FACE_MODEL, settings.hf_token, "HF_TOKEN is set")
    if settings.model:
        raise ConfigurationError(
            f"the model is {settings.model!r}, but not where it is; set HF_TOKEN, OPENAI_API_KEY or MODEL_URL"
        )
    return Choice(Kind.DEMO, "demo", "no key and no model are set")


def _at_url(settings: Settings, url: str) -> Choice:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError("MODEL_URL has to begin with http:// or https:// and name a host")
    hugging_face = f".{parts.hostname}".endswith(_HUGGING_FACE_DOMAINS)
    # each key goes only where it belongs: Hugging Face's to its own hosts, never to another server
    key = (settings.hf_token or settings.openai_api_key) if hugging_face else settings.openai_api_key
    model = settings.model or ""
    if hugging_face and parts.path.startswith("/models/"):
        # an address of the old inference API names its model, which the router knows by the same name
        url, model = HUGGING_FACE, model or parts.path.removeprefix("/models/").strip("/")
    return _server(url, model, key, "MODEL_URL is set")


def _server(url: str, model: str, key: SecretStr | None, why: str) -> Choice:
    host = urlsplit(url).hostname
    return Choice(Kind.OPENAI, f"{model} at {host}" if model else str(host), why, url, model, key)

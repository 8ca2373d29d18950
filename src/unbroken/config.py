"""One frozen `Settings`, read once from the environment and `.env`.

Unbroken's own variables begin with `UNBROKEN_`. The five of the tutorial (`REDIS_URL`, `REDIS_USER`,
`REDIS_PASSWORD`, `REDIS_HOST`, `REDIS_PORT`) and the usual ones of model providers are read under their own names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from unbroken.errors import ConfigurationError
from unbroken.types import AckLevel, Continues, ModelApi, Policy


def _own(name: str) -> AliasChoices:
    return AliasChoices(name)


class Settings(BaseSettings):
    """Everything that can be set. Durations are seconds, sizes are bytes, unless a field says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="UNBROKEN_", env_file=".env", extra="ignore", frozen=True, populate_by_name=True
    )

    # Redis
    redis_url: str | None = Field(
        None,
        validation_alias=_own("REDIS_URL"),
        description=(
            "redis://, rediss:// or unix:// address, or bare host:port; several servers of a cluster with commas; "
            "redis+sentinel://host:port,host:port/name for Sentinel. Unset: `unbroken up` starts its own."
        ),
    )
    redis_user: str | None = Field(
        None, validation_alias=_own("REDIS_USER"), description="User name, if not in the URL."
    )
    redis_password: SecretStr | None = Field(
        None, validation_alias=_own("REDIS_PASSWORD"), description="Password, if not in the URL."
    )
    redis_host: str | None = Field(None, validation_alias=_own("REDIS_HOST"), description="Host, instead of a URL.")
    redis_port: int | None = Field(None, validation_alias=_own("REDIS_PORT"), description="Port beside REDIS_HOST.")
    prefix: str = Field("ub", pattern=r"^[A-Za-z0-9_.-]{1,32}$", description="First part of every key.")
    partitions: int | None = Field(
        None,
        ge=1,
        le=1024,
        description=(
            "Partitions of the queue, a power of two; fixed for the life of a deployment. Unset: as it was started, "
            "with 16, or 64 on a cluster."
        ),
    )
    redis_timeout: float = Field(
        10.0, gt=0, description="How long a request may wait for Redis before it is refused as unavailable."
    )

    # Sessions
    session_ttl: int = Field(3600, ge=0, description="A session is deleted after so long without activity; 0 = never.")
    message_bytes: int = Field(65_536, ge=1, le=1_048_576, description="Longest message.")
    inbox_limit: int = Field(20, ge=1, le=1000, description="Messages that may wait in one session.")
    turn_limit: int = Field(1000, ge=1, description="Messages over the life of one session.")
    ack: AckLevel = Field(
        "memory", description="What accepted means: memory (Redis has it), disk (fsynced), replica (replicas have it)."
    )
    ack_replicas: int = Field(1, ge=1, description="With ack=replica: how many replicas must confirm.")
    ack_timeout: float = Field(2.0, gt=0, description="With ack=replica: how long to wait for them.")

    # Server
    host: str = Field("127.0.0.1", description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Other origins whose pages may connect, separated by commas; * for any."
    )
    api_key: SecretStr | None = Field(
        None, description="If set, creating a session needs `Authorization: Bearer` with it."
    )
    jwt_secret: SecretStr | None = Field(
        None,
        description="If set, creating a session needs a JWT (HS256) signed with it, as an alternative to the API key.",
    )
    sessions_per_minute: int = Field(60, ge=0, description="New sessions for each client address; 0 = no limit.")
    sockets_per_session: int = Field(32, ge=1, description="Connections that may watch one session on one server.")
    drain_grace: float = Field(20.0, ge=0, description="How long a stopping server or worker may take to finish.")

    # Worker
    bot: str | None = Field(None, description="The bot as module:name, or ag-ui:http://…; unset: the model below.")
    concurrency: int = Field(100, ge=1, le=10_000, description="Replies that one worker runs at once.")
    lease: float = Field(15.0, ge=1, description="A reply whose worker is silent for so long is taken by another.")
    attempts: int = Field(3, ge=1, description="Attempts before a message is committed as failed.")
    context_messages: int = Field(20, ge=0, description="Earlier messages that a bot is given.")
    reply_bytes: int = Field(1_048_576, ge=1, description="Longest reply; past it the reply fails with what it has.")
    reply_timeout: float = Field(
        3600.0, ge=0, description="Longest time for one reply; past it the reply fails with what it has; 0 = no limit."
    )
    block_warning: float = Field(
        1.0, gt=0, description="A bot that blocks the event loop for so long is named in the log."
    )

    # Model
    model: str | None = Field(
        None,
        validation_alias=AliasChoices("UNBROKEN_MODEL", "MODEL"),
        description="Model name for the provider, `local:…` for a model on this machine, or `demo`.",
    )
    model_url: str | None = Field(
        None, validation_alias=_own("MODEL_URL"), description="Base URL of an OpenAI-compatible server, with its /v1."
    )
    hf_token: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("HF_TOKEN", "HUGGINFACE_INFERENCE_TOKEN", "HUGGINGFACE_INFERENCE_TOKEN"),
        description="Token of Hugging Face's inference providers.",
    )
    openai_api_key: SecretStr | None = Field(
        None, validation_alias=_own("OPENAI_API_KEY"), description="Key for OpenAI, or for the server at MODEL_URL."
    )
    system_prompt: str | None = Field(None, description="Put before every conversation.")
    temperature: float | None = Field(None, ge=0, le=2, description="How much chance the model allows itself.")
    max_tokens: int | None = Field(None, ge=1, description="Longest answer of the model, in tokens.")
    context_tokens: int | None = Field(
        None,
        ge=1,
        description=(
            "Most tokens of the conversation that the model is sent, as estimated from the server's own counts; older "
            "messages are left out."
        ),
    )
    requests_per_minute: float | None = Field(
        None, gt=0, description="Requests to the model for each worker; more of them wait."
    )
    model_api: ModelApi = Field(
        "chat",
        description=(
            "What to speak with the model's server: chat (chat completions, which all know), or responses (OpenAI's "
            "Responses API, where an answer goes on in the background if its worker dies)."
        ),
    )
    model_continues: Continues = Field(
        "auto",
        description=(
            "How a chat completion goes on after a crash: vllm, prefill (both continue the text that its reader has), "
            "no (it begins anew), auto (as the server's list of models says)."
        ),
    )
    model_timeout: float = Field(60.0, gt=0, description="Longest silence of the model, before and between tokens.")
    model_retries: int = Field(
        3, ge=0, description="Repeats after 429, 5xx or a lost connection, before the first token."
    )

    # Bots
    bots: Path | None = Field(None, description="A TOML file with several bots; unset: one, as described here.")
    policy: Policy = Field(
        "queue",
        description=(
            "What a message does that arrives during a reply: queue (it waits), interrupt (it stops that), merge (one "
            "reply answers both), reject."
        ),
    )
    titles: bool = Field(False, description="Whether the bot names a session after its first reply.")
    title: str = Field("", description="The bot's name on the page.")
    welcome: str = Field("", description="What an empty chat says first.")
    prompts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Suggestions for a first message, a line each."
    )

    # Everything in one command
    data_dir: Path = Field(Path(".unbroken"), description="Where the embedded Valkey keeps its data.")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="How much is logged.")

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("prompts", mode="before")
    @classmethod
    def _lines(cls, value: object) -> object:
        return tuple(line.strip() for line in value.splitlines() if line.strip()) if isinstance(value, str) else value

    def redis_address(self) -> str | None:
        """The address of Redis as a URL with its credentials, or None if nothing is configured.

        Raises:
            ConfigurationError: if it is not an address that can be read.
        """
        if self.redis_url:
            url = self.redis_url.strip()
        elif self.redis_host:
            url = f"{self.redis_host}:{self.redis_port or 6379}"
        else:
            return None
        if "://" not in url:
            url = f"redis://{url}"
        scheme, _, rest = url.partition("://")
        if scheme not in ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel"):
            raise ConfigurationError(
                f"REDIS_URL begins with {scheme}://; use redis://, rediss:// (TLS), unix://, redis+sentinel://, "
                "rediss+sentinel:// or bare host:port"
            )
        password = self.redis_password.get_secret_value() if self.redis_password else None
        if "@" not in re.split("[/?#]", rest, maxsplit=1)[0] and (self.redis_user or password):
            login = quote(self.redis_user or "", safe="") + (f":{quote(password, safe='')}" if password else "")
            url = f"{scheme}://{login}@{rest}"
        return url


def load_settings(**overrides: object) -> Settings:
    """Reads the settings; arguments win over the environment, the environment over `.env`. None is no override.

    Raises:
        ConfigurationError: one sentence that names the variable, what is wrong with it and what was given.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        settings = Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        where = "_".join(str(part) for part in first["loc"])
        field = Settings.model_fields.get(where)
        name = where if field is None or field.validation_alias else f"UNBROKEN_{where.upper()}"
        raise ConfigurationError(f"{name}: {first['msg']}, but it is {first['input']!r}") from None
    if settings.partitions and settings.partitions & (settings.partitions - 1):
        raise ConfigurationError(f"UNBROKEN_PARTITIONS must be a power of two, but it is {settings.partitions}")
    return settings

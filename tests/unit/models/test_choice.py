from __future__ import annotations

from typing import Any

import pytest

from unbroken.config import Settings
from unbroken.errors import ConfigurationError
from unbroken.models.base import describe, load_bot
from unbroken.models.choice import HUGGING_FACE, HUGGING_FACE_MODEL, OPENAI, OPENAI_MODEL, Choice, Kind, choose
from unbroken.models.demo import Demo
from unbroken.models.openai import OpenAI


def settings(**given: Any) -> Settings:
    return Settings(_env_file=None, **given)  # type: ignore[call-arg]


def chosen(**given: Any) -> Choice:
    return choose(settings(**given))


def key(choice: Choice) -> str | None:
    return choice.key.get_secret_value() if choice.key else None


def test_nothing_set_is_the_demo() -> None:
    assert chosen().kind is Kind.DEMO
    assert isinstance(load_bot(settings()), Demo)
    assert describe(settings()) == ("demo", "no key and no model are set")


def test_the_bot_wins_over_everything() -> None:
    assert chosen(bot="my:bot", model="demo", hf_token="h").name == "my:bot"


def test_demo_wins_over_keys() -> None:
    assert chosen(model="demo", hf_token="h", model_url="http://x/v1").kind is Kind.DEMO


@pytest.mark.parametrize("variable", ["HF_TOKEN", "HUGGINFACE_INFERENCE_TOKEN", "HUGGINGFACE_INFERENCE_TOKEN"])
def test_a_token_of_hugging_face(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "h")
    choice = chosen()
    assert (choice.url, choice.model, key(choice)) == (HUGGING_FACE, HUGGING_FACE_MODEL, "h")
    assert isinstance(load_bot(settings()), OpenAI)


def test_a_key_of_openai() -> None:
    choice = chosen(openai_api_key="o")
    assert (choice.url, choice.model, key(choice)) == (OPENAI, OPENAI_MODEL, "o")


def test_with_both_keys_the_models_name_decides() -> None:
    assert chosen(openai_api_key="o", hf_token="h").url == HUGGING_FACE
    assert chosen(openai_api_key="o", hf_token="h", model="org/name").url == HUGGING_FACE
    assert chosen(openai_api_key="o", hf_token="h", model="gpt-x").url == OPENAI


def test_a_server_of_ones_own_gets_no_key_of_hugging_face() -> None:
    assert key(chosen(model_url="http://localhost:8080/v1", hf_token="h")) is None
    assert key(chosen(model_url="http://localhost:8080/v1", hf_token="h", openai_api_key="o")) == "o"
    assert key(chosen(model_url="https://evil-huggingface.co/v1", hf_token="h")) is None
    assert key(chosen(model_url="https://x.endpoints.huggingface.cloud/v1", hf_token="h")) == "h"


def test_the_tutorials_address_of_a_model() -> None:
    choice = chosen(model_url="https://api-inference.huggingface.co/models/EleutherAI/gpt-j-6B", hf_token="h")
    assert (choice.url, choice.model, key(choice)) == (HUGGING_FACE, "EleutherAI/gpt-j-6B", "h")


def test_a_model_of_which_nobody_says_where_it_is() -> None:
    with pytest.raises(ConfigurationError, match="MODEL_URL"):
        chosen(model="gpt-x")


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://host/v1", "http://"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConfigurationError, match="MODEL_URL"):
        chosen(model_url=url)


def test_what_is_shown_holds_no_secret() -> None:
    name, why = describe(settings(model_url="https://user:secret@host:1/v1?key=secret", openai_api_key="secret"))
    assert name == "host"
    assert "secret" not in why

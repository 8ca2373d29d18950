"""Several bots from one file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices

from unbroken.config import Settings, load_settings
from unbroken.errors import ConfigurationError
from unbroken.profiles import OWN, profiles


@pytest.fixture
def bots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # away from any .env
    return tmp_path / "bots.toml"


def read(bots: Path, text: str, **settings: object) -> dict[str, Settings]:
    bots.write_text(text)
    return profiles(load_settings(bots=bots, **settings))


def test_without_a_file_there_is_one_bot_without_a_name(bots: Path) -> None:
    settings = load_settings(welcome="Hello!")
    assert profiles(settings) == {"": settings}


EVERYTHING = """
[support]
title = "Support"
welcome = "How can I help?"
prompts = ["Where is my order?", "Who are you?"]
system_prompt = "Be kind."
temperature = 0.2
max_tokens = 100
context_tokens = 4000
requests_per_minute = 30
concurrency = 5
policy = "merge"
titles = true
model = "large"
model_url = "http://models/v1"

[code-2]
bot = "mybot:bot"
"""


def test_a_file_names_bots_in_their_order_with_all_that_each_may_set(bots: Path) -> None:
    known = read(bots, EVERYTHING, system_prompt="Be brief.", lease=7)
    assert list(known) == ["support", "code-2"]
    support, code = known.values()
    assert support.prompts == ("Where is my order?", "Who are you?")
    assert (support.title, support.welcome, support.policy, support.titles) == (
        "Support",
        "How can I help?",
        "merge",
        True,
    )
    assert (support.temperature, support.max_tokens, support.context_tokens) == (0.2, 100, 4000)
    assert (support.concurrency, support.requests_per_minute) == (5, 30)
    assert (support.bot, support.model, support.model_url) == (None, "large", "http://models/v1")
    assert (support.system_prompt, code.system_prompt) == ("Be kind.", "Be brief.")
    assert {one.lease for one in known.values()} == {7}  # what a bot does not set is as everywhere


def test_a_bot_that_names_what_answers_takes_none_of_it_from_elsewhere(
    bots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNBROKEN_MODEL", "demo")
    monkeypatch.setenv("MODEL_URL", "http://elsewhere/v1")
    monkeypatch.setenv("UNBROKEN_BOT", "other:bot")
    known = read(bots, '[one]\nmodel = "large"\n[two]\nbot = "my:bot"\n[three]\ntitle = "Three"\n')
    assert [(one.bot, one.model, one.model_url) for one in known.values()] == [
        (None, "large", None),
        ("my:bot", None, None),
        ("other:bot", "demo", "http://elsewhere/v1"),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"names no bot; write a section like \[support\]"),
        ("[a", "is no TOML: "),
        ("[a]\n[a]\n", "is no TOML: "),
        ("[Support]\n", "bot 'Support': a name has 1 to 32 of a-z, 0-9, - and _, and begins with one of the first"),
        ('[""]\n', "bot '': a name has"),
        (f"[{'x' * 33}]\n", "a name has"),
        ("[-a]\n", "a name has"),
        ("[aé]\n", "is no TOML: |a name has"),
        ("a = 1\n", r"bot 'a': this has to be a section: \[a\]"),
        ("[a]\nmodle = 1\n", "bot 'a': 'modle' is nothing that a bot can set; it can set bot, model, "),
        ('[a]\nopenai_api_key = "secret"\n', "'openai_api_key' is nothing that a bot can set"),
        ("[a]\nlease = 1\n", "'lease' is nothing that a bot can set"),
        ("[a]\ntemperature = 3\n", "bot 'a': temperature: .* less than or equal to 2, but it is 3"),
        ('[a]\npolicy = "wait"\n', "bot 'a': policy: .*'queue'.*, but it is 'wait'"),
        ("[a]\nprompts = [1]\n", "bot 'a': prompts_0: .*, but it is 1"),
        ("[a]\nconcurrency = 0\n", "bot 'a': concurrency: .*, but it is 0"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(bots: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as wrong:
        read(bots, text)
    assert str(wrong.value).startswith(f"UNBROKEN_BOTS: {bots}")
    assert "secret" not in str(wrong.value)


GUIDE = (Path(__file__).parents[2] / "docs/how-to/several-bots.md").read_text()


def test_the_guide_names_every_key_and_its_setting_and_its_file_works(bots: Path) -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", GUIDE, re.MULTILINE)
    fields = Settings.model_fields
    aliases = {name: fields[name].validation_alias for name in OWN}
    names = {name: alias.choices[0] if isinstance(alias, AliasChoices) else None for name, alias in aliases.items()}
    assert dict(rows) == {name: alias or f"UNBROKEN_{name.upper()}" for name, alias in names.items()}
    example = GUIDE.partition("```toml\n")[2].partition("```")[0]
    assert [one.title for one in read(bots, example).values()] == ["Support", "Coder"]


def test_a_file_that_cannot_be_read_is_named(bots: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"bots\.toml cannot be read: No such file"):
        profiles(load_settings(bots=bots))
    bots.write_bytes(b"[a]\ntitle = '\xff'\n")
    with pytest.raises(ConfigurationError, match="is no TOML: 'utf-8' codec"):
        profiles(load_settings(bots=bots))

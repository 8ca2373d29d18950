"""What the head of a GGUF file says, and what is said of a file that is none."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from unbroken.config import Settings
from unbroken.errors import ConfigurationError
from unbroken.models.choice import Kind, choose
from unbroken.models.local import bot as local
from unbroken.models.local.bot import is_local, prepare
from unbroken.models.local.file import read

LLAMA: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.block_count": 2,
    "llama.context_length": 4096,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.tokens": ["a", "longer", ""],
}


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def value(what: Any) -> bytes:
    match what:
        case str():
            return struct.pack("<I", 8) + text(what)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(what)) + b"".join(map(text, what))
        case list():
            return struct.pack(f"<IIQ{len(what)}I", 9, 4, len(what), *what)
    return struct.pack("<II", 4, what)


def gguf(facts: dict[str, Any], version: int = 3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, 0, len(facts))
    return head + b"".join(text(name) + value(what) for name, what in facts.items())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "m.gguf"


def test_it_tells_the_context_and_what_a_token_takes(file: Path) -> None:
    file.write_bytes(gguf(LLAMA) + b"weights")
    found = read(file)
    assert (found.size, found.context) == (file.stat().st_size, 4096)
    assert found.token_bytes == 2 * 2 * (16 + 16) * 2  # layers, heads, key and value, bytes


def test_heads_may_differ_from_layer_to_layer(file: Path) -> None:
    uneven = {"llama.attention.head_count_kv": [4, 1], "llama.attention.key_length": 8}
    file.write_bytes(gguf(LLAMA | uneven))
    assert read(file).token_bytes == (4 + 1) * (8 + 16) * 2


def test_all_parts_count(tmp_path: Path) -> None:
    first, second = tmp_path / "m-00001-of-00002.gguf", tmp_path / "m-00002-of-00002.gguf"
    first.write_bytes(gguf(LLAMA | {"split.count": 2}))
    with pytest.raises(ConfigurationError, match=r"the model \S+/m-00002-of-00002.gguf cannot be read: No such file"):
        read(first)
    second.write_bytes(gguf(LLAMA | {"split.count": 2}) + b"more")
    assert read(first).size == first.stat().st_size + second.stat().st_size
    with pytest.raises(ConfigurationError, match="is a part of a model of 2 files; name the first of them"):
        read(second)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is not a GGUF file; llama.cpp runs models in that format only"),
        (b"<!doctype html>", "is not a GGUF file"),
        (gguf(LLAMA, 1), "is a GGUF file of version 1; "),
        (gguf(LLAMA)[:-40], "is damaged or incomplete; get the file again"),
        (gguf(LLAMA)[:20] + b"\xff" * 40, "is damaged or incomplete"),
        (gguf({"general.architecture": "clip"}), "is a GGUF file, but no language model"),
        (gguf(LLAMA | {"general.type": "adapter"}), "is a GGUF file, but no language model"),
    ],
)
def test_what_is_no_model(file: Path, content: bytes, sentence: str) -> None:
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read(file)
    assert str(file) in str(caught.value)
    assert sentence in str(caught.value)


def settings(model: str, **more: Any) -> Settings:
    return Settings(_env_file=None, model=model, **more)  # type: ignore[call-arg]


def test_a_local_model_wins_over_servers_but_not_over_a_bot() -> None:
    wanted = settings("local:some/model", model_url="http://localhost/v1", hf_token="t")
    assert choose(wanted)[:2] == (Kind.LOCAL, "some/model on this machine")
    assert is_local(wanted)
    assert not is_local(settings("local:some/model", bot="my:bot"))
    assert not is_local(settings("demo"))


def test_a_file_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "find_spec", lambda name: name)
    for path in (tmp_path, tmp_path / "nothing.gguf"):
        with pytest.raises(ConfigurationError, match=f"there is no file {path}$"):
            prepare(settings(f"local:{path}"), print)


def test_the_extra_is_named_if_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'unbroken\[local\]'$"):
        prepare(settings("local:some/model"), print)

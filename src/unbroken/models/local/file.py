"""Reads the head of a GGUF file: whether it is a model that can chat, and how much memory it wants."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from unbroken.errors import ConfigurationError

MAGIC = b"GGUF"
VERSIONS = (2, 3)

_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
"""Formats of the types that hold one number, by the file's own codes."""
_TEXT, _LIST = 8, 9
_LONGEST = 1 << 26
"""Bytes of one text or list. A file that claims more is damaged."""
_KEPT = 1024
"""Longest list that is kept; longer ones, such as the vocabulary, are read past."""
_CACHED_BYTES = 2
"""The attention cache holds numbers of 16 bits."""


class ModelFile(NamedTuple):
    """What the head of a file says.

    Attributes:
        size: bytes of the weights, in all parts of a model that was split.
        context: most tokens that it was trained for.
        token_bytes: memory that the attention cache takes for each token, at most.
    """

    path: Path
    size: int
    context: int
    token_bytes: int


def read(path: Path) -> ModelFile:
    """Reads the head of the file.

    Raises:
        ConfigurationError: it cannot be read, is no GGUF, ends too early, or is no model that can chat.
    """
    try:
        with path.open("rb") as file:
            facts = _head(file, path)
            size = sum(part.stat().st_size for part in _parts(path, int(facts.get("split.count", 1))))
    except OSError as error:
        raise ConfigurationError(f"the model {error.filename or path} cannot be read: {error.strerror}") from None
    except (EOFError, struct.error, UnicodeDecodeError):
        raise ConfigurationError(f"the model {path} is damaged or incomplete; get the file again") from None
    kind = str(facts.get("general.architecture", ""))
    context = facts.get(f"{kind}.context_length")
    if facts.get("general.type", "model") != "model" or not isinstance(context, int):
        raise ConfigurationError(f"{path} is a GGUF file, but no language model; name the file that holds the model")
    return ModelFile(path, size, context, _token_bytes(facts, kind))


def _head(file: BinaryIO, path: Path) -> dict[str, Any]:
    if file.read(4) != MAGIC:
        raise ConfigurationError(f"{path} is not a GGUF file; llama.cpp runs models in that format only")
    version = _number(file, "<I")
    if version not in VERSIONS:
        raise ConfigurationError(f"{path} is a GGUF file of version {version}; llama.cpp reads little-endian 2 and 3")
    _number(file, "<Q")  # how many tensors follow
    count = _number(file, "<Q")
    facts: dict[str, Any] = {}
    for _ in range(count):
        name = _text(file)
        facts[name] = _value(file, _number(file, "<I"))
    return facts


def _parts(path: Path, count: int) -> list[Path]:
    """All files of the model. One that was split has its number in its name, as llama.cpp wants it."""
    first = f"-00001-of-{count:05}"
    if count == 1:
        return [path]
    if first not in path.name:
        raise ConfigurationError(f"{path} is a part of a model of {count} files; name the first of them, …{first}.gguf")
    return [path.with_name(path.name.replace(first, f"-{number:05}-of-{count:05}")) for number in range(1, count + 1)]


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _TEXT:
        return _text(file)
    if kind != _LIST:
        return _number(file, _format(kind))
    inner, count = _number(file, "<I"), _number(file, "<Q")
    if count > _LONGEST:
        raise EOFError
    if inner == _TEXT:  # the vocabulary, a hundred thousand words or more
        for _ in range(count):
            file.seek(_number(file, "<Q"), os.SEEK_CUR)
        return None
    data = _bytes(file, count * struct.calcsize(_format(inner)))
    return [value for (value,) in struct.iter_unpack(_format(inner), data)] if count <= _KEPT else None


def _format(kind: int) -> str:
    if kind not in _NUMBERS:
        raise EOFError
    return _NUMBERS[kind]


def _number(file: BinaryIO, form: str) -> Any:
    return struct.unpack(form, _bytes(file, struct.calcsize(form)))[0]


def _text(file: BinaryIO) -> str:
    return _bytes(file, _number(file, "<Q")).decode(errors="replace")


def _bytes(file: BinaryIO, size: int) -> bytes:
    if size > _LONGEST:
        raise EOFError
    data = file.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _token_bytes(facts: dict[str, Any], kind: str) -> int:
    """Keys and values of one token in every layer; models with cleverer caches take less."""
    layers = int(facts.get(f"{kind}.block_count", 0))
    heads = facts.get(f"{kind}.attention.head_count", 1)
    heads_kv = facts.get(f"{kind}.attention.head_count_kv", heads)
    all_kv = sum(heads_kv) if isinstance(heads_kv, list) else layers * heads_kv
    widest = max(1, max(heads) if isinstance(heads, list) else heads)
    width = int(facts.get(f"{kind}.embedding_length", 0)) // widest
    both = facts.get(f"{kind}.attention.key_length", width) + facts.get(f"{kind}.attention.value_length", width)
    return int(all_kv * both * _CACHED_BYTES)

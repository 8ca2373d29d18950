"""What `local:…` may name, and which file of a repository it means."""

from __future__ import annotations

from pathlib import Path

import pytest

from unbroken.errors import ConfigurationError
from unbroken.models.local.name import InRepository, complete, parse, pick

MANY = ["README.md", "m-Q4_K_M.gguf", "m-Q4_K_S.gguf", "m-UD-Q4_K_XL.gguf", "m-BF16.gguf", "mmproj-m-f16.gguf"]
SPLIT = ["Q8_0/m-Q8_0-00002-of-00002.gguf", "Q8_0/m-Q8_0-00001-of-00002.gguf", "m-Q2_K.gguf"]


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("local:/models/a.gguf", Path("/models/a.gguf")),
        ("local:/models/sha256-abc", Path("/models/sha256-abc")),
        ("local:./a.gguf", Path.cwd() / "a.gguf"),
        ("local:a.gguf", Path.cwd() / "a.gguf"),
        ("local:models/a.gguf", Path.cwd() / "models/a.gguf"),
        ("local:~/a.gguf", Path.home() / "a.gguf"),
        ("local:org/repo", InRepository("org/repo", "")),
        ("local:org/Repo-3.5_x-GGUF:Q4_K_M", InRepository("org/Repo-3.5_x-GGUF", "Q4_K_M")),
        ("local:org/repo:sub/a.gguf", InRepository("org/repo", "sub/a.gguf")),
    ],
)
def test_it_names_a_file_or_a_repository(model: str, meant: object) -> None:
    assert parse(model) == meant
    if isinstance(meant, InRepository):
        assert str(meant) == model


@pytest.mark.parametrize("model", ["local:", "local:repo", "local:a/b/c", "local:https://hub/a", "local:org/repo:"])
def test_anything_else_is_refused_with_examples(model: str) -> None:
    with pytest.raises(ConfigurationError, match=r"local:\./model\.gguf or local:org/repo:Q4_K_M, not "):
        parse(model)


@pytest.mark.parametrize(
    ("which", "names", "found"),
    [
        ("", ["a.gguf", "mmproj-a.gguf", "config.json"], ["a.gguf"]),
        ("q4_k_m", MANY, ["m-Q4_K_M.gguf"]),
        ("Q4_K_XL", MANY, ["m-UD-Q4_K_XL.gguf"]),
        ("m-BF16.gguf", MANY, ["m-BF16.gguf"]),
        ("Q8_0", SPLIT, sorted(SPLIT[:2])),
        ("m-Q8_0-00001-of-00002.gguf", SPLIT, sorted(SPLIT[:2])),
        ("Q8_0/m-Q8_0.gguf", SPLIT, sorted(SPLIT[:2])),
    ],
)
def test_a_file_or_a_quantization_finds_one_model(which: str, names: list[str], found: list[str]) -> None:
    assert pick(InRepository("o/r", which), names) == found


@pytest.mark.parametrize(
    ("which", "names", "sentence"),
    [
        ("", [], "the repository o/r has no GGUF file; those that have are often called …-GGUF"),
        (
            "Q4_K",
            MANY,
            "the repository o/r has no GGUF file Q4_K; it has BF16, Q4_K_M, Q4_K_S, UD-Q4_K_XL",
        ),
        ("", SPLIT, "local:o/r fits several files; name one, as local:o/r:Q2_K, out of Q2_K, Q8_0"),
        ("Q2_K", ["a-Q2_K.gguf", "b-Q2_K.gguf"], "as local:o/r:a-Q2_K.gguf, out of a-Q2_K.gguf, b-Q2_K.gguf"),
        ("", [f"{n:02}.gguf" for n in range(30)], "18.gguf, 19.gguf and 10 more"),
    ],
)
def test_none_or_several_are_listed(which: str, names: list[str], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        pick(InRepository("o/r", which), names)
    assert sentence in str(caught.value)


def test_some_parts_are_no_model() -> None:
    assert complete(["a.gguf"])
    assert complete(sorted(SPLIT[:2]))
    assert not complete(SPLIT[:1])

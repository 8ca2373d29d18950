"""Models from the hub: what is downloaded, and what is said if it cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub", reason="the extra `local` is not installed")

from huggingface_hub import constants

from tests.integration.models.hub import TOKEN, Hub
from unbroken.errors import ConfigurationError
from unbroken.models.local.hub import fetch
from unbroken.models.local.name import InRepository

BIG = bytes(range(256)) * 4000
FILES = {
    "some/one": {"README.md": b"#", "one-Q4_K_M.gguf": BIG, "mmproj-one.gguf": b"pictures"},
    "some/two": {"two-Q4_K_M.gguf": b"small", "two-Q8_0.gguf": b"large"},
    "some/parts": {"Q4_0/m-00001-of-00002.gguf": b"first", "Q4_0/m-00002-of-00002.gguf": b"second"},
    "some/none": {"model.safetensors": b"no"},
    "gated/one": {"one.gguf": b"for members"},
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub(FILES).running() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
        yield server


@pytest.fixture
def get(hub: Hub) -> Callable[..., bytes]:
    def download(repository: str, which: str = "", token: str | None = None, said: list[str] | None = None) -> bytes:
        lines: list[str] = []
        path = fetch(InRepository(repository, which), token, lines.append if said is None else said.append)
        return path.read_bytes()

    return download


def test_the_only_model_is_downloaded_once_and_its_progress_is_said(hub: Hub, get: Callable[..., bytes]) -> None:
    said: list[str] = []
    assert get("some/one", said=said) == BIG
    assert said[0].startswith("downloading one-Q4_K_M.gguf of some/one into ")
    assert said[-1] == "downloaded 1 of 1 MB"
    hub.asked.clear()
    said.clear()
    assert get("some/one", said=said) == BIG
    assert (said, [line for line in hub.asked if line.startswith("GET /some")]) == ([], [])


def test_what_is_named_and_there_needs_no_network(hub: Hub, get: Callable[..., bytes]) -> None:
    assert get("some/two", "q8_0") == b"large"
    hub.asked.clear()
    assert get("some/two", "Q8_0") == b"large"
    assert get("some/two", "two-Q8_0.gguf") == b"large"
    assert hub.asked == []
    assert get("some/two", "Q4_K_M") == b"small"


def test_a_download_that_broke_off_goes_on(hub: Hub, get: Callable[..., bytes]) -> None:
    hub.cut = 300_000
    assert get("some/one") == BIG
    assert hub.asked.count("GET /some/one/resolve/main/one-Q4_K_M.gguf") == 2


def test_all_parts_of_a_model_are_downloaded(get: Callable[..., bytes], hub: Hub, tmp_path: Path) -> None:
    assert get("some/parts", "Q4_0") == b"first"
    assert len(list(tmp_path.rglob("snapshots/**/*.gguf"))) == 2


def test_without_a_network_what_is_there_will_do(
    hub: Hub, get: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    get("some/one")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert get("some/one") == BIG
    with pytest.raises(ConfigurationError, match=r"local:some/two:Q8_0 is not in .*, and HF_HUB_OFFLINE forbids"):
        get("some/two", "Q8_0")


def test_nobody_answers(hub: Hub, get: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=r"is not in .*, and http://127.0.0.1:9 does not answer: .*refused"):
        get("some/one")


def test_a_gated_repository_wants_a_token(get: Callable[..., bytes]) -> None:
    for wrong in (None, "hf_wrong"):
        with pytest.raises(ConfigurationError, match=r"gated/one is gated: accept its terms at http.*/gated/one, and"):
            get("gated/one", token=wrong)
    assert get("gated/one", token=TOKEN) == b"for members"


@pytest.mark.parametrize(
    ("repository", "which", "sentence"),
    [
        ("some/missing", "", "there is no repository some/missing at http"),
        ("some/none", "", "the repository some/none has no GGUF file; "),
        ("some/two", "", "fits several files; name one, as local:some/two:Q4_K_M, out of Q4_K_M, Q8_0"),
        ("some/two", "Q5_0", "the repository some/two has no GGUF file Q5_0; it has Q4_K_M, Q8_0"),
        ("some/two--", "", "'some/two--' cannot be the name of a repository"),
    ],
)
def test_what_cannot_be_had(get: Callable[..., bytes], repository: str, which: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        get(repository, which)
    assert sentence in str(caught.value)

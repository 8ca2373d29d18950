from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("xllamacpp", reason="llama.cpp has no wheel for this platform")

KEY = "the-right-key"


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a real model server. Its key is `KEY`."""
    from tests.integration.models import tiny_gguf  # its libraries may be missing with the server's

    folder = tmp_path_factory.mktemp("llama")
    tiny_gguf.write(folder / "noise.gguf")
    program = Path(__file__).with_name("llama_server.py")
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, str(program), str(folder / "noise.gguf"), KEY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, (folder / "log").read_text()
        yield f"{address}/v1"
        process.terminate()

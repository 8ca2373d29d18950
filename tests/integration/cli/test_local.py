"""`unbroken up --model local:…`: one command, from the hub to the answer."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import psutil
import pytest

pytest.importorskip("huggingface_hub", reason="the extra `local` is not installed")
pytest.importorskip("xllamacpp", reason="llama.cpp has no wheel for this platform")

from tests.integration.models import tiny_gguf
from tests.integration.models.hub import Hub
from tests.integration.processes import PATIENCE, Program, run

pytestmark = pytest.mark.usefixtures("_bundled")


def test_it_downloads_the_model_and_answers_and_leaves_no_process_behind(tmp_path: Path) -> None:
    tiny_gguf.write(tmp_path / "model.gguf", alphabet=True)
    files = {"some/model": {"model-F32.gguf": (tmp_path / "model.gguf").read_bytes()}}
    with Hub(files).running() as hub:
        env = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "UNBROKEN_MAX_TOKENS": "26"}
        up = Program("up", "--model", "local:some/model:F32", "--port", "0", cwd=tmp_path, env=env)
        try:
            url = up.until(r"Open +(http://\S+)")[1]
            assert "Model" in up.output
            assert "some/model:F32 on this machine" in up.output
            assert "downloading model-F32.gguf of some/model into" in up.output
            assert "downloaded 0 of 0 MB" in up.output
            assert up.output.index("downloading") < up.output.index("starting Valkey")
            talk = run("chat", "--url", url, "--name", "Ada", cwd=tmp_path, stdin="Is the sea wide?\n")
            assert (talk.returncode, talk.stdout) == (0, "abcdefghijklmnopqrstuvwxyz\n")
            family = psutil.Process(up.pid).children(recursive=True)
            assert [process for process in family if "unbroken.models.local.server" in process.cmdline()]
            up.signal(signal.SIGKILL)
            up.wait()
            assert not psutil.wait_procs(family, timeout=PATIENCE)[1]
        finally:
            up.end()
    assert [line for line in hub.asked if line.startswith("GET /some")] == [
        "GET /some/model/resolve/main/model-F32.gguf"
    ]


@pytest.mark.parametrize("command", ["up", "worker"])
def test_what_is_wrong_is_one_sentence(tmp_path: Path, command: str) -> None:
    (tmp_path / "text.gguf").write_text("this is no model")
    failed = run(command, "--model", "local:./text.gguf", cwd=tmp_path, env={"REDIS_URL": "127.0.0.1:9"})
    assert failed.returncode == 1
    assert re.fullmatch(r"Error: \S+/text.gguf is not a GGUF file; .+\n", failed.stderr)
    assert failed.stdout == ""

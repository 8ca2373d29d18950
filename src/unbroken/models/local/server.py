"""A process that serves one model with llama.cpp's own server, which speaks OpenAI's chat completions.

`python -m unbroken.models.local.server <parent's pid>` reads an `Order` from its standard input, as one line of JSON,
and answers with one line, a `Served`. It is a process of its own because loading a model holds the interpreter's lock
for seconds, and so that a crash in native code is not the worker's. It ends when its parent does.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

import msgspec

PR_SET_PDEATHSIG = 1
ERRORS_AND_WARNINGS = 2
STEP = 128
"""Tokens of a prompt that a processor reads in one step. Nothing interrupts it: others wait so long for their next
word, and a stopped reply for its end. Larger steps read no faster."""
CACHED_PROMPTS = 512
"""Megabytes that llama.cpp may fill with conversations that it need not read again; its own default is 8,192."""
PING = 5
"""Seconds after which it shows a sign of life while it reads a long prompt."""
SMALLEST = 2048
"""Tokens below which a conversation is not squeezed to save memory."""


class Order(msgspec.Struct):
    """What to serve.

    Attributes:
        size: bytes of the weights.
        token_bytes: memory for each token of context.
        context: tokens of each conversation with its answer.
        squeeze: whether it may be given fewer, if memory is short.
        replies: at once, at most.
        key: what requests have to carry.
        port: where to listen; 0 takes a free one.
    """

    path: str
    size: int
    token_bytes: int
    context: int
    squeeze: bool
    replies: int
    key: str
    port: int = 0


class Served(msgspec.Struct):
    """What became of it: either `error` is a sentence, empty if only the log knows, or the rest holds."""

    address: str = ""
    context: int = 0
    replies: int = 0
    error: str | None = None


def plan(order: Order, memory: int) -> tuple[int, int]:
    """How many replies at once, and with how much context, fit into so many bytes of memory.

    Fewer replies at once come first, then less context. Nothing is refused that has a chance: the cache of some models
    takes less than is known here.

    Raises:
        MemoryError: not even the weights fit.
    """
    if order.size > memory:
        raise MemoryError(
            f"the model needs {order.size / 1e9:.1f} GB of memory and {memory / 1e9:.1f} are free; take a smaller "
            "quantization, or a smaller model"
        )
    context, replies = order.context, order.replies
    room = memory - order.size
    while replies > 1 and replies * context * order.token_bytes > room:
        replies -= 1
    while order.squeeze and context // 2 >= SMALLEST and context * order.token_bytes > room:
        context //= 2
    return replies, context


def main() -> None:
    """Serves until the standard input ends, which it does with the parent."""
    _die_with(int(sys.argv[1]))
    order = msgspec.json.decode(sys.stdin.readline(), type=Order)
    import xllamacpp  # only here: it takes 100 MB

    try:
        replies, context = plan(order, _memory(xllamacpp))
    except MemoryError as error:
        _say(Served(error=str(error)))
        sys.exit(1)
    params = xllamacpp.CommonParams()
    params.model.path = order.path
    params.n_parallel = replies
    params.n_ctx = replies * context
    params.api_keys = [order.key]
    params.port = order.port
    params.cpuparams.n_threads = _threads()
    if all(device["name"] == "CPU" for device in xllamacpp.get_device_info()):
        params.n_batch = params.n_ubatch = STEP
    params.ui = False
    params.verbosity = ERRORS_AND_WARNINGS
    params.cache_ram_mib = CACHED_PROMPTS
    params.sse_ping_interval = PING
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:
        _say(Served(error=""))
        sys.exit(1)
    _say(Served(server.listening_address, context, replies))
    sys.stdin.read()
    os._exit(0)  # whoever asked is gone; running replies are nobody's


def _die_with(parent: int) -> None:
    """Asks the kernel for SIGKILL when the parent dies: while a model loads, nobody reads the standard input."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)


def _threads() -> int:
    """Leaves a core to Valkey, the server and the worker: threads that wait for one in the midst of a step are slow.

    With hyper-threading llama.cpp's own choice, -1, does so already.
    """
    try:
        hyper = Path("/sys/devices/system/cpu/smt/active").read_text().strip() == "1"
    except OSError:
        return -1
    return -1 if hyper else max(1, len(os.sched_getaffinity(0)) - 1)


def _memory(runtime: object) -> int:
    """Bytes that are free, on this machine and on its graphics cards."""
    free = 0
    for device in runtime.get_device_info():  # type: ignore[attr-defined]
        if device["name"] == "CPU":
            free += min(device["memory_free"], _available())
        else:
            free += device["memory_free"]
    return free


def _available() -> int:
    """What Linux says it could give: more than is free, since it counts what it only caches."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return sys.maxsize


def _say(served: Served) -> None:
    print(msgspec.json.encode(served).decode(), flush=True)  # noqa: T201 - the parent reads it


if __name__ == "__main__":
    main()

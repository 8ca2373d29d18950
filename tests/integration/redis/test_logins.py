"""TLS, users and passwords, sockets: redis-py's work, which must survive the hand-over."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import redis
import uvloop

from tests.conftest import StartValkey, make_settings
from tests.integration.redis.conftest import OpenBackend
from unbroken.backend import Backend
from unbroken.embedded import Embedded
from unbroken.errors import ConfigurationError


async def exercise(backend: Backend) -> None:
    """Every kind of connection, with payloads that do not fit into one TLS record."""
    tag = backend.keys.tags[0]
    payloads = [bytes([number]) * 50_000 for number in range(20)]
    router = backend.redis.router
    assert await asyncio.gather(*(router.command(tag, "ECHO", payload) for payload in payloads)) == payloads
    heard: list[bytes] = []
    live = backend.redis.live(lambda channel, payload: heard.append(payload), lambda channel: None)
    channel = f"{backend.keys.prefix}:channel"
    await live.subscribe(channel, tag)
    await router.command(tag, "SPUBLISH", channel, payloads[7])
    async with asyncio.timeout(20):
        while heard != [payloads[7]]:
            await asyncio.sleep(0.005)
    ready = backend.redis.ready((tag,), "worker")
    reading = asyncio.create_task(ready.read(30))
    await asyncio.sleep(0.02)
    await ready.wake()
    assert await reading == []


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cert.pem, self-signed for localhost, and key.pem."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
    extension = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command.split(), *extension], cwd=folder, check=True, capture_output=True)
    return folder


@asynccontextmanager
async def terminator(socket: str, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Speaks TLS for a server that cannot (the bundled one is built without it); gives its port."""
    running: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        inner, outer = await asyncio.open_unix_connection(socket)
        await asyncio.gather(pump(reader, outer), pump(inner, writer))
        running.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()
    if running:
        await asyncio.wait(running)


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_tls(valkey: Embedded, certificate: Path, run: Callable[..., None], prefix: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")

    async def main() -> None:
        async with terminator(valkey.address.removeprefix("unix://"), context) as port:
            url = f"rediss://localhost:{port}"
            with pytest.raises(ConfigurationError, match=r"^cannot connect to Redis \(.*certificate"):
                await Backend.open(make_settings(url, prefix=prefix))
            backend = await Backend.open(make_settings(f"{url}?ssl_ca_certs={certificate}/cert.pem", prefix=prefix))
            await exercise(backend)
            await backend.close()

    run(main())


async def test_every_server_of_a_cluster_is_reached_by_its_name_with_the_same_login_and_tls(
    private_valkey: StartValkey, open_backend: OpenBackend, certificate: Path, free_port: Callable[[], int]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    ports = ("--port", str(free_port()), "--cluster-port", str(free_port()))
    server = private_valkey(*ports, "--cluster-enabled", "yes", "--cluster-announce-hostname", "localhost")
    with pytest.raises(
        ConfigurationError, match="a cluster is not reached by a unix socket; set REDIS_URL to redis://"
    ):
        await open_backend(server.address)
    async with terminator(server.address.removeprefix("unix://"), context) as port:
        with redis.Redis.from_url(server.address) as admin:
            admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            admin.config_set("cluster-announce-port", port)
            admin.config_set("cluster-preferred-endpoint-type", "hostname")
            admin.config_set("requirepass", "s3cret")
        backend = await open_backend(f"rediss://:s3cret@127.0.0.1:{port}?ssl_ca_certs={certificate}/cert.pem")
        assert backend.redis.router._topology.node(backend.keys.tags[0]) == ("localhost", port)
        await exercise(backend)
        await backend.close()


async def test_a_unix_socket(private_valkey: StartValkey, open_backend: OpenBackend) -> None:
    address = private_valkey().address
    assert address.startswith("unix://")
    await exercise(await open_backend(address))


async def test_a_user_with_only_the_permissions_that_we_ask_for(
    private_valkey: StartValkey, open_backend: OpenBackend, free_port: Callable[[], int]
) -> None:
    port = free_port()
    server = private_valkey("--port", str(port))
    admin = (await open_backend(server.address)).redis.router
    bare = f"redis://app:s3cr%40t@127.0.0.1:{port}"

    with pytest.raises(ConfigurationError, match="refuses the login; check REDIS_USER and REDIS_PASSWORD"):
        await open_backend(bare)
    with pytest.raises(ConfigurationError, match="refuses the login"):
        await open_backend(server.address.replace("unix://", "unix://app:s3cr%40t@"))
    await admin.command("0", "ACL", "SETUSER", "app", "on", ">s3cr@t", "+@all", "-@admin", "-@dangerous")
    with pytest.raises(ConfigurationError, match="the Redis user lacks a permission") as caught:
        await open_backend(bare)
    assert "s3cr" not in str(caught.value)
    advice = str(caught.value).partition("; give it ")[2].split()
    await admin.command("0", "ACL", "SETUSER", "app", *advice)

    backend = await open_backend(bare)
    assert await backend.redis.router.command("0", "ACL", "WHOAMI") == b"app"
    await exercise(backend)
    token, session = await backend.store.create("Ada")
    assert (await backend.store.open(token)).id == session.id
    await backend.queue.accept(session.id, "m1", "hello")


async def test_a_password_for_everybody(
    private_valkey: StartValkey, open_backend: OpenBackend, free_port: Callable[[], int], prefix: str
) -> None:
    port = free_port()
    server = private_valkey("--port", str(port))
    admin = (await open_backend(server.address)).redis.router
    await admin.command("0", "CONFIG", "SET", "requirepass", "s3cret")
    with pytest.raises(ConfigurationError, match="wants a login; set REDIS_PASSWORD, and REDIS_USER if it has users"):
        await open_backend(f"redis://127.0.0.1:{port}")
    settings = make_settings("", redis_host="127.0.0.1", redis_port=port, redis_password="s3cret", prefix=prefix)
    backend = await Backend.open(settings)
    await exercise(backend)
    await backend.close()
    await admin.command("0", "CONFIG", "SET", "requirepass", "")

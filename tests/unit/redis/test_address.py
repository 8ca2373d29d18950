from __future__ import annotations

import pytest

from tests.conftest import make_settings
from unbroken.errors import ConfigurationError
from unbroken.redis.address import Address
from unbroken.redis.topology import Node


def test_one_server() -> None:
    url = "rediss://me:p%40ss@example.org:6380/2?ssl_ca_certs=/ca.pem"
    assert Address.parse(url) == Address(url, (Node("example.org", 6380),))
    assert Address.parse("redis://example.org") == Address("redis://example.org:6379", (Node("example.org", 6379),))


def test_a_socket() -> None:
    assert Address.parse("unix://me:pw@/run/redis.sock?db=1") == Address("unix://me:pw@/run/redis.sock?db=1", ())


def test_several_servers_of_a_cluster() -> None:
    assert Address.parse("redis://:pw@a:7000,b,[::1]:7002/?protocol=3") == Address(
        "redis://:pw@a:7000/?protocol=3", (Node("a", 7000), Node("b", 6379), Node("::1", 7002))
    )


def test_sentinels() -> None:
    found = Address.parse("redis+sentinel://me:pw@a,b:26380/chat/3")
    assert found == Address(
        "redis://me:pw@a:26379/3?", (Node("a", 26379), Node("b", 26380)), "chat", "redis://a:26379?"
    )


def test_sentinels_have_their_own_login_and_share_tls() -> None:
    found = Address.parse(
        "rediss+sentinel://me:pw@[::1]/my%20chat?sentinel_username=u&sentinel_password=p%2Fq&ssl_ca_certs=/ca&client_name=x"
    )
    assert found.nodes == (Node("::1", 26379),)
    assert found.service == "my chat"
    assert found.url == "rediss://me:pw@[::1]:26379/?ssl_ca_certs=%2Fca&client_name=x"
    assert found.sentinel_url == "rediss://u:p%2Fq@[::1]:26379?ssl_ca_certs=%2Fca"


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://me:s3cret@a:port",
        "redis://me:s3cret@a,,b",
        "redis://me:s3cret@a b:1:2",
        "redis://me:s3cret@[::1",
        "redis://me:s3cret@::1",
        "s3cret",
        "redis+sentinel://me:s3cret@a",
    ],
)
def test_what_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL") as caught:
        Address.parse(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "options", "address"),
    [
        ("host", {}, "redis://host"),
        ("a:1,b:2", {"redis_password": "p/w"}, "redis://:p%2Fw@a:1,b:2"),
        (
            "redis+sentinel://a,[::1]/chat",
            {"redis_user": "u", "redis_password": "p"},
            "redis+sentinel://u:p@a,[::1]/chat",
        ),
        ("redis://u:p@a?x=@", {"redis_password": "other"}, "redis://u:p@a?x=@"),
        ("redis://a/0?x=@", {"redis_password": "p"}, "redis://:p@a/0?x=@"),
        ("unix:///run/s", {"redis_password": "p"}, "unix://:p@/run/s"),
    ],
)
def test_login_and_address_are_put_together(url: str, options: dict[str, str], address: str) -> None:
    assert make_settings(url, **options).redis_address() == address


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL begins with http://; use redis://"):
        make_settings("http://x").redis_address()

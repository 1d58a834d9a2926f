from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from streams.webhooks.addresses import (
    ForbiddenAddressError,
    UnknownHostError,
    is_public,
    resolve,
    url_problem,
)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111"])
def test_addresses_of_the_open_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "198.18.0.1",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::", "::127.0.0.1",
    ],
)  # fmt: skip
def test_addresses_that_only_we_can_reach(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com", "example.com/x", "https://", "http:///x", "file:///etc/passwd",
        "https://user:secret@example.com/", "https://user@example.com", "http://a\\@b/",
        "https://exa mple.com", "https://example.com/\n", "https://b\u00fccher.example",
        "http://example.com:99999/", "http://example.com:0/", "http://[::1", "gopher://x/",
        "https://example.com/" + "x" * 2048,
    ],
)  # fmt: skip
def test_urls_that_are_none(url: str) -> None:
    assert url_problem(url)


@pytest.mark.parametrize(
    "url", ["https://example.com", "http://example.com:8080/a?b=c", "https://[2606:4700::1]/x"]
)
def test_urls_that_are_some(url: str) -> None:
    assert url_problem(url) is None


# What a resolver makes of these is an address of this machine.
@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/", "http://127.0.0.1/", "http://127.1/", "http://2130706433/",
        "http://0x7f000001/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://0/",
    ],
)  # fmt: skip
def test_this_machine_is_told_however_it_is_written(url: str) -> None:
    with pytest.raises(ForbiddenAddressError):
        asyncio.run(resolve(url, private=False))


def answering(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Let every name have these addresses; the names that are asked for."""
    asked = []

    def getaddrinfo(host: str, port: int, *rest: Any, **more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_is_asked_once_and_its_address_is_what_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = answering(monkeypatch, "93.184.216.34")
    target = asyncio.run(resolve("https://client.example/a/b?c=d#e", private=False))
    assert asked == ["client.example"]
    assert target.url == "https://93.184.216.34:443/a/b?c=d"
    assert (target.host, target.authority) == ("client.example", "client.example")


def test_a_name_with_one_inner_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, "93.184.216.34", "10.0.0.1")
    with pytest.raises(ForbiddenAddressError, match=r"10\.0\.0\.1"):
        asyncio.run(resolve("https://client.example/", private=False))
    assert asyncio.run(resolve("https://client.example/", private=True)).address == "93.184.216.34"


def test_a_name_that_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(*arguments: Any, **more: Any) -> list[Any]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(UnknownHostError, match=r"client\.example"):
        asyncio.run(resolve("https://client.example/", private=False))

"""Ports of a home."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from infra.embedded.errors import EmbeddedError
from infra.embedded.ports import LOOPBACK, Ports, is_free, next_free


def test_a_port_is_remembered_by_the_home(tmp_path: Path) -> None:
    first = Ports(tmp_path / "ports.json")["kafka"]
    assert Ports(tmp_path / "ports.json")["kafka"] == first


def test_each_name_has_a_port_of_its_own(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    assert len({ports[name] for name in ("a", "b", "c", "d")}) == 4


def test_a_remembered_port_that_somebody_took_is_chosen_again(tmp_path: Path) -> None:
    first = Ports(tmp_path / "ports.json")["kafka"]
    with socket.create_server((LOOPBACK, first)):
        second = Ports(tmp_path / "ports.json")["kafka"]
    assert second != first
    assert Ports(tmp_path / "ports.json")["kafka"] == second


def test_a_port_does_not_change_while_its_server_listens_on_it(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    with socket.create_server((LOOPBACK, ports["kafka"])) as server:
        assert ports["kafka"] == server.getsockname()[1]


def test_a_damaged_file_is_like_none(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{")
    assert Ports(tmp_path / "ports.json")["kafka"] > 0


def test_the_next_free_port_is_the_wanted_one_or_above_it() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]
        assert not is_free(taken)
        assert next_free(taken) > taken


def test_port_zero_is_any_free_port() -> None:
    assert is_free(next_free(0))


def test_when_no_port_is_free_the_error_names_the_setting() -> None:
    with (
        socket.create_server((LOOPBACK, 0)) as server,
        pytest.raises(EmbeddedError, match="API_PORT"),
    ):
        next_free(server.getsockname()[1], tries=1)

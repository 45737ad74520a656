"""What ``aiofrp`` keeps for its user: private files, whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from aiofrp.cli.own.saved import folder, save_server, saved_server, serve_token, write_private
from aiofrp.errors import ConfigError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder for configuration files."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return tmp_path / "aiofrp"


def test_the_server_is_read_as_it_was_saved(home: Path) -> None:
    assert saved_server() is None
    path = save_server("::1", 7001, 'a"b\\')
    assert path == str(home / "server.toml")
    assert saved_server() == {"serverAddr": "::1", "serverPort": 7001, "auth": {"token": 'a"b\\'}}


@pytest.mark.skipif(sys.platform == "win32", reason="it has no file modes")
def test_only_its_owner_reads_it(home: Path) -> None:
    save_server("a", 1, "t")
    assert stat.S_IMODE((home / "server.toml").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) & 0o077 == 0


def test_settings_added_by_hand_are_kept_in_mind(home: Path) -> None:
    save_server("a", 1, "")
    with (home / "server.toml").open("a") as file:
        file.write('transport.protocol = "quic"\n')
    assert saved_server() == {"serverAddr": "a", "serverPort": 1, "transport": {"protocol": "quic"}}


def test_a_file_without_a_server_is_refused(home: Path) -> None:
    home.mkdir()
    (home / "server.toml").write_text("serverPort = 1\n")
    with pytest.raises(ConfigError, match=r"server\.toml names no serverAddr"):
        saved_server()


def test_the_token_of_serve_is_made_once(home: Path) -> None:
    token = serve_token()
    assert len(token) >= 32
    assert serve_token() == token
    (home / "serve.token").unlink()
    assert serve_token() != token


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write .*: not a directory"):
        write_private(str(tmp_path / "file" / "a" / "b"), "")


def test_nothing_is_left_of_a_file_that_could_not_take_its_place(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConfigError, match=r"cannot write .*: is a directory"):
        write_private(str(tmp_path / "taken"), "text")
    assert os.listdir(tmp_path) == ["taken"]


def test_the_folder_of_a_user() -> None:
    assert folder({"XDG_CONFIG_HOME": "/x"}) == os.path.join("/x", "aiofrp")
    assert folder({}).startswith(os.path.expanduser("~"))

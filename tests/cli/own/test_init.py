"""``aiofrp init``: files that the programs accept, and that are not replaced unasked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aiofrp.cli.aiofrp import main
from aiofrp.config.load.files import load_client, load_server


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_both_files_fit_each_other(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "server", "--port", "7001", "--http", "8080"]) == 0
    typed = re.search(r"    aiofrp (init client --server HOST:7001 --token \S+)\n", capsys.readouterr().out)
    assert typed
    words = typed[1].replace("HOST", "127.0.0.1").split()
    assert main([*words, "--local-port", "80", "--domain", "a.example"]) == 0
    server, client = load_server("frps.toml").config, load_client("frpc.toml").config
    assert (server.bind_port, server.vhost_http_port) == (7001, 8080)
    assert (client.server_addr, client.server_port) == ("127.0.0.1", 7001)
    assert server.auth.token.reveal() == client.auth.token.reveal() != ""
    (proxy,) = client.proxies
    assert (proxy.type, proxy.name, proxy.local_port) == ("http", "web", 80)
    assert "# TCP port for clients.\nbindPort = 7001\n" in (folder / "frps.toml").read_text()


def test_a_file_is_replaced_only_when_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "frps.toml").write_text("mine")
    assert main(["init", "server"]) == 1
    assert capsys.readouterr().err.startswith("frps.toml exists; --force replaces it")
    assert (folder / "frps.toml").read_text() == "mine"
    assert main(["init", "server", "--force"]) == 0
    assert main(["init", "server", "-o", "other.toml"]) == 0
    assert load_server("frps.toml").config.bind_port == load_server("other.toml").config.bind_port == 7000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "--server is needed: Server (HOST or HOST:PORT)"),
        (["--server", "a"], "--local-port is needed: Port of the service on this machine"),
        (["--server", "a:b", "--local-port", "1"], '--server must be "host:port"'),
        (["--server", "a:70000", "--local-port", "1"], "with a port from 1 to 65535"),
        (["--server", "a", "--local-port", "70000"], "70000"),
    ],
)
def test_what_is_missing_is_named(
    words: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "client", *words]) == 1
    assert message in capsys.readouterr().err
    assert not (folder / "frpc.toml").exists()


def test_what_is_not_given_is_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["a.example:7001", "secret", "8000"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: next(answers))
    assert main(["init", "client"]) == 0
    config = load_client("frpc.toml").config
    assert (config.server_addr, config.server_port, config.auth.token.reveal()) == (
        "a.example",
        7001,
        "secret",
    )
    assert config.proxies[0].local_port == 8000

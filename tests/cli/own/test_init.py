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
        (
            ["--server", "a:b", "--local-port", "1"],
            "--server a:b is no address of a server. Give HOST or HOST:PORT",
        ),
        (["--server", "::1", "--local-port", "1"], "or [2001:db8::1]:7000"),
        (["--server", "http://a", "--local-port", "1"], "--server 'http://a' is no address of a server"),
        (["--server", "a b", "--local-port", "1"], "--server 'a b' is no address of a server"),
        (["--server", "7000", "--local-port", "1"], "--server 7000 is no address of a server"),
        (["--server", "a" * 254, "--local-port", "1"], "… is no address of a server"),
        (["--server", "", "--local-port", "1"], "--server '' has nothing in it"),
        (["--server", "a:70000", "--local-port", "1"], "with a port from 1 to 65535"),
        (["--server", "a", "--local-port", "70000"], "--local-port 70000 is no port. Give 1 to 65535\n"),
        (["--server", "a", "--local-port", "0"], "--local-port 0 is no port. Give 1 to 65535\n"),
        (
            ["--server", "a", "--remote-port", "-1"],
            "--remote-port -1 is no port. Give 1 to 65535, or 0 for any free",
        ),
        (["--server", "a", "--name", ""], "--name '' has nothing in it"),
        (["--server", "a", "--domain", "a b"], "--domain 'a b' is no host name"),
        (
            ["--server", "a", "--local-port", "1", "--domain", "a", "--remote-port", "2"],
            "--remote-port and --domain exclude each other",
        ),
    ],
)
def test_what_is_missing_is_named(
    words: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "client", *words]) == 1
    assert message in capsys.readouterr().err
    assert not (folder / "frpc.toml").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--port", "0"], "--port 0 is no port. Give 1 to 65535\n"),
        (["--port", "99999"], "--port 99999 is no port. Give 1 to 65535\n"),
        (["--http", "99999"], "--http 99999 is no port. Give 1 to 65535, or 0 for none\n"),
        (["--https", "x"], "--https x is no port. Give 1 to 65535, or 0 for none\n"),
        (["--domain", "*.a"], "--domain '*.a' is no host name"),
        (["--output", ""], "--output '' has nothing in it"),
        (["--output", "."], ". is a folder; --output names a file\n"),
        (["--output", ".", "--force"], ". is a folder; --output names a file\n"),
        (["--force=maybe"], "--force maybe is neither true nor false"),
    ],
)
def test_wrong_flags_of_a_server(
    words: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "server", *words]) == 1
    assert message in capsys.readouterr().err
    assert not list(folder.iterdir())


def test_a_wrong_answer_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: "99999")
    assert main(["init", "client", "--server", "a", "--token", "t"]) == 1
    assert capsys.readouterr().err == "99999 is no port. Give 1 to 65535\n"


def test_a_token_is_quoted_for_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "server", "--token", "a b"]) == 0
    assert "--server HOST:7000 --token 'a b'\n" in capsys.readouterr().out


def test_an_unknown_kind_of_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "both"]) == 1
    assert 'unknown command "both" for "aiofrp init"' in capsys.readouterr().err


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

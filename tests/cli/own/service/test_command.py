"""``aiofrp service``, as it is typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiofrp.cli.aiofrp import main


@pytest.mark.skipif("sys.platform != 'linux'")
def test_what_would_be_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server, client = tmp_path / "s.toml", tmp_path / "c.toml"
    server.write_text("bindPort = 7000\nvhostHTTPPort = 80\n")
    client.write_text(
        'serverAddr = "frp.test"\nvirtualNet.address = "100.86.0.1/24"\nfeatureGates = { VirtualNet = true }\n'
    )
    assert main(["service", "install", "-c", str(server), "--print"]) == 0
    text = capsys.readouterr().out
    assert "/frps -c %d/s.toml" in text
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in text
    assert main(["service", "install", "-c", str(client), "--print", "--as", "frp", "--name", "tunnel"]) == 0
    text = capsys.readouterr().out
    assert f"/frpc -c {client}" in text
    assert "AmbientCapabilities=CAP_NET_ADMIN\n" in text
    assert "PrivateDevices=no\n" in text


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "-c FILE is needed"),
        (("-c", "/nowhere"), "no such file"),
        (("-c", "{file}", "--program", "x"), "frps or frpc"),
        (("-c", "{file}", "--name", "../x"), "--name '../x' is no name of a service. Give letters"),
        (("-c", "{file}", "--as", "a", "--user"), "exclude each other"),
        (("-c", "/a\nUser=root"), "--config '/a\\nUser=root': the file of a service cannot hold this name"),
        (("-c", "{file}", "--as", "a b"), "--as 'a b' is no name of an account"),
        (
            ("-c", "{file}", "--as", "no.such.account"),
            "--as no.such.account: this machine has no account of that",
        ),
        (("-c", "{file}", "--name", ""), "--name '' has nothing in it"),
        (("-c", "{file}", "--print=maybe"), "--print maybe is neither true nor false"),
        (("-c", "{file}", "--program", "frps"), "loginFailExit"),
    ],
)
def test_what_cannot_be(
    words: tuple[str, ...], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "c.toml"
    file.write_text("loginFailExit = true\n")
    assert main(["service", "install", *(word.format(file=file) for word in words)]) == 1
    assert text in capsys.readouterr().err


def test_a_service_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["service", "uninstall", "--name", "no-such-service-here"]) == 1
    assert "there is no service" in capsys.readouterr().err

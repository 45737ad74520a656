"""``aiofrp doctor``, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiofrp.cli.aiofrp import main


@pytest.fixture(autouse=True)
def the_log_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiofrp.logs.silence", lambda: None)


def test_a_client(tmp_path: Path, free_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    file, bundle = tmp_path / "frpc.toml", tmp_path / "report.tar.gz"
    file.write_text(f'serverAddr = "127.0.0.1"\nserverPort = {free_port}\n')
    assert main(["doctor", "-c", str(file), "--bundle", str(bundle)]) == 1
    seen = capsys.readouterr()
    assert "a configuration of frpc without mistakes" in seen.out
    assert "1 problem, " in seen.out.splitlines()[-1]
    assert "is written" in seen.err
    assert bundle.exists()
    assert main(["doctor", "-c", str(file), "--json"]) == 1
    tree = json.loads(capsys.readouterr().out)
    assert (tree["program"], tree["ok"]) == ("frpc", False)
    assert [check["name"] for check in tree["checks"] if check["outcome"] == "problem"] == ["reach (tcp)"]


def test_a_server(tmp_path: Path, free_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s.toml"
    file.write_text(f'bindAddr = "127.0.0.1"\nbindPort = {free_port}\nauth.token = "long enough"\n')
    assert main(["doctor", "-c", str(file)]) == 0
    assert f"127.0.0.1:{free_port} is free" in capsys.readouterr().out


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "frpc.toml"
    file.write_text("serverPort = true\n")
    assert main(["doctor", "-c", str(file)]) == 1
    assert "mend the file" in capsys.readouterr().out
    assert main(["doctor", "-c", str(tmp_path / "none"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["checks"][0]["outcome"] == "problem"
    assert main(["doctor"]) == 1
    assert main(["doctor", "-c", str(file), "--program", "x"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "-c FILE is needed: a configuration of frpc or frps",
        "--program is frps or frpc, not x",
    ]

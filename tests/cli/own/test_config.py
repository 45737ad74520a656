"""``aiofrp config``: schema, convert, show, and whose file it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiofrp.cli.aiofrp import main
from aiofrp.cli.own.config import guess_program
from tests.config.cases import GOOD, good_cases


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    for program, key in (("server", "bindPort"), ("client", "proxies")):
        assert main(["config", "schema", program]) == 0
        assert key in json.loads(capsys.readouterr().out)["properties"]


def test_convert(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "frps.yaml"
    path.write_text("bindPort: 7001\n")
    assert main(["config", "convert", str(path)]) == 0
    assert "bindPort = 7001\n" in capsys.readouterr().out


def test_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.toml"
    path.write_text('serverAddr = "a"\nauth.token = "t"\nbogus = 1\n')
    assert main(["config", "show", "--lenient", str(path)]) == 0
    assert 'auth.token = "***"' in capsys.readouterr().out
    assert main(["config", "show", "--lenient", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["serverAddr"] == "a"


def test_errors_go_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("show", "convert"):
        assert main(["config", command, str(tmp_path / "no")]) == 1
        output = capsys.readouterr()
        assert (output.out, output.err) == ("", f"open {tmp_path}/no: no such file or directory\n")


def test_whose_file_it_is() -> None:
    wrong = [
        case["name"]
        for case in good_cases()
        if guess_program(case["file"], (GOOD / case["file"]).read_bytes()) != case["program"]
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show"], "Error: aiofrp config show needs FILE"),
        (["schema", "frob"], "Error: there is a schema for server and for client, not for frob"),
        (["show", __file__, "--program", "frob"], "Error: --program is one of frps, frpc, not frob"),
    ],
)
def test_wrong_words(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", *words]) == 1
    assert capsys.readouterr().err.startswith(message)

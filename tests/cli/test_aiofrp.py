"""The command ``aiofrp``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from aiofrp.cli.aiofrp import guess_program, main
from aiofrp.version import __version__
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


def test_it_runs_as_a_module() -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; from aiofrp.cli.aiofrp import main; sys.exit(main())",
        "--version",
    ]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{__version__}\n"

"""The benchmark's command line, on a direct connection."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import report, run
from bench.pairs import Commands


def test_a_short_run_stores_and_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.json"
    command = "--pair direct --scenario tls-mux --tests down,conn --rounds 1 --seconds 0.1 --json"
    assert run.main([*command.split(), str(path)]) == 0
    stored = json.loads(path.read_text())
    assert stored["scenarios"][0]["results"]["conn"]["direct"][0]["per_s"] > 0
    printed = capsys.readouterr().out
    assert "| bulk down, MB/s |" in printed
    assert printed == report.render(stored)


def test_pairs_are_named_with_their_commands() -> None:
    parsed = Commands.parse("go=/x/frps --a,/x/frpc '--b c'")
    assert parsed == Commands("go", ("/x/frps", "--a"), ("/x/frpc", "--b c"))


@pytest.mark.parametrize(
    "arguments", ["--pair nonsense", "--pair a=b", "--pair =a,b", "--tests down,nonsense"]
)
def test_a_wrong_command_line_is_told(arguments: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run.parse(arguments.split())
    assert "scripts/bench: error: --" in capsys.readouterr().err

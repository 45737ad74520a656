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


def run_ours(tmp_path: Path, scenario: str, tests: list[str], seconds: float) -> report.Results:
    """A short run of our programs."""
    path = tmp_path / "run.json"
    command = f"--pair aiofrp --scenario {scenario} --rounds 1 --seconds {seconds} --tests"
    assert run.main([*command.split(), ",".join(tests), "--json", str(path)]) == 0
    results: report.Results = json.loads(path.read_text())["scenarios"][0]["results"]
    return results


def test_every_test_measures_our_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = [name for name, test in run.TESTS.items() if name != "hold" and test.proxy != "xtcp"]
    results = run_ours(tmp_path, "plain-mux", tests, 0.3)
    shown = capsys.readouterr().out
    for name in tests:
        (found,) = results[name]["aiofrp"]
        assert found.get("bytes", 0) > 0 or found.get("per_s", 0) > 0 or found.get("p99_us", 0) > 0, name
        for row in report.ROWS:
            assert row.test != name or row.trouble or row.title in shown


@pytest.mark.parametrize("scenario", ["v2", "websocket", "quic", "kcp-loss"])
def test_transports_carry(scenario: str, tmp_path: Path) -> None:
    (found,) = run_ours(tmp_path, scenario, ["down"], 0.2)["down"]["aiofrp"]
    assert found["bytes"] > 0


def test_a_tunnel_of_xtcp_carries(tmp_path: Path) -> None:
    (found,) = run_ours(tmp_path, "xtcp-kcp-loss", ["xtcp"], 0.2)["xtcp"]["aiofrp"]
    assert found["bytes"] > 0


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

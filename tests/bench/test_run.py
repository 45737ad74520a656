"""The benchmark's command line, on a direct connection."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import report, run
from bench.pairs import Commands
from tests.support.native import require


def stored_run(tmp_path: Path, tests: str, *more: str) -> dict[str, Any]:
    """A short run without a tunnel."""
    path = tmp_path / "run.json"
    command = f"--pair direct --scenario tls-mux --tests {tests} --rounds 1 --seconds 0.1 --json"
    assert run.main([*command.split(), str(path), *more]) == 0
    stored: dict[str, Any] = json.loads(path.read_text())
    return stored


def test_a_short_run_stores_and_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = stored_run(tmp_path, "down,conn")
    assert stored["scenarios"][0]["results"]["conn"]["direct"][0]["per_s"] > 0
    printed = capsys.readouterr().out
    assert "| bulk down, MB/s |" in printed
    assert printed == report.render(stored)


def test_the_load_generator_in_c_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require()
    stored = stored_run(tmp_path, "ping,udp")
    assert stored["load_generator"].startswith("in C for the service, ping, ")
    for test in ("ping", "udp"):
        (found,) = stored["scenarios"][0]["results"][test]["direct"]
        assert found["errors"] == 0  # which Python's do not count
    assert "The load generator: in C for " in capsys.readouterr().out


def test_python_can_be_the_load_generator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = stored_run(tmp_path, "ping", "--python-load")
    (found,) = stored["scenarios"][0]["results"]["ping"]["direct"]
    assert found["per_s"] > 0
    assert "errors" not in found
    assert "The load generator: in Python.\n" in capsys.readouterr().out


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


@pytest.mark.parametrize("scenario", ["v2", "websocket", "quic", "kcp-loss", "user-plugin"])
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

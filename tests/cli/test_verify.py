"""``verify`` of both programs over all recorded good configurations, with their exact output."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

from aiofrp.cli import frpc, frps
from tests.config.cases import GOOD, good_cases

#: INI files with keys that have no effect: the reference passes over them in silence, we name them.
IGNORED_KEYS = {"frps-ini-full", "frps-ini-old", "frps-ini-in-toml-name", "frpc-ini-full", "frpc-ini-quirks"}
#: Other lines before the reference's: no mistakes, and yet not what somebody wants.
WARNINGS = re.compile(
    "(WARNING: )?(auth.token is empty|(transport|webServer).tls: open |serverPort: 99999 )|  hint: there is no file "
)
PROGRAMS = {"frps": frps.main, "frpc": frpc.main}


@pytest.fixture(autouse=True)
def in_the_folder_of_the_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOOD)
    for name in [name for name in os.environ if name.startswith("VEC_") or name.lower() == "http_proxy"]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("case", good_cases(), ids=lambda case: case["name"])
def test_a_good_file_is_said_to_be_so(
    case: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (case.get("env") or {}).items():
        monkeypatch.setenv(name, value)
    arguments = ["verify", "-c", case["file"], *case.get("extra_args", [])]
    if not case.get("strict", True):
        arguments.append("--strict_config=false")
    assert PROGRAMS[case["program"]](arguments) == 0
    seen = capsys.readouterr()
    more = seen.out.removesuffix(case["verify_stdout"])
    assert more + case["verify_stdout"] == seen.out
    assert seen.err == ""
    lines = more.splitlines()
    if case["name"] in IGNORED_KEYS:
        assert lines[0].startswith("WARNING: [")
    else:
        assert [line for line in lines if not WARNINGS.match(line)] == []
        assert not lines or lines[0].startswith("WARNING: ")


def test_an_open_feature_gate_counts(capsys: pytest.CaptureFixture[str], tmp_path: Any) -> None:
    path = tmp_path / "gate.toml"
    path.write_text('featureGates = { VirtualNet = true }\nvirtualNet.address = "100.86.0.1/24"\n')
    assert frpc.main(["verify", "-c", str(path)]) == 0
    assert capsys.readouterr().out == f"frpc: the configuration file {path} syntax is ok\n"

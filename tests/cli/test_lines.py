"""Command lines beside recordings of the reference: errors word for word, help pages line for line.

The sentences that explain a command or a flag are our own; names, short forms, types, defaults and the order are not.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from aiofrp.cli import frpc, frps

RECORDED = json.loads((Path(__file__).parent.parent / "vectors/cli/lines.json").read_text(encoding="utf-8"))
PROGRAMS = {"frps": frps.main, "frpc": frpc.main}

_FLAG = re.compile(r"  (?:-\w, |    )--[\w-]+(?: [A-Za-z]+)?(?=   )")
_DEFAULT = re.compile(r" \(default [^)]*\)$")
#: What a visitor's page says more than the reference's, which fills in this default without saying so.
_MORE = ' (default "127.0.0.1")'
#: Flags that the reference has not.
_OURS = re.compile(r"  (?:-\w, |    )--(?:json|watch|log-format)\b")
_COMMAND = re.compile(r"  [a-z]+ +(?=\S)")


def outline(page: str) -> list[str]:
    """A help page without the sentences about commands, flags and shells."""
    lines, section = [], ""
    if not page.startswith(("Usage:", "Error:")) and "\n\nUsage:" in page:
        page = page[page.index("\n\nUsage:") + 2 :]
    for line in page.splitlines():
        if line and not line.startswith((" ", "\t")):
            section = line
        if _OURS.match(line):
            continue
        if flag := _FLAG.match(line):
            default = _DEFAULT.search(line)
            lines.append(flag.group() + (default.group() if default else ""))
        elif section.startswith("Available") and (command := _COMMAND.match(line)):
            lines.append(command.group().rstrip())
        elif line and not section.startswith("To load"):
            lines.append(line)
    return lines


@pytest.mark.parametrize(
    "case", RECORDED, ids=lambda case: f"{case['program']} {' '.join(case['args'])}"[:60]
)
def test_a_command_line_means_what_it_means_to_the_reference(
    case: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert PROGRAMS[case["program"]](case["args"]) == case["exit_code"]
    seen = capsys.readouterr()
    lines = [
        line
        for line in outline(seen.out)
        if not line.startswith(("hint: ", "  name: a proxy or visitor has no name."))
    ]
    if "visitor" in case["args"]:
        lines = [line.removesuffix(_MORE) if "--bind-addr" in line else line for line in lines]
    assert lines == outline(case["stdout"])
    if case["stderr"].startswith("Unknown help"):
        assert seen.err.splitlines()[0] == case["stderr"].splitlines()[0]
    else:
        assert seen.err.startswith(case["stderr"])
        assert bool(seen.err) == bool(case["stderr"])


def test_an_error_is_followed_by_the_whole_usage(capsys: pytest.CaptureFixture[str]) -> None:
    frpc.main(["status", "--bogus"])
    error = capsys.readouterr().err
    frpc.main(["status", "--help"])
    page = capsys.readouterr().out
    assert error == "Error: unknown flag: --bogus\n" + page[page.index("Usage:") :] + "\n"

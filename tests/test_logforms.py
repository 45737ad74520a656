"""The forms of log lines."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from aiofrp import logs
from aiofrp.cli import frpc
from aiofrp.config.flags import values
from aiofrp.logforms import FORMS, FrpForm, HumanForm, JsonForm
from tests.support.procs import running


def record(text: str = "hello %s", *args: object, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("aiofrp.client.control", level, "/a/client/control.py", 165, text, args, None)


# frp's


def test_a_line() -> None:
    line = FrpForm(colour=False).format(record("hello %s", "you"))
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}"
    assert re.fullmatch(stamp + r" \[I\] \[client/control\.py:165\] hello you", line)


@pytest.mark.parametrize(
    ("level", "letter", "code"),
    [
        (logs.TRACE, "T", ""),
        (10, "D", "1;36"),
        (20, "I", "1;34"),
        (30, "W", "1;33"),
        (40, "E", "1;31"),
        (50, "E", "1;31"),
    ],
)
def test_levels_and_colours(level: int, letter: str, code: str) -> None:
    line = FrpForm(colour=True).format(record("x", level=level))
    assert f" [{letter}] " in line
    assert line.startswith(f"\x1b[{code}m") if code else not line.startswith("\x1b")
    assert line.endswith("\x1b[0m") if code else line.endswith("x")


def test_names_that_peers_choose_forge_nothing() -> None:
    line = FrpForm(colour=False).format(record("proxy [%s]", "a\n2026-11-22 [I] b\x1b[2J\r\tc"))
    assert line.endswith("proxy [a\n  2026-11-22 [I] b\\x1b[2J\\x0d\tc]")


# For people


@pytest.mark.parametrize(
    ("level", "mark", "plain"),
    [(logs.TRACE, "·", "."), (10, "·", "."), (20, "•", "-"), (30, "▲", "!"), (40, "✗", "x")],
)
def test_marks(level: int, mark: str, plain: str) -> None:
    for marks, expected in ((True, mark), (False, plain)):
        line = HumanForm(marks=marks).format(record("[ssh] started", level=level))
        assert re.fullmatch(rf"\d\d:\d\d:\d\d {re.escape(expected)} \[ssh\] started", line)


def test_colours_for_people() -> None:
    form = HumanForm(colour=True)
    plain = re.compile("\x1b\\[[0-9;]*m")
    for level in (logs.TRACE, 20, 30, 40):
        for text in ("[a] [b] hello", "hello [a]", "[not closed", ""):
            line = form.format(record("%s", text, level=level))
            assert plain.sub("", line) == HumanForm().format(record("%s", text, level=level))
            assert line.startswith("\x1b[2m")
            assert plain.findall(line)[-1] in ("\x1b[0m",)
    assert form.format(record("[a] hello", level=40)).endswith("\x1b[2m[a] \x1b[0m\x1b[31mhello\x1b[0m")


def test_names_forge_nothing_for_people() -> None:
    for form in (HumanForm(), HumanForm(colour=True), JsonForm()):
        line = form.format(record("proxy [%s]", "a\nb\x1b[2J\rc"))
        assert "\r" not in line
        assert "\x1b[2J" not in line
        assert line.count("\n") == (0 if isinstance(form, JsonForm) else 1)


# For programs


def test_a_line_of_json() -> None:
    form = JsonForm()
    line = form.line(1000.25, 30, "/a/client/control.py", 165, "[dd6a1f] [ssh] started: [x] ü")
    assert line.isascii()
    assert json.loads(line) == {
        "time": "1970-01-01T00:16:40.250Z",
        "level": "warn",
        "source": "client/control.py:165",
        "names": ["dd6a1f", "ssh"],
        "text": "started: [x] ü",
    }
    levels = [json.loads(form.format(record("x", level=level)))["level"] for level in (5, 10, 20, 30, 40, 50)]
    assert levels == ["trace", "debug", "info", "warn", "error", "error"]
    assert json.loads(form.format(record("no names")))["names"] == []


def test_an_exception_in_json() -> None:
    try:
        raise OSError("broken")
    except OSError:
        made = logging.LogRecord("x", 40, "/a/b.py", 1, "failed", (), sys.exc_info())
    text = json.loads(JsonForm().format(made))["text"]
    assert text.startswith("failed\nTraceback")
    assert text.endswith("OSError: broken")


# The flag


def test_the_flag_has_all_forms(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(values._LOG_FORMS) == set(FORMS)
    assert frpc.main(["--log-format", "xml"]) == 1
    expected = 'Error: invalid argument "xml" for "--log-format" flag: it is one of frp, human, json\n'
    assert capsys.readouterr().err.startswith(expected)


async def test_programs_write_the_form_that_is_asked_for(tmp_path: Path, free_port: int) -> None:
    server = [sys.executable, "-m", "aiofrp.cli.frps", "--bind-addr", "127.0.0.1", "-p", str(free_port)]
    async with running([*server, "--log-format", "json"], tmp_path / "a") as program:
        await program.line("frps started successfully")
        program.send(signal.SIGTERM)
        assert await program.ended() == 0
        lines = [json.loads(line) for line in program.text.splitlines()]
        assert all(line["level"] == "info" for line in lines)
    client = [sys.executable, "-m", "aiofrp.cli.frpc", "tcp", "-P", str(free_port), "-l", "1", "-n", "a"]
    async with running([*client, "-r", "0", "--log-format", "human"], tmp_path / "b") as program:
        assert await program.ended() == 1
        assert re.search(r"^\d\d:\d\d:\d\d (•|-) try to connect to server\.\.\.$", program.text, re.M)


async def test_a_terminal_gets_the_form_for_people(tmp_path: Path, free_port: int) -> None:
    ours, theirs = os.openpty()
    try:
        client = f"exec {sys.executable} -m aiofrp.cli.frpc tcp -P {free_port} -l 1 -n a -r 0 >{os.ttyname(theirs)}"
        async with running(["sh", "-c", client], tmp_path / "log") as program:
            assert await program.ended() == 1
        shown = os.read(ours, 65536)
    finally:
        os.close(ours)
        os.close(theirs)
    assert b"try to connect to server" in shown
    assert b"[I]" not in shown

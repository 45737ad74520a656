"""The form of log lines, where they go, and log files over the days."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import errno
import io
import logging
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from aiofrp import logforms, loghandlers, logs, output

DAY = 86400.0


pytestmark = pytest.mark.usefixtures("the_loggers_afterwards")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, *when: Any) -> None:
        self.now = datetime.datetime(*when).timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(2026, 11, 22, 23, 59, 58)


def record(text: str = "hello %s", *args: object, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("aiofrp.client.control", level, "/a/client/control.py", 165, text, args, None)


# The console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("terminal", "wished", "coloured"), [(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 0)])
def test_colours_on_a_terminal_only(
    terminal: bool, wished: bool, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    logs.setup(loghandlers.Console(colour=wished))
    logs.get("aiofrp.x").info("hello")
    assert ("\x1b" in output.getvalue()) == coloured
    assert ("[I]" in output.getvalue()) == (not terminal)


@pytest.mark.parametrize(
    ("form", "encoding", "begin"),
    [("", "utf-8", " • hello"), ("", "ascii", " - hello"), ("", "", " - hello"), ("frp", "utf-8", "] hello")],
)
def test_a_terminal_has_the_form_for_people(
    form: str, encoding: str, begin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Encoded(Terminal):
        @property
        def encoding(self) -> str:  # type: ignore[override]  # io.StringIO has none
            return encoding

    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", terminal := Encoded())
    logs.setup(loghandlers.Console(colour=True, form=form))
    logs.get("aiofrp.x").info("hello")
    assert terminal.getvalue().endswith(f"{begin}\n")
    assert "\x1b" not in terminal.getvalue()


@pytest.mark.parametrize(("form", "begin"), [("", "20"), ("json", '{"time"'), ("human", "")])
def test_a_file_has_the_form_of_frp_unless_asked(tmp_path: Path, form: str, begin: str) -> None:
    path = tmp_path / "log"
    logs.setup(loghandlers.DailyFile(str(path), 3, form=form))
    logs.get("aiofrp.x").info("hello")
    assert path.read_text().startswith(begin)
    assert "\x1b" not in path.read_text()


def test_a_full_console_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        logs.setup()
        logs.get("aiofrp.x").info("hello")
        monkeypatch.undo()
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            full.flush()  # the line is still there, else the test has shown nothing
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, full.fileno())
        os.close(nothing)
    assert capsys.readouterr().err == ""


# Files


def lines(path: Path) -> list[str]:
    return [line.rpartition("] ")[2] for line in path.read_text().splitlines()]


def test_a_file_is_made_with_its_folders_and_for_its_owner_only(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "a" / "b" / "frps.log"
    handler = loghandlers.DailyFile(str(path), 3, clock=clock)
    handler.emit(record("one"))
    handler.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert lines(path) == ["one"]
    assert "\x1b" not in path.read_text()


def test_a_file_is_continued(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "frps.log"
    for text in ("one", "two"):
        handler = loghandlers.DailyFile(str(path), 3, clock=clock)
        handler.emit(record(text))
        handler.close()
    assert lines(path) == ["one", "two"]


def test_a_file_is_renamed_at_midnight(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "frps.log"
    handler = loghandlers.DailyFile(str(path), 3, clock=clock)
    handler.emit(record("before"))
    clock.now += 1
    handler.emit(record("also before"))
    clock.now += 1
    handler.emit(record("after"))
    handler.emit(record("also after"))
    clock.now += DAY
    handler.emit(record("the next day"))
    handler.close()
    assert {file.name: lines(file) for file in tmp_path.iterdir()} == {
        "frps.20261123-000000.log": ["before", "also before"],
        "frps.20261124-000000.log": ["after", "also after"],
        "frps.log": ["the next day"],
    }


@pytest.mark.parametrize(
    ("name", "backup"), [("frps", "frps.20261123-000000"), ("a.b.log", "a.b.20261123-000000.log")]
)
def test_names_of_renamed_files(tmp_path: Path, clock: Clock, name: str, backup: str) -> None:
    handler = loghandlers.DailyFile(str(tmp_path / name), 3, clock=clock)
    clock.now += 2
    handler.emit(record("x"))
    handler.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([name, backup])


@pytest.mark.parametrize(
    ("days", "kept"),
    [(3, {"20261121", "20261122"}), (0, set()), (-1, {"20261110", "20261118", "20261121", "20261122"})],
)
def test_old_files_are_deleted(tmp_path: Path, clock: Clock, days: int, kept: set[str]) -> None:
    for day in ("20261110", "20261118", "20261121", "20261122"):
        (tmp_path / f"frps.{day}-000000.log").touch()
    others = {
        "frps.old.log",
        "frps.20261110-000000.txt",
        "frpc.20261110-000000.log",
        "frps.20261399-000000.log",
    }
    for name in others:
        (tmp_path / name).touch()
    handler = loghandlers.DailyFile(str(tmp_path / "frps.log"), days, clock=clock)
    clock.now += 2
    handler.emit(record("x"))
    handler.close()
    left = {file.name for file in tmp_path.iterdir()} - others - {"frps.log", "frps.20261123-000000.log"}
    assert left == {f"frps.{day}-000000.log" for day in kept}


def test_midnight_where_clocks_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        for day, hours in (((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)):
            start = time.mktime((*day, 0, 0, 0, 0, 0, -1))
            assert loghandlers.next_midnight(start) - start == hours * 3600
            assert loghandlers.next_midnight(start + hours * 3600 - 1) == start + hours * 3600
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_device_is_not_renamed(clock: Clock, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    handler = loghandlers.DailyFile(str(pipe), 3, clock=clock)
    clock.now += 2
    handler.emit(record("after midnight"))
    handler.close()
    assert os.read(reader, 1000).endswith(b"after midnight\n")
    os.close(reader)
    assert [file.name for file in tmp_path.iterdir()] == ["pipe"]


def test_a_pipe_that_nobody_reads_is_not_waited_for(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    handler = loghandlers.DailyFile(str(path), 3, clock=clock)
    assert "lines are lost" in capsys.readouterr().err
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    clock.now += 20
    for number in range(2000):
        handler.emit(record(f"line {number}." + "x" * 90))
    seen = read_all(reader)
    handler.emit(record("after"))
    seen += read_all(reader)
    os.close(reader)
    handler.close()
    lines = seen.decode().splitlines()
    assert lines[-1].endswith("after")
    assert lines[-2] == f"{2002 - len(lines)} lines were lost, as nobody read them"
    assert [f"line {number}.x" in line for number, line in enumerate(lines[:-2])] == [True] * (len(lines) - 2)


def read_all(descriptor: int) -> bytes:
    """What is there."""
    data = b""
    with contextlib.suppress(BlockingIOError):
        while more := os.read(descriptor, 65536):
            data += more
    return data


def test_a_line_that_was_cut_is_finished() -> None:
    """And a file that takes little at a time makes nothing grow."""
    lines, taken = output.Lines(), []

    class Slow(io.RawIOBase):
        places = 4

        def write(self, data: Any, /) -> int | None:
            piece = bytes(data[: self.places])
            taken.append(piece)
            return len(piece) or None

    file = Slow()
    lines.write(file, b"first\n")
    file.places = 0
    lines.write(file, b"second\n")
    file.places = 100
    lines.write(file, b"third\n")
    assert b"".join(taken) == b"first\n1 lines were lost, as nobody read them\nthird\n"
    file.places = 1
    for _ in range(output.MAX_KEPT // 500):
        lines.write(file, b"x" * 999 + b"\n")
    assert len(lines._rest) < output.MAX_KEPT + 1000
    assert lines._lost


# Files that cannot be written


def test_a_file_that_cannot_be_made_is_tried_again(
    tmp_path: Path, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("this is no folder")
    path = tmp_path / "taken" / "frps.log"
    handler = loghandlers.DailyFile(str(path), 3, clock=clock)
    handler.emit(record("lost"))
    clock.now -= 3600
    (tmp_path / "taken").unlink()
    clock.now += 3600
    handler.emit(record("lost too"))
    clock.now -= 3600 - 10
    handler.emit(record("lost as well"))
    clock.now += 3600
    handler.emit(record("kept"))
    handler.close()
    assert lines(path) == ["kept"]
    assert capsys.readouterr().err.count("cannot write the log file") == 1


def test_a_full_disk_is_told_once(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    handler = loghandlers.DailyFile("/dev/full", 3, clock=clock)
    for _ in range(3):
        handler.emit(record("lost"))
        clock.now += 11
    handler.close()
    message = f"cannot write the log file /dev/full: {os.strerror(errno.ENOSPC)}; lines are lost\n"
    first, second = capsys.readouterr().err.splitlines(keepends=True)
    assert first == message
    assert second.startswith("hint: the disk is full. ")


def test_a_file_that_somebody_renames_or_deletes_is_made_anew(tmp_path: Path, clock: Clock) -> None:
    path, old = tmp_path / "log", tmp_path / "log.1"
    handler = loghandlers.DailyFile(str(path), 3, clock=clock)
    handler.emit(record("one"))
    path.rename(old)
    handler.emit(record("two"))  # within the second
    clock.now += 1
    handler.emit(record("three"))
    path.unlink()
    clock.now -= 5  # a clock that was set
    handler.emit(record("four"))
    handler.close()
    assert [line.rpartition(" ")[2] for line in old.read_text().splitlines()] == ["one", "two"]
    assert [line.rpartition(" ")[2] for line in path.read_text().splitlines()] == ["four"]


def test_a_folder_that_is_gone_comes_back(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "log" / "frps.log"
    handler = loghandlers.DailyFile(str(path), 3, clock=clock)
    path.unlink()
    path.parent.rmdir()
    clock.now += 2
    handler.emit(record("after midnight"))
    handler.close()
    assert lines(path) == ["after midnight"]


def test_names_that_are_no_text_reach_the_file_as_they_came(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "frps.log"
    handler = loghandlers.DailyFile(str(path), 3, clock=clock)
    handler.emit(record("\udcff"))
    handler.close()
    assert path.read_bytes().endswith(b" \xff\n")


# Lines of one turn of the event loop


class Recorded(loghandlers.LineHandler):
    """Keeps what is written in one piece as one item."""

    def __init__(self) -> None:
        super().__init__(logforms.FrpForm())
        self.added: list[str] = []
        self.written: list[list[str]] = []

    def add(self, line: str) -> None:
        self.added.append(line.rpartition("] ")[2].strip())

    def write(self) -> None:
        if self.added:
            self.written.append(self.added)
            self.added = []


async def test_the_lines_of_a_turn_are_written_together() -> None:
    logs.setup(handler := Recorded())
    log = logs.get("aiofrp.x")
    log.info("one")
    log.warning("two")
    handler.emit(record("three"))
    assert handler.written == []
    await asyncio.sleep(0)
    assert handler.written == [["one", "two", "three"]]
    log.info("four")
    await asyncio.sleep(0)
    assert handler.written[1:] == [["four"]]


@pytest.mark.parametrize("seconds", [loghandlers._BUSY, 60])
async def test_lines_of_many_turns_are_written_together(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """Those of the first turns at the end of each, the others after some time."""
    monkeypatch.setattr(loghandlers, "_BUSY", seconds)
    logs.setup(handler := Recorded())
    texts = [str(number) for number in range(20)]
    for text in texts:
        logs.get("aiofrp.x").info(text)
        await asyncio.sleep(0)
    if seconds == 60:
        assert handler.written == [[text] for text in texts[:4]]
        handler.flush()
    async with asyncio.timeout(30):
        while sum(map(len, handler.written)) < len(texts):
            await asyncio.sleep(0.001)
    assert [text for lines in handler.written for text in lines] == texts


async def test_an_error_is_written_at_once_with_what_was_before() -> None:
    logs.setup(handler := Recorded())
    logs.get("aiofrp.x").info("one")
    logs.get("aiofrp.x").error("two")
    assert handler.written == [["one", "two"]]
    await asyncio.sleep(0)
    assert handler.written == [["one", "two"]]


async def test_a_turn_with_many_lines_keeps_few() -> None:
    logs.setup(handler := Recorded())
    for _ in range(100):
        logs.get("aiofrp.x").info("x" * 1000)
    assert len(handler.added) < 20
    assert all(10 < len(lines) < 20 for lines in handler.written)


def test_lines_without_a_loop_are_written_at_once() -> None:
    logs.setup(handler := Recorded())
    logs.get("aiofrp.x").info("one")
    assert handler.written == [["one"]]


def test_a_loop_that_ends_in_the_middle_keeps_no_lines_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    logs.setup(handler := Recorded())
    loop = asyncio.new_event_loop()

    async def last() -> None:
        loop.stop()
        logs.get("aiofrp.x").info("one")

    task = loop.create_task(last())
    loop.run_forever()
    loop.close()
    assert task.done()
    assert handler.written == []
    later = time.time() + 1
    monkeypatch.setattr(time, "time", lambda: later)
    logs.get("aiofrp.x").info("two")
    assert handler.written == [["one", "two"]]


async def test_lines_of_threads_are_written_too() -> None:
    logs.setup(handler := Recorded())
    await asyncio.to_thread(logs.get("aiofrp.x").info, "from a thread")
    assert handler.written == [["from a thread"]]


async def test_the_console_keeps_the_order_with_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    logs.setup(loghandlers.Console(colour=False))
    print("before")
    logs.get("aiofrp.x").info("a line")
    print("after")
    await asyncio.sleep(0)
    shown = [line.rpartition("] ")[2] for line in capsys.readouterr().out.splitlines()]
    assert shown == ["before", "a line", "after"]


@pytest.mark.parametrize(
    "end", ["os.kill(os.getpid(), 9)", "logging.shutdown(); os._exit(0)", "raise SystemExit"]
)
def test_a_program_that_ends_loses_no_line_of_an_earlier_turn(tmp_path: Path, end: str) -> None:
    """Killed, it loses those of its last turn; ended in another way, it loses none."""
    path = tmp_path / "log"
    code = (
        "import asyncio, logging, os, uvloop\nfrom aiofrp import loghandlers, logs\n"
        f"logs.setup(loghandlers.DailyFile({str(path)!r}, 3))\nlog = logs.get('aiofrp.x')\n"
        "async def main():\n"
        "    log.info('one')\n    await asyncio.sleep(0)\n    await asyncio.sleep(0)\n"
        f"    log.info('two')\n    {end}\n"
        "with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner: runner.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert lines(path) == (["one"] if "kill" in end else ["one", "two"])


async def test_a_format_that_does_not_fit_ends_nothing() -> None:
    logs.setup(handler := Recorded())
    logs.get("aiofrp.x").info("%d users", "some")
    await asyncio.sleep(0)
    assert handler.written == [["%d users ('some',)"]]

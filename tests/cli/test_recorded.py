"""The recorded command lines and failed starts, with real processes: exit code, channel and text.

All processes are started at once: most of their time goes into loading the program.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.config.cases import bad_cases, write_bad

CASES = bad_cases("start") + bad_cases("cli")
#: Seconds a program gets to fail; a failing test alone waits so long.
PATIENCE = 60.0


@dataclass(frozen=True)
class Outcome:
    code: int | None
    stdout: str
    stderr: str


async def outcome(case: dict[str, Any], folder: Path) -> Outcome:
    """Run one recorded command line in an empty folder."""
    write_bad(case, folder)
    arguments = [case["file"] if word == "{cfg}" else word for word in case["args"]]
    environment = {k: v for k, v in os.environ.items() if k.lower() != "http_proxy"} | case.get("env", {})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"aiofrp.cli.{case['program']}",
        *arguments,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            stdout, stderr = await process.communicate()
    except TimeoutError:
        process.kill()
        stdout, stderr = await process.communicate()
    return Outcome(process.returncode, stdout.decode(), stderr.decode())


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    async def all_of_them() -> list[Outcome]:
        folders = [tmp_path_factory.mktemp(case["name"]) for case in CASES]
        return await asyncio.gather(*map(outcome, CASES, folders))

    return dict(zip((case["name"] for case in CASES), asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_program_ends_as_recorded(case: dict[str, Any], outcomes: dict[str, Outcome]) -> None:
    seen = outcomes[case["name"]]
    assert seen.code == case["exit_code"], seen
    assert "Traceback" not in seen.stderr
    channel = seen.stdout if case["stream"] == "stdout" else seen.stderr
    assert case["stderr_or_stdout_contains"] in channel
    assert (seen.stderr == "") == (case["stream"] == "stdout"), seen.stderr

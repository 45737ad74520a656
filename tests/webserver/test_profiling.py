"""What a running program says of itself under /debug/pprof/."""

from __future__ import annotations

import asyncio
import pstats
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from aiofrp.config.flags import table as flagtable
from aiofrp.webserver import profiling
from tests.support.ports import free_port
from tests.support.tunnel import running_server, server_config

USER = {"Authorization": aiohttp.encode_basic_auth("u", "p")}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session on the web server of a frps with the pages."""
    port = free_port()
    web = f'webServer = {{ port = {port}, user = "u", password = "p", pprofEnable = true }}\n'
    async with (
        running_server(server_config(web)),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=USER) as session,
    ):
        yield session


async def page(session: aiohttp.ClientSession, path: str) -> str:
    async with session.get(f"/debug/pprof/{path}") as response:
        assert response.status == 200
        return await response.text()


async def test_the_index_names_the_pages(session: aiohttp.ClientSession) -> None:
    lines = (await page(session, "")).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"/debug/pprof/{name}" for name in ("cmdline", "goroutine", "heap", "profile")
    ]


async def test_tasks_and_threads_with_their_stacks(session: aiohttp.ClientSession) -> None:
    text = await page(session, "goroutine?debug=2")
    assert "test_tasks_and_threads_with_their_stacks" in text
    assert "thread MainThread:" in text


async def test_the_command_line_and_objects(session: aiohttp.ClientSession) -> None:
    assert (await page(session, "cmdline")).split("\0") == sys.orig_argv
    assert " builtins.function\n" in await page(session, "heap")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("frps --token hush -p 7000", "frps --token *** -p 7000"),
        ("frps --token=hush --dashboard-pwd hush", "frps --token=*** --dashboard-pwd ***"),
        ("frps --dashboard_pwd=hush --dashboard-user u", "frps --dashboard_pwd=*** --dashboard-user u"),
        ("frps -t hush -t=hush -thush", "frps -t *** -t=*** -t***"),
        ("frpc tcp -un -ut hush -l 1", "frpc tcp -un -ut *** -l 1"),
        ("frpc stcp --sk -t --http-pwd hush", "frpc stcp --sk *** --http-pwd ***"),
        ("frps -c ./test.toml --tls-only", "frps -c ./test.toml --tls-only"),
        ("frps --token", "frps --token"),
        ("frps --token=", "frps --token="),
    ],
)
def test_the_command_line_shows_no_secrets(words: str, shown: str) -> None:
    assert " ".join(profiling.without_secrets(words.split())) == shown


def test_every_secret_flag_is_known() -> None:
    secrets = {
        flag.name
        for flags in (
            flagtable.SERVER,
            flagtable.CONNECTION,
            *flagtable.PROXY.values(),
            *flagtable.VISITOR.values(),
        )
        for flag in flags
        if flag.path.rpartition(".")[2] in {"token", "password", "http_password", "secret_key"}
    }
    assert len(secrets) == 4
    for name in secrets:
        assert profiling.without_secrets([f"--{name}", "hush", f"--{name}=hush"]) == [
            f"--{name}",
            "***",
            f"--{name}=***",
        ]


async def test_a_profile_is_one_of_the_standard_library(
    session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with session.get("/debug/pprof/profile?seconds=0.2") as response:
        (tmp_path / "profile").write_bytes(await response.read())
    stats = pstats.Stats(str(tmp_path / "profile"))
    assert any(file.endswith("profiling.py") for file, _, _ in stats.stats)  # type: ignore[attr-defined]


async def test_one_profile_at_a_time(session: aiohttp.ClientSession) -> None:
    async def status() -> int:
        async with session.get("/debug/pprof/profile?seconds=0.5") as response:
            return response.status

    assert sorted(await asyncio.gather(status(), status())) == [200, 409]
    assert await status() == 200


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 30), ("5", 5), ("0.5", 0.5), ("-1", 30), ("x", 30), ("nan", 30), ("1e9", 55), ("inf", 55)],
)
def test_how_long_a_profile_takes(text: str, seconds: float) -> None:
    assert profiling._seconds(text) == seconds


async def test_the_pages_want_credentials_and_are_there_only_on_demand() -> None:
    for enabled, expected in (("true", 401), ("false", 404)):
        port = free_port()
        web = f'webServer = {{ port = {port}, user = "u", password = "p", pprofEnable = {enabled} }}\n'
        async with running_server(server_config(web)), aiohttp.ClientSession() as session:
            for name in ("", "cmdline", "goroutine", "heap", "profile"):
                async with session.get(f"http://127.0.0.1:{port}/debug/pprof/{name}") as response:
                    assert response.status == expected

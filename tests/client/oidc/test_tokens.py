"""How long a token is used, and who waits for the next one."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from aiofrp.aio import Scope
from aiofrp.client.oidc import tokens as subject
from aiofrp.client.oidc.endpoint import Issued
from aiofrp.client.oidc.tokens import UNKNOWN, EndpointTokens, SourceTokens
from aiofrp.config.models.shared import ExecSource, FileSource, ValueSource
from aiofrp.errors import AuthError, ConnectFailed


@pytest_asyncio.fixture
async def scope() -> AsyncIterator[Scope]:
    made = Scope("test")
    yield made
    await made.close()


class Endpoint:
    """Gives numbered tokens, and a clock."""

    def __init__(self, lifetime: float | None = 3600.0) -> None:
        self.lifetime = lifetime
        self.count = 0
        self.failure = ""
        self.now = 50.0
        self.go = asyncio.Event()
        self.go.set()

    async def issue(self) -> Issued:
        self.count += 1
        number = self.count
        await self.go.wait()
        if self.failure:
            raise ConnectFailed(self.failure)
        return Issued(f"token-{number}", self.lifetime)

    def tokens(self, scope: Scope) -> EndpointTokens:
        return EndpointTokens(self.issue, scope, lambda: self.now)


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_token_is_kept(scope: Scope) -> None:
    endpoint = Endpoint()
    tokens = endpoint.tokens(scope)
    assert await tokens.token() == "token-1"
    endpoint.now += 3600 - 310 - 1
    assert await tokens.token() == "token-1"
    assert endpoint.count == 1


async def test_the_next_token_is_fetched_while_the_old_one_is_sent(scope: Scope) -> None:
    endpoint = Endpoint()
    tokens = endpoint.tokens(scope)
    await tokens.token()
    endpoint.go.clear()  # the endpoint takes its time
    endpoint.now += 3600 - 310
    for _ in range(3):
        assert await tokens.token() == "token-1"
    await turns()
    assert endpoint.count == 2
    endpoint.go.set()
    await turns()
    assert await tokens.token() == "token-2"


async def test_a_failed_renewal_is_logged_and_the_old_token_is_used_to_its_end(
    scope: Scope, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint = Endpoint(100.0)
    tokens = endpoint.tokens(scope)
    await tokens.token()
    endpoint.failure = "refused"
    endpoint.now += 75
    assert await tokens.token() == "token-1"
    await turns()
    assert "couldn't renew the OIDC token, the present one is used further: refused" in caplog.text
    assert await tokens.token() == "token-1"
    await turns()
    assert endpoint.count == 3
    endpoint.now += 15
    with pytest.raises(AuthError, match="couldn't generate OIDC token for login: refused"):
        await tokens.token()
    endpoint.failure = ""
    assert await tokens.token() == "token-5"


async def test_who_comes_while_a_token_is_fetched_shares_it(scope: Scope) -> None:
    endpoint = Endpoint()
    tokens = endpoint.tokens(scope)
    endpoint.go.clear()
    waiting = [asyncio.create_task(tokens.token()) for _ in range(10)]
    await turns()
    waiting[0].cancel()
    await turns()
    endpoint.go.set()
    assert await asyncio.gather(*waiting[1:]) == ["token-1"] * 9
    assert endpoint.count == 1


@pytest.mark.parametrize("lifetime", [None, 1.0, 4.0])
async def test_short_lives_and_unknown_ones_are_used_for_a_burst(
    scope: Scope, lifetime: float | None
) -> None:
    endpoint = Endpoint(lifetime)
    tokens = endpoint.tokens(scope)
    assert await tokens.token() == await tokens.token() == "token-1"
    endpoint.now += UNKNOWN if lifetime is None else lifetime / 2
    assert await tokens.token() == "token-2"


async def test_no_token_after_the_end(scope: Scope) -> None:
    tokens = Endpoint().tokens(scope)
    await scope.close()
    with pytest.raises(AuthError, match="frpc stops"):
        await tokens.token()


async def test_a_file_is_read_each_time(scope: Scope, tmp_path: Path) -> None:
    path = tmp_path / "token"
    tokens = SourceTokens(ValueSource(type="file", file=FileSource(path=str(path))), scope)
    with pytest.raises(
        AuthError, match=r"couldn't acquire OIDC token for login: failed to read file .*no such file"
    ):
        await tokens.token()
    path.write_text(" one\n")
    assert await tokens.token() == "one"
    path.write_text("two")
    assert await tokens.token() == "two"


def command(text: str) -> ValueSource:
    return ValueSource(type="exec", exec=ExecSource(command=sys.executable, args=("-c", text)))


async def test_a_command_is_run_and_those_who_come_meanwhile_get_its_output(
    scope: Scope, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    text = f"open({str(runs)!r}, 'a').write('x'); print('token')"
    tokens = SourceTokens(command(text), scope)
    assert await asyncio.gather(*(tokens.token() for _ in range(20))) == ["token"] * 20
    assert runs.read_text() == "x"


async def test_a_command_that_hangs_is_ended(
    scope: Scope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subject, "COMMAND_TIME", 0.1)
    pid = tmp_path / "pid"
    source = ValueSource(
        type="exec", exec=ExecSource(command="sh", args=("-c", f"echo $$ > {pid}; exec sleep 60"))
    )
    with pytest.raises(AuthError, match=r"no answer within 0\.1 s"):
        await SourceTokens(source, scope).token()
    if pid.exists() and pid.read_text().strip():  # the shell may have been ended before
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid.read_text()), 0)

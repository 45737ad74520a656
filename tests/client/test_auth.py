"""The credentials that frpc shows: see docs/protocol/wire.md §7."""

from __future__ import annotations

import pytest

from aiofrp.client.auth import TokenCredentials
from aiofrp.wire.frp.auth import token_digest
from aiofrp.wire.frp.messages import NewWorkConn, Ping

TOKEN = "secret"


async def test_a_login_always_shows_the_token() -> None:
    assert await TokenCredentials(TOKEN, ()).login(1700000000) == token_digest(TOKEN, 1700000000)


@pytest.mark.parametrize("scopes", [(), ("HeartBeats",), ("NewWorkConns",), ("HeartBeats", "NewWorkConns")])
@pytest.mark.parametrize("prove_work", [False, True])
async def test_other_messages_show_it_where_their_scope_says_so(
    scopes: tuple[str, ...], prove_work: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1700000000.9)
    credentials = TokenCredentials(TOKEN, scopes, prove_work=prove_work)
    key, now = token_digest(TOKEN, 1700000000), 1700000000
    ping = Ping(privilege_key=key, timestamp=now) if "HeartBeats" in scopes else Ping()
    proved = prove_work or "NewWorkConns" in scopes
    work = NewWorkConn(run_id="1", privilege_key=key, timestamp=now) if proved else NewWorkConn(run_id="1")
    assert credentials.make_ping() == await credentials.ping() == ping
    assert credentials.make_work_connection("1") == await credentials.work_connection("1") == work

"""Which messages of frpc carry a token."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiofrp.aio import Scope
from aiofrp.client.auth import InstantCredentials
from aiofrp.client.oidc.credentials import oidc_credentials
from aiofrp.errors import AuthError
from aiofrp.wire.frp.messages import NewWorkConn, Ping
from tests.support.tunnel import client_config


@pytest.mark.parametrize("scopes", [[], ["HeartBeats"], ["NewWorkConns"], ["HeartBeats", "NewWorkConns"]])
async def test_scopes_say_which(tmp_path: Path, scopes: list[str]) -> None:
    path, scope = tmp_path / "token", Scope("test")
    path.write_text("token")
    source = f'auth.oidc.tokenSource = {{ type = "file", file.path = "{path}" }}\n'
    auth = client_config(1, f'auth.method = "oidc"\n{source}auth.additionalScopes = {scopes}\n').auth
    credentials = oidc_credentials(auth, 10_000, scope)
    assert await credentials.login(5) == "token"
    heartbeat, work = "HeartBeats" in scopes, "NewWorkConns" in scopes
    assert await credentials.ping() == Ping(privilege_key="token" if heartbeat else "")
    assert await credentials.work_connection("r") == NewWorkConn(
        run_id="r", privilege_key="token" if work else ""
    )
    assert isinstance(credentials, InstantCredentials) is not bool(
        scopes
    )  # what is not awaited costs no task
    await scope.close()


async def test_a_token_that_no_message_carries_is_refused_here(tmp_path: Path) -> None:
    path, scope = tmp_path / "token", Scope("test")
    source = f'auth.oidc.tokenSource = {{ type = "file", file.path = "{path}" }}\n'
    auth = client_config(1, f'auth.method = "oidc"\n{source}').auth
    credentials = oidc_credentials(auth, 10_240, scope)
    path.write_text("x" * (10_240 - 1024))
    await credentials.login(5)
    path.write_text("x" * 1_000_000)
    with pytest.raises(AuthError, match=r"has 1000000 characters, and the wire protocol carries 9216 "):
        await credentials.login(5)
    await scope.close()

"""The credentials of frpc that are tokens of an identity provider."""

from __future__ import annotations

from collections.abc import Collection

from aiofrp.aio import Scope
from aiofrp.client.auth import Credentials, InstantCredentials
from aiofrp.client.oidc.tokens import EndpointTokens, SourceTokens, TokenGiver
from aiofrp.config.models.client import AuthClientConfig
from aiofrp.errors import AuthError
from aiofrp.wire.frp.messages import NewWorkConn, Ping

#: Bytes of a message that carries a token which are for all else in it.
_REST = 1024


def oidc_credentials(auth: AuthClientConfig, longest: int, scope: Scope) -> Credentials:
    """The credentials that ``auth`` describes. ``longest``: bytes of a message that frps accepts. ``scope`` owns the
    tasks that fetch tokens.

    Raises :class:`~aiofrp.errors.ConfigError` for an unusable ``trustedCaFile``.
    """
    oidc = auth.oidc
    tokens: TokenGiver
    if oidc.token_source is not None:
        tokens = SourceTokens(oidc.token_source, scope)
    else:
        from aiofrp.client.oidc.endpoint import TokenEndpoint

        tokens = EndpointTokens(TokenEndpoint(oidc).issue, scope)
    limited = _Limited(tokens, longest - _REST)
    return (
        ScopedCredentials(limited, auth.additional_scopes) if auth.additional_scopes else LoginOnly(limited)
    )


class LoginOnly(InstantCredentials):
    """A token with the login alone."""

    def __init__(self, tokens: TokenGiver) -> None:
        self._tokens = tokens

    async def login(self, timestamp: int) -> str:
        return await self._tokens.token()

    def make_ping(self) -> Ping:
        return Ping()

    def make_work_connection(self, run_id: str) -> NewWorkConn:
        return NewWorkConn(run_id=run_id)


class ScopedCredentials:
    """A token with the login, and with the messages that ``scopes`` name."""

    def __init__(self, tokens: TokenGiver, scopes: Collection[str]) -> None:
        self._tokens = tokens
        self._heartbeats = "HeartBeats" in scopes
        self._work_connections = "NewWorkConns" in scopes

    async def login(self, timestamp: int) -> str:
        return await self._tokens.token()

    async def ping(self) -> Ping:
        return Ping(privilege_key=await self._tokens.token()) if self._heartbeats else Ping()

    async def work_connection(self, run_id: str) -> NewWorkConn:
        if not self._work_connections:
            return NewWorkConn(run_id=run_id)
        return NewWorkConn(run_id=run_id, privilege_key=await self._tokens.token())


class _Limited:
    """Refuses a token that no message can carry, before the server drops the message without a word."""

    def __init__(self, tokens: TokenGiver, longest: int) -> None:
        self._tokens = tokens
        self._longest = longest

    async def token(self) -> str:
        token = await self._tokens.token()
        if len(token) > self._longest:
            raise AuthError(
                f"the OIDC token has {len(token)} characters, and the wire protocol carries {self._longest} "
                "(wire protocol v2 carries more)"
            )
        return token

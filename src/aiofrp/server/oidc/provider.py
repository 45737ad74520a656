"""The identity provider: what it says of itself, its keys, and the tokens it signs
(OpenID Connect Discovery 1.0)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from aiofrp import logs
from aiofrp.config.golang.literals import quote
from aiofrp.config.models.server import AuthOidcServerConfig, AuthServerConfig
from aiofrp.errors import ConfigError, ConnectFailed, FrpError, RemoteProtocolError, TimedOut
from aiofrp.server.oidc.keys import KeyCache
from aiofrp.server.oidc.token import (
    ALGORITHMS,
    DEFAULT_ALGORITHMS,
    ClaimRules,
    Key,
    SignedToken,
    parse_keys,
    subject_of,
)
from aiofrp.server.oidc.verifier import OidcVerifier
from aiofrp.transport.fetch import FetchedAnswer, Fetcher

#: Seconds before the second and the third try to reach the provider at the start, and for all of them.
PAUSES, START_TIME = (1.0, 2.0), 20.0
#: Bytes of a refusal that are shown.
_MOST_SHOWN = 200

_log = logs.get(__name__)


class NotNow(FrpError):
    """The provider cannot answer now; it may later."""


class Provider:
    """One provider. :meth:`discover` once, then :meth:`subject` as often as wanted."""

    def __init__(self, config: AuthOidcServerConfig, clock: Callable[[], float] = time.time) -> None:
        """Raises :class:`~aiofrp.errors.ConfigError`. ``clock`` gives Unix seconds."""
        if urlsplit(config.issuer).scheme not in ("http", "https"):
            raise ConfigError(
                "auth.oidc.issuer must be the http or https URL of the provider", "auth.oidc.issuer"
            )
        self._issuer = config.issuer
        self._rules = ClaimRules(
            issuer=config.issuer,
            audience=config.audience,
            skip_issuer=config.skip_issuer_check,
            skip_expiry=config.skip_expiry_check,
        )
        self._clock = clock
        self._fetcher = Fetcher()
        self._algorithms = DEFAULT_ALGORITHMS
        self._keys_url = ""
        self._keys = KeyCache(self._fetch_keys)

    def verifier(self, auth: AuthServerConfig) -> OidcVerifier:
        """Verifies logins with tokens of this provider, and later messages by the scopes of ``auth``."""
        return OidcVerifier(self.subject, auth.additional_scopes)

    async def discover(self) -> None:
        """Learn where the keys are and how tokens are signed; tries three times where the provider does not answer.

        Raises :class:`~aiofrp.errors.FrpError`.
        """
        failed = f"cannot use the OIDC provider {self._issuer}"
        try:
            async with asyncio.timeout(START_TIME):
                for pause in PAUSES:
                    try:
                        await self._discover()
                        return
                    except NotNow as exc:
                        _log.warning("%s, next try in %g s: %s", failed, pause, exc)
                    await asyncio.sleep(pause)
                await self._discover()
        except TimeoutError:
            raise TimedOut(f"{failed}: no answer within {START_TIME:g} s") from None
        except FrpError as exc:
            raise ConnectFailed(f"{failed}: {exc}") from exc

    async def subject(self, text: str) -> str:
        """The subject of a token. Raises :class:`~aiofrp.errors.AuthError` for one that does not hold."""
        token = SignedToken(text, self._algorithms)
        return subject_of(await self._keys.payload(token), self._rules, self._clock())

    async def _discover(self) -> None:
        tree = _object(await self._get(f"{self._issuer.removesuffix('/')}/.well-known/openid-configuration"))
        issuer = tree.get("issuer")
        if issuer != self._issuer:
            raise RemoteProtocolError(
                f"oidc: issuer URL provided to client ({quote(self._issuer)}) did not match the issuer URL returned "
                f"by provider ({quote(str(issuer)[:_MOST_SHOWN])})"
            )
        url = tree.get("jwks_uri")
        if not isinstance(url, str) or urlsplit(url).scheme not in ("http", "https"):
            raise RemoteProtocolError("oidc: the provider names no jwks_uri")
        self._keys_url = url
        self._algorithms = _offered(tree.get("id_token_signing_alg_values_supported"))

    async def _fetch_keys(self) -> tuple[Key, ...]:
        return parse_keys((await self._get(self._keys_url)).body)

    async def _get(self, url: str) -> FetchedAnswer:
        try:
            answer = await self._fetcher.get(url)
        except FrpError as exc:
            raise NotNow(str(exc)) from exc
        if answer.status != 200:
            body = answer.body[:_MOST_SHOWN].decode("utf-8", "replace")
            kind = NotNow if answer.status >= 500 or answer.status == 429 else RemoteProtocolError
            raise kind(f'Get "{url}": {answer.status} {answer.reason}: {" ".join(body.split())}')
        return answer


def _offered(names: object) -> frozenset[str]:
    """The algorithms to accept of those a provider names."""
    if not isinstance(names, list):
        return DEFAULT_ALGORITHMS
    return ALGORITHMS.intersection(name for name in names if isinstance(name, str)) or DEFAULT_ALGORITHMS


def _object(answer: FetchedAnswer) -> dict[str, Any]:
    try:
        tree = json.loads(answer.body)
        if not isinstance(tree, dict):
            raise ValueError("it is no object")
    except (ValueError, RecursionError) as exc:
        raise RemoteProtocolError(f"oidc: failed to decode provider discovery object: {exc}") from None
    return tree

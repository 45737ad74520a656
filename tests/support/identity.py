"""An identity provider for tests: discovery, keys and the token endpoint, over HTTP on 127.0.0.1."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from aiohttp import web
from joserfc import jws
from joserfc.jwk import RSAKey

from tests.support.certs import Authority

CLIENT, SECRET, AUDIENCE, SUBJECT = "test-client", "test secret/ä", "frps", "test-service"


@cache
def key_of(kid: str) -> RSAKey:
    """The key with an id, made on first use."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig"})


def signed(
    claims: object, *, kid: str = "one", header: dict[str, Any] | None = None, alg: str = "RS256"
) -> str:
    """A token with these claims."""
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return jws.serialize_compact({"alg": alg, "kid": kid} | (header or {}), payload, key_of(kid), [alg])


def forged(header: object, claims: object, signature: bytes = b"x") -> str:
    """Three parts that no key has signed."""
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


class IdentityProvider:
    """What it answers can be changed at any time."""

    def __init__(self) -> None:
        self.issuer = ""  #: set once it listens
        self.kids = ["one"]  #: of the keys it shows; the last one signs
        self.algorithms: list[str] | None = ["RS256"]
        self.expires_in: object = 3600
        self.lifetime = 3600.0  #: seconds from now to a token's ``exp``
        self.subject = SUBJECT
        self.audience = AUDIENCE
        self.basic = True  #: whether the secret may come by Basic authentication
        self.failing = 0  #: a status that all requests are answered with
        self.asked: list[str] = []  #: the paths of all requests
        self.forms: list[dict[str, str]] = []  #: of the token requests that were granted
        self.changed: dict[str, Any] = {}  #: other fields of the discovery document

    @property
    def token_url(self) -> str:
        """The token endpoint."""
        return f"{self.issuer}/token"

    def claims(self, **other: Any) -> dict[str, Any]:
        """The claims of a token that is accepted; ``other`` replace them."""
        now = int(time.time())
        own = {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.audience,
            "iat": now,
            "exp": now + self.lifetime,
        }
        return own | other

    async def answer(self, request: web.Request) -> web.Response:
        """Any request."""
        self.asked.append(request.path)
        if self.failing:
            return web.Response(status=self.failing, text="not now")
        if request.path == "/.well-known/openid-configuration":
            known = {
                "issuer": self.issuer,
                "jwks_uri": f"{self.issuer}/jwks",
                "token_endpoint": self.token_url,
            }
            algorithms = {"id_token_signing_alg_values_supported": self.algorithms} if self.algorithms else {}
            return web.json_response(known | algorithms | self.changed)
        if request.path == "/jwks":
            return web.json_response({"keys": [key_of(kid).as_dict(private=False) for kid in self.kids]})
        return await self._token(request)

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        head = request.headers.get("Authorization", "")
        by_basic = base64.b64encode(b"test-client:test+secret%2F%C3%A4").decode()
        named = self.basic and head == f"Basic {by_basic}"
        named = named or (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        if not named:
            return web.json_response({"error": "invalid_client", "error_description": "no"}, status=401)
        self.forms.append(form)
        answer = {"access_token": signed(self.claims(), kid=self.kids[-1]), "token_type": "Bearer"}
        return web.json_response(
            answer | ({} if self.expires_in is None else {"expires_in": self.expires_in})
        )


@asynccontextmanager
async def identity_provider(tls: Authority | None = None) -> AsyncIterator[IdentityProvider]:
    """A provider that listens on a free port."""
    provider = IdentityProvider()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", provider.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls.server_context() if tls else None)
        await site.start()
        port = runner.addresses[0][1]
        provider.issuer = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        yield provider
    finally:
        await runner.cleanup()

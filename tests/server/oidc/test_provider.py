"""What frps learns from a provider, and how it starts without one."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp.errors import AuthError, ConfigError, FrpError
from aiofrp.server.oidc import provider as subject
from aiofrp.server.oidc.provider import Provider
from aiofrp.server.service import Server
from tests.support.identity import SUBJECT, IdentityProvider, identity_provider, signed
from tests.support.ports import free_port
from tests.support.tunnel import server_config


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "PAUSES", (0.0, 0.0))


def made(issuer: str, more: str = 'auth.oidc.audience = "frps"\n') -> Provider:
    return Provider(server_config(f'auth.oidc.issuer = "{issuer}"\n{more}').auth.oidc)


async def refusal(identity: IdentityProvider) -> str:
    with pytest.raises(FrpError, match="cannot use the OIDC provider") as caught:
        await made(identity.issuer).discover()
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_tokens_of_the_provider_hold() -> None:
    async with identity_provider() as identity:
        provider = made(identity.issuer)
        await provider.discover()
        assert identity.asked == ["/.well-known/openid-configuration"]
        assert await provider.subject(signed(identity.claims())) == SUBJECT
        with pytest.raises(AuthError, match="expected audience"):
            await provider.subject(signed(identity.claims(aud="zz")))
        with pytest.raises(AuthError, match="unexpected signature algorithm"):
            await provider.subject(signed(identity.claims(), alg="RS384"))
        assert identity.asked[1:] == ["/jwks"]


async def test_keys_may_rotate() -> None:
    async with identity_provider() as identity:
        provider = made(identity.issuer)
        await provider.discover()
        await provider.subject(signed(identity.claims()))
        identity.kids = ["one", "two"]
        provider._keys._tried = float("-inf")  # some seconds later
        assert await provider.subject(signed(identity.claims(), kid="two")) == SUBJECT
        assert await provider.subject(signed(identity.claims())) == SUBJECT


async def test_an_issuer_may_end_with_a_slash() -> None:
    async with identity_provider() as identity:
        identity.changed = {"issuer": f"{identity.issuer}/"}
        provider = made(f"{identity.issuer}/")
        await provider.discover()
        assert await provider.subject(signed(identity.claims(iss=f"{identity.issuer}/"))) == SUBJECT


@pytest.mark.parametrize("offered", [None, [], ["none", "HS256"], [5, ["RS256"]], "RS256"])
async def test_without_a_known_algorithm_rs256_counts(offered: list[str] | None) -> None:
    async with identity_provider() as identity:
        identity.algorithms = offered
        provider = made(identity.issuer)
        await provider.discover()
        assert provider._algorithms == {"RS256"}


async def test_the_provider_must_be_the_one_that_is_configured() -> None:
    async with identity_provider() as identity:
        identity.changed = {"issuer": "https://evil"}
        assert 'did not match the issuer URL returned by provider ("https://evil")' in await refusal(identity)
        assert len(identity.asked) == 1  # trying again would not help


@pytest.mark.parametrize("url", [None, 5, "", "file:///etc/passwd", "relative"])
async def test_the_keys_must_have_an_address(url: object) -> None:
    async with identity_provider() as identity:
        identity.changed = {"jwks_uri": url}
        assert "names no jwks_uri" in await refusal(identity)


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (500, 3), (503, 3), (429, 3)])
async def test_what_may_pass_is_tried_again(status: int, tries: int) -> None:
    async with identity_provider() as identity:
        identity.failing = status
        assert f"{status}" in await refusal(identity)
        assert len(identity.asked) == tries


async def test_a_provider_that_comes_later_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async with identity_provider() as identity:
        identity.failing = 503
        monkeypatch.setattr(subject, "PAUSES", (0.0,))

        async def recover(pause: float) -> None:
            identity.failing = 0

        provider = made(identity.issuer)
        monkeypatch.setattr(asyncio, "sleep", recover)
        await provider.discover()
        assert len(identity.asked) == 2


async def test_frps_does_not_start_without_its_provider() -> None:
    server = Server(
        server_config(f'auth.method = "oidc"\nauth.oidc.issuer = "http://127.0.0.1:{free_port()}"\n')
    )
    with pytest.raises(FrpError, match=r"cannot use the OIDC provider .* connection refused"):
        await server.start()
    await server.stop()


@pytest.mark.parametrize("issuer", ["", "id.example", "file:///x"])
def test_an_issuer_is_a_url(issuer: str) -> None:
    with pytest.raises(ConfigError, match="issuer must be"):
        Server(server_config(f'auth.method = "oidc"\nauth.oidc.issuer = "{issuer}"\n'))

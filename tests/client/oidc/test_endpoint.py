"""What is sent to a token endpoint, and what is made of its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiofrp.client.oidc.endpoint import Issued, TokenEndpoint, _issued
from aiofrp.config.models.client import AuthOidcClientConfig
from aiofrp.config.models.types import Secret
from aiofrp.errors import AuthError, ConfigError, FrpError
from aiofrp.transport.fetch import FetchedAnswer
from tests.support.certs import authority
from tests.support.identity import CLIENT, SECRET, IdentityProvider, identity_provider
from tests.support.tunnel import client_config


def oidc(url: str, **other: Any) -> AuthOidcClientConfig:
    """The configuration of a client of the test provider."""
    config = client_config(1).auth.oidc
    own = {"client_id": CLIENT, "client_secret": Secret(SECRET), "token_endpoint_url": url}
    return config.model_copy(update=own | other)


async def test_all_parameters_are_sent() -> None:
    async with identity_provider() as identity:
        config = oidc(
            identity.token_url, scope="a b", audience="frps", additional_endpoint_params={"resource": "x&y"}
        )
        issued = await TokenEndpoint(config).issue()
        assert issued.lifetime == 3600
        assert issued.token.count(".") == 2
        assert identity.forms == [
            {"grant_type": "client_credentials", "scope": "a b", "audience": "frps", "resource": "x&y"}
        ]


async def test_the_secret_goes_into_the_form_where_the_endpoint_wants_it_there() -> None:
    async with identity_provider() as identity:
        identity.basic = False
        endpoint = TokenEndpoint(oidc(identity.token_url))
        await endpoint.issue()
        assert len(identity.asked) == 2
        await endpoint.issue()
        assert len(identity.asked) == 3  # it is known by now
        assert identity.forms[0] == {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "client_secret": SECRET,
        }


async def test_a_wrong_secret_is_named_as_the_endpoint_does() -> None:
    async with identity_provider() as identity:
        endpoint = TokenEndpoint(oidc(identity.token_url, client_id="other"))
        for count in (2, 4):  # nothing is remembered of a refusal
            with pytest.raises(AuthError, match=r'^oauth2: "invalid_client" "no"$'):
                await endpoint.issue()
            assert len(identity.asked) == count


async def refused(identity: IdentityProvider) -> str:
    with pytest.raises(FrpError) as caught:
        await TokenEndpoint(oidc(identity.token_url)).issue()
    return str(caught.value)


async def test_an_endpoint_that_is_ill_is_not_asked_twice() -> None:
    async with identity_provider() as identity:
        identity.failing = 503
        assert await refused(identity) == (
            "oauth2: cannot fetch token: 503 Service Unavailable, response: not now"
        )
        assert len(identity.asked) == 1


async def test_certificates(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority().ca)
    async with identity_provider(authority()) as identity:
        url = identity.token_url
        with pytest.raises(FrpError, match="tls: failed to verify certificate"):
            await TokenEndpoint(oidc(url)).issue()
        await TokenEndpoint(oidc(url, trusted_ca_file=str(ca))).issue()
        await TokenEndpoint(oidc(url, insecure_skip_verify=True)).issue()


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    with pytest.raises(ConfigError, match=r"failed to read OIDC CA certificate file .*: no such file"):
        TokenEndpoint(oidc("http://x", trusted_ca_file=str(path)))
    path.write_text("nothing")
    with pytest.raises(ConfigError, match="failed to parse OIDC CA certificate from file"):
        TokenEndpoint(oidc("http://x", trusted_ca_file=str(path)))


def answer(body: bytes, *, status: int = 200, kind: str = "application/json") -> FetchedAnswer:
    return FetchedAnswer(status, "Reason", kind, body)


@pytest.mark.parametrize(
    ("body", "lifetime"),
    [
        (b'{"access_token":"t"}', None),
        (b'{"access_token":"t","expires_in":60}', 60.0),
        (b'{"access_token":"t","expires_in":"60"}', 60.0),
        (b'{"access_token":"t","expires_in":0}', None),
        (b'{"access_token":"t","expires_in":-5}', None),
        (b'{"access_token":"t","expires_in":null}', None),
        (b'{"access_token":"t","expires_in":[]}', None),
        (b'{"access_token":"t","expires_in":"soon"}', None),
        (b'{"access_token":"t","expires_in":1e999}', None),
        (b'{"access_token":"t","expires_in":NaN}', None),
    ],
)
def test_a_life_may_be_unknown(body: bytes, lifetime: float | None) -> None:
    assert _issued(answer(body)) == Issued("t", lifetime)


def test_a_form_is_an_answer_too() -> None:
    form = answer(b"access_token=t&expires_in=5", kind="application/x-www-form-urlencoded")
    assert _issued(form) == Issued("t", 5.0)


@pytest.mark.parametrize("body", [b"", b"[]", b"x", b"{}", b'{"access_token":5}', b"[" * 50_000])
def test_an_answer_without_a_token(body: bytes) -> None:
    with pytest.raises(AuthError, match="server response missing access_token"):
        _issued(answer(body))


def test_refusals() -> None:
    with pytest.raises(AuthError, match='"bad" "why" "http://x"'):
        _issued(answer(b'{"error":"bad","error_description":"why","error_uri":"http://x"}', status=400))
    with pytest.raises(AuthError, match="302 Reason; a redirect is not followed"):
        _issued(answer(b"", status=302))
    with pytest.raises(AuthError) as caught:
        _issued(answer(b"\n" * 5 + b"x\ny" * 100_000, status=500))
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)

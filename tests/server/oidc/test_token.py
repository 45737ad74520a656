"""Which tokens hold; nothing is fetched here."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey

from aiofrp.errors import AuthError, RemoteProtocolError
from aiofrp.server.oidc.token import (
    ALGORITHMS,
    DEFAULT_ALGORITHMS,
    MAX_KEYS,
    MAX_TOKEN,
    ClaimRules,
    Key,
    SignedToken,
    parse_keys,
    subject_of,
)
from tests.support.identity import forged, key_of, signed

NOW = 1_700_000_000.0
RULES = ClaimRules(issuer="https://id.example", audience="frps")
CLAIMS = {"iss": "https://id.example", "sub": "me", "aud": "frps", "exp": NOW + 60}


def keys(*kids: str) -> tuple[Key, ...]:
    return parse_keys(json.dumps({"keys": [key_of(kid).as_dict(private=False) for kid in kids]}).encode())


def subject(claims: object, rules: ClaimRules = RULES, now: float = NOW) -> str:
    return subject_of(json.dumps(claims).encode(), rules, now)


# Signatures


def test_a_token_is_verified_by_the_key_it_names() -> None:
    token = SignedToken(signed(CLAIMS, kid="two"), DEFAULT_ALGORITHMS)
    assert token.kid == "two"
    assert token.payload(keys("one", "two")) == json.dumps(CLAIMS).encode()
    assert token.payload(keys("one")) is None
    assert token.payload(()) is None


def test_a_token_that_names_no_key_is_verified_by_any() -> None:
    token = SignedToken(signed(CLAIMS, kid="two", header={"kid": ""}), DEFAULT_ALGORITHMS)
    assert token.payload(keys("one", "two")) is not None
    assert token.payload(keys("one")) is None


def test_a_name_alone_is_not_enough() -> None:
    assert (
        SignedToken(signed(CLAIMS, kid="two", header={"kid": "one"}), DEFAULT_ALGORITHMS).payload(keys("one"))
        is None
    )
    head, body, signature = signed(CLAIMS).split(".")
    other = signed(CLAIMS | {"sub": "root"}).split(".")[1]
    assert SignedToken(f"{head}.{other}.{signature}", DEFAULT_ALGORITHMS).payload(keys("one")) is None
    assert SignedToken(f"{head}.{body}.", DEFAULT_ALGORITHMS).payload(keys("one")) is None


@pytest.mark.parametrize("name", ["none", "None", "NONE", "HS256", "HS512", "", None, 5, ["RS256"], {"a": 1}])
@pytest.mark.parametrize("offered", [DEFAULT_ALGORITHMS, ALGORITHMS])
def test_algorithms_without_a_key_pair_are_refused_whatever_the_provider_offers(
    name: object, offered: frozenset[str]
) -> None:
    for signature in (b"", b"x"):
        with pytest.raises(AuthError, match="malformed jwt"):
            SignedToken(forged({"alg": name, "kid": "one"}, CLAIMS, signature), offered)


def test_a_public_key_is_no_shared_secret() -> None:
    """RS/HS confusion: an HMAC made with the public key's own text."""
    secret = key_of("one").as_pem(private=False)
    for algorithm in ("HS256", "RS256"):
        text = forged({"alg": algorithm, "kid": "one"}, CLAIMS).rpartition(".")[0]
        made = forged(
            {"alg": algorithm, "kid": "one"}, CLAIMS, hmac.digest(secret, text.encode(), hashlib.sha256)
        )
        if algorithm == "HS256":
            with pytest.raises(AuthError, match="unexpected signature algorithm"):
                SignedToken(made, ALGORITHMS)
        else:
            assert SignedToken(made, ALGORITHMS).payload(keys("one")) is None


def test_an_algorithm_that_is_not_offered_is_refused_and_the_text_names_both() -> None:
    with pytest.raises(AuthError, match='unexpected signature algorithm "RS512"; expected one of RS256'):
        SignedToken(signed(CLAIMS, alg="RS512"), DEFAULT_ALGORITHMS)
    assert SignedToken(signed(CLAIMS, alg="RS512"), ALGORITHMS).payload(keys("one")) is not None


def test_a_key_of_another_kind_does_not_verify() -> None:
    token = SignedToken(forged({"alg": "ES256", "kid": "one"}, CLAIMS, b"x" * 64), ALGORITHMS)
    assert token.payload(keys("one")) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "é.é.é",
        "\ud800.a.b",
        forged([], {}),
        forged("RS256", {}),
        forged({}, {}),
        forged({"alg": "RS256", "kid": 7}, {}),
        forged({"alg": "RS256", "crit": ["x"], "x": 1}, {}),
        "[" * 20_000 + ".a.b",
        "W" * 8_000 + ".a.b",
        json.dumps({"payload": "a", "signatures": []}),
    ],
)
def test_what_is_no_token_is_refused(text: str) -> None:
    found = outcome(text)
    assert found is None or "malformed jwt" in str(found)
    assert len(str(found)) < 400


def outcome(text: str) -> object:
    try:
        return SignedToken(text, ALGORITHMS).payload(keys("one"))
    except AuthError as exc:
        return exc


def test_a_header_with_deep_nesting_is_refused() -> None:
    header = b'{"alg":"RS256","x":' + b"[" * 9_000
    with pytest.raises(AuthError, match="malformed jwt"):
        SignedToken(forged_bytes(header), ALGORITHMS)


def forged_bytes(header: bytes) -> str:
    return base64.urlsafe_b64encode(header).rstrip(b"=").decode() + ".e30.eA"


def test_a_token_of_a_megabyte_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SignedToken, "_header", lambda self: pytest.fail("it was read"))
    for text in ("x" * (MAX_TOKEN + 1), "a." * 500_000, signed({"x": "y" * 1_000_000})):
        with pytest.raises(AuthError, match=f"more than {MAX_TOKEN} characters"):
            SignedToken(text, ALGORITHMS)


def test_a_large_token_within_the_limit_is_read() -> None:
    text = signed(CLAIMS | {"groups": ["g" * 50] * 300}, header={"x5c": ["c" * 4_000]})
    assert SignedToken(text, DEFAULT_ALGORITHMS).payload(keys("one")) is not None


# Keys


def test_keys_that_are_not_for_signatures_or_unknown_are_left_out() -> None:
    good = key_of("one").as_dict(private=False)
    curve = ECKey.generate_key("P-256", {"kid": "curve"}).as_dict(private=False)
    odd: list[Any] = [
        good | {"use": "enc", "kid": "enc"},
        OctKey.generate_key(256, {"kid": "shared"}).as_dict(private=True),
        {"kty": "AKP", "kid": "later"},
        {"kty": "RSA", "kid": "empty"},
        {"kty": "RSA", "n": "!", "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {},
        [],
        None,
        5,
    ]
    found = parse_keys(json.dumps({"keys": [*odd, good, curve]}).encode())
    assert [key.kid for key in found] == ["one", "curve"]


def test_keys_have_a_limit() -> None:
    one = key_of("one").as_dict(private=False)
    assert len(parse_keys(json.dumps({"keys": [one] * (MAX_KEYS + 5)}).encode())) == MAX_KEYS


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"keys":{}}', b"\xff", b"[" * 50_000, b'{"keys":5}'])
def test_what_is_no_key_set_is_an_error(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match="failed to decode keys"):
        parse_keys(body)


@pytest.mark.parametrize("curve", ["P-256", "P-384", "P-521", "Ed25519"])
def test_other_algorithms_with_key_pairs(curve: str) -> None:
    key = OKPKey.generate_key("Ed25519") if curve == "Ed25519" else ECKey.generate_key(curve)
    name = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}[curve]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of EdDSA, which has another name since RFC 9864
        text = jws.serialize_compact({"alg": name}, b"{}", key, [name])
    found = parse_keys(json.dumps({"keys": [key.as_dict(private=False)]}).encode())
    assert SignedToken(text, ALGORITHMS).payload(found) == b"{}"


# Claims


def test_claims_that_hold_give_the_subject() -> None:
    assert subject(CLAIMS) == "me"
    assert subject(CLAIMS | {"aud": ["x", "frps"]}) == "me"
    assert subject(CLAIMS | {"exp": NOW}) == "me"
    assert subject(CLAIMS | {"nbf": NOW + 299}) == "me"
    assert subject({key: value for key, value in CLAIMS.items() if key != "sub"}) == ""


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"iss": "https://evil"}, 'a different provider, expected "https://id.example" got "https://evil"'),
        ({"iss": None}, 'got ""'),
        ({"aud": "zz"}, r'expected audience "frps" got \["zz"\]'),
        ({"aud": ["a", "b"]}, r'got \["a" "b"\]'),
        ({"aud": None}, r"got \[\]"),
        ({"exp": NOW - 1}, r"token is expired \(Token Expiry: 2023-11-14 22:13:19 \+0000 UTC\)"),
        ({"exp": None}, r"token is expired \(Token Expiry: 0001-01-01 00:00:00 \+0000 UTC\)"),
        ({"exp": -(10**300)}, "token is expired"),
        ({"nbf": NOW + 301}, "current time 2023-11-14 22:13:20 .* before the nbf"),
        ({"exp": "later"}, "failed to unmarshal claims: exp is no number"),
        ({"exp": True}, "exp is no number"),
        ({"exp": 10**400}, "exp is out of range"),
        ({"aud": 5}, "aud is no text"),
        ({"aud": ["frps", 5]}, "aud is no text"),
        ({"sub": ["me"]}, "sub is no text"),
        ({"iss": {}}, "iss is no text"),
    ],
)
def test_claims_that_do_not_hold(other: dict[str, object], text: str) -> None:
    with pytest.raises(AuthError, match=text):
        subject(CLAIMS | other)


@pytest.mark.parametrize("payload", [b"", b"x", b"[]", b"5", b"\xff", b"[" * 20_000])
def test_a_payload_without_claims(payload: bytes) -> None:
    with pytest.raises(AuthError, match="failed to unmarshal claims"):
        subject_of(payload, RULES, NOW)


def test_checks_that_the_configuration_leaves_out() -> None:
    old = CLAIMS | {"exp": NOW - 9, "nbf": NOW + 999}
    assert subject(old, ClaimRules(RULES.issuer, "frps", skip_expiry=True)) == "me"
    foreign = CLAIMS | {"iss": "https://evil"}
    assert subject(foreign, ClaimRules(RULES.issuer, "frps", skip_issuer=True)) == "me"
    assert subject(CLAIMS | {"aud": "zz"}, ClaimRules(RULES.issuer, "")) == "me"


def test_google_names_itself_in_two_ways() -> None:
    rules = ClaimRules("https://accounts.google.com", "")
    assert subject(CLAIMS | {"iss": "accounts.google.com"}, rules) == "me"
    with pytest.raises(AuthError):
        subject(CLAIMS | {"iss": "id.example"})


def test_a_text_of_a_client_is_cut() -> None:
    for other in ({"iss": "\x00" * 9_000}, {"aud": ["\x00" * 9_000] * 3}):
        with pytest.raises(AuthError) as caught:
            subject(CLAIMS | other)
        assert len(str(caught.value)) < 1_000

"""Signed tokens (JWT, RFC 7519) and the keys they are verified with; nothing is fetched here
(docs/protocol/server.md §12)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.registry import Header

from aiofrp.config.golang.literals import quote
from aiofrp.errors import AuthError, RemoteProtocolError

#: Signatures with a key pair; a provider that offers others (a shared secret, none) offers frps nothing.
ALGORITHMS: Final = frozenset(
    ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA")
)
#: What is accepted where the provider names no algorithm that frps knows.
DEFAULT_ALGORITHMS: Final = frozenset(("RS256",))
#: Characters of a token; a longer one is refused unread.
MAX_TOKEN: Final = 32 * 1024
#: Bytes of a token's header, which may hold a certificate.
_MAX_HEADER: Final = 16 * 1024
#: Keys of a provider that are used, in its order.
MAX_KEYS: Final = 100
#: Seconds a token may be used before its ``nbf``.
_EARLY: Final = 300.0
#: Characters of a claim in an error text.
_MOST_SHOWN: Final = 200

#: A public key.
Key: TypeAlias = RSAKey | ECKey | OKPKey

_BAD: Final = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class _Registry(JWSRegistry):
    """Limits of the library, set to ours; other header fields than the registered ones are no fault."""

    max_header_length = _MAX_HEADER
    max_payload_length = MAX_TOKEN

    def __init__(self, algorithms: Collection[str]) -> None:
        super().__init__(algorithms=sorted(algorithms), strict_check_header=False)

    def get_alg(self, name: str) -> Any:
        """The algorithm. The library's warning that ``EdDSA`` has a new name is nothing an operator can act on."""
        if not isinstance(name, str) or name not in (self.allowed or ()):
            raise UnsupportedAlgorithmError(f"unexpected signature algorithm {_shown(name)}")
        return self.algorithms[name]


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What the claims of a token must say."""

    issuer: str
    audience: str  #: empty: any
    skip_issuer: bool = False
    skip_expiry: bool = False


class SignedToken:
    """A token whose signature is not verified yet."""

    __slots__ = ("_registry", "_text", "kid")

    def __init__(self, text: str, algorithms: Collection[str]) -> None:
        """Raises :class:`~aiofrp.errors.AuthError` for what is no token, or is signed by another algorithm than
        ``algorithms``."""
        if len(text) > MAX_TOKEN:
            raise AuthError(f"oidc: malformed jwt: the token has more than {MAX_TOKEN} characters")
        self._text = text
        self._registry = _Registry(algorithms)
        header = self._header()
        algorithm, kid = header.get("alg"), header.get("kid", "")
        if not isinstance(algorithm, str) or algorithm not in algorithms:
            raise AuthError(
                f"oidc: malformed jwt: unexpected signature algorithm {_shown(algorithm)}; "
                f"expected one of {' '.join(sorted(algorithms))}"
            )
        if not isinstance(kid, str):
            raise AuthError("oidc: malformed jwt: the key id is no text")
        self.kid = kid  #: the id of the key it is signed with, or empty

    def payload(self, keys: Iterable[Key]) -> bytes | None:
        """What the token says, if one of ``keys`` verifies it."""
        for key in keys:
            if self.kid and key.kid != self.kid:
                continue
            try:
                found = jws.deserialize_compact(self._text, key, registry=self._registry)
            except _BAD:
                continue
            return found.payload
        return None

    def _header(self) -> Header:
        try:
            header = jws.extract_compact(self._text.encode(), registry=self._registry).protected
        except _BAD as exc:
            raise AuthError(f"oidc: malformed jwt: {str(exc)[:_MOST_SHOWN]}") from None
        return header


def parse_keys(body: bytes) -> tuple[Key, ...]:
    """The keys of a key set (RFC 7517); those that are not for signatures, or unknown, are left out.

    Raises :class:`~aiofrp.errors.RemoteProtocolError`.
    """
    try:
        entries = json.loads(body)["keys"]
        if not isinstance(entries, list):
            raise TypeError("keys is no list")
    except (ValueError, TypeError, KeyError, RecursionError) as exc:
        raise RemoteProtocolError(f"oidc: failed to decode keys: {exc}") from None
    found = (_key(entry) for entry in entries[:MAX_KEYS])
    return tuple(key for key in found if key is not None)


def _key(entry: Any) -> Key | None:
    try:
        if entry.get("use", "sig") != "sig":
            return None
        key = JWKRegistry.import_key(entry)
        if not isinstance(key, RSAKey | ECKey | OKPKey):
            return None
        key.public_key  # noqa: B018 - makes it now: a key that cannot be used is left out
    except _BAD:
        return None
    return key


def subject_of(payload: bytes, rules: ClaimRules, now: float) -> str:
    """The subject of a token with this payload, if its claims hold at ``now`` (Unix seconds).

    Raises :class:`~aiofrp.errors.AuthError` with the reference's text.
    """
    claims = _claims(payload)
    issuer, audience = claims.issuer, claims.audience
    if not rules.skip_issuer and not _same_issuer(rules.issuer, issuer):
        raise AuthError(
            f"oidc: id token issued by a different provider, expected {quote(rules.issuer)} got {_shown(issuer)}"
        )
    if rules.audience and rules.audience not in audience:
        got = " ".join(_shown(item) for item in audience)[:_MOST_SHOWN]
        raise AuthError(f"oidc: expected audience {quote(rules.audience)} got [{got}]")
    if rules.skip_expiry:
        return claims.subject
    if claims.expiry is None or claims.expiry < now:
        raise AuthError(f"oidc: token is expired (Token Expiry: {_time_text(claims.expiry)})")
    if claims.not_before is not None and now + _EARLY < claims.not_before:
        raise AuthError(
            f"oidc: current time {_time_text(now)} before the nbf (not before) time: {_time_text(claims.not_before)}"
        )
    return claims.subject


@dataclass(frozen=True, slots=True)
class _Claims:
    issuer: str
    subject: str
    audience: list[str]
    expiry: float | None
    not_before: float | None


def _claims(payload: bytes) -> _Claims:
    try:
        tree = json.loads(payload)
        if not isinstance(tree, dict):
            raise TypeError("the payload is no object")
        return _Claims(
            issuer=_text(tree, "iss"),
            subject=_text(tree, "sub"),
            audience=_audience(tree.get("aud")),
            expiry=_time(tree, "exp"),
            not_before=_time(tree, "nbf"),
        )
    except (ValueError, TypeError, RecursionError) as exc:
        raise AuthError(f"oidc: failed to unmarshal claims: {str(exc)[:_MOST_SHOWN]}") from None


def _text(tree: dict[str, Any], name: str) -> str:
    value = tree.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{name} is no text")
    return value


def _audience(value: object) -> list[str]:
    items = [] if value is None else value if isinstance(value, list) else [value]
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) < len(items):
        raise TypeError("aud is no text and no list of texts")
    return texts


def _time(tree: dict[str, Any], name: str) -> float | None:
    value = tree.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is no number")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is out of range") from None


def _same_issuer(wanted: str, issuer: str) -> bool:
    """Google's tokens name it with or without the scheme."""
    google = "https://accounts.google.com"
    return issuer == wanted or (wanted == google and issuer == google.removeprefix("https://"))


def _time_text(seconds: float | None) -> str:
    """As Go prints it; a time that is not there is the year 1."""
    if seconds is None:
        return "0001-01-01 00:00:00 +0000 UTC"
    try:
        return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%d %H:%M:%S} +0000 UTC"
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g}"


def _shown(value: object) -> str:
    return quote(str(value)[:_MOST_SHOWN])[: 2 * _MOST_SHOWN]

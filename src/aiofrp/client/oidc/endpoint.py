"""The token endpoint of a provider, asked with the client credentials grant (RFC 6749 §4.4)."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from urllib.parse import parse_qs, quote_plus

from aiofrp.config.golang.literals import quote
from aiofrp.config.models.client import AuthOidcClientConfig
from aiofrp.errors import AuthError, ConfigError
from aiofrp.transport.fetch import FetchedAnswer, Fetcher
from aiofrp.transport.tls.default import default_context

#: Characters of a refusal that are shown.
_MOST_SHOWN = 200
#: Redirects: the credentials go to the configured URL and nowhere else.
_REDIRECTS = range(300, 400)


@dataclass(frozen=True, slots=True)
class Issued:
    """A token as the endpoint gave it."""

    token: str
    lifetime: float | None  #: seconds, ``None`` where the endpoint does not say


class TokenEndpoint:
    """Asks the endpoint of ``config`` for tokens.

    The client id and secret are sent by Basic authentication or, to an endpoint that refuses this, in the form.
    """

    def __init__(self, config: AuthOidcClientConfig) -> None:
        """Raises :class:`~aiofrp.errors.ConfigError` for an unusable ``trustedCaFile``."""
        own_tls = config.trusted_ca_file or config.insecure_skip_verify
        self._config = config
        self._url = config.token_endpoint_url
        self._fetcher = Fetcher(
            tls=_context(config) if own_tls else None,
            proxy=config.proxy_url if own_tls or config.proxy_url else None,
        )
        self._in_form: bool | None = None  # how the credentials are sent, once known

    async def issue(self) -> Issued:
        """A new token. Raises :class:`~aiofrp.errors.FrpError`."""
        first = bool(self._in_form)
        answer = await self._ask(in_form=first)
        if self._in_form is None and 400 <= answer.status < 500:
            answer = await self._ask(in_form=True)
            first = True
        issued = _issued(answer)
        self._in_form = first
        return issued

    async def _ask(self, *, in_form: bool) -> FetchedAnswer:
        config = self._config
        client_id, secret = config.client_id, config.client_secret.reveal()
        form = {"grant_type": "client_credentials"}
        if config.scope:
            form["scope"] = config.scope
        if config.audience:
            form["audience"] = config.audience
        form |= config.additional_endpoint_params
        if not in_form:
            return await self._fetcher.post(self._url, form, (quote_plus(client_id), quote_plus(secret)))
        form["client_id"] = client_id
        if secret:
            form["client_secret"] = secret
        return await self._fetcher.post(self._url, form)


def _issued(answer: FetchedAnswer) -> Issued:
    """The token of an answer. Raises :class:`~aiofrp.errors.AuthError`."""
    tree = _fields(answer)
    if code := tree.get("error"):
        raise AuthError(f"oauth2: {_quoted(code)}" + "".join(f" {_quoted(text)}" for text in _more(tree)))
    if not 200 <= answer.status < 300:
        hint = "; a redirect is not followed" if answer.status in _REDIRECTS else ""
        body = " ".join(answer.body[:_MOST_SHOWN].decode("utf-8", "replace").split())
        raise AuthError(
            f"oauth2: cannot fetch token: {answer.status} {answer.reason}{hint}, response: {body}"
        )
    token = tree.get("access_token")
    if not isinstance(token, str) or not token:
        raise AuthError("oauth2: server response missing access_token")
    return Issued(token, _lifetime(tree.get("expires_in")))


def _fields(answer: FetchedAnswer) -> dict[str, object]:
    """The parameters of an answer, empty for one that has none."""
    if answer.content_type in ("application/x-www-form-urlencoded", "text/plain"):
        pairs = parse_qs(answer.body.decode("utf-8", "replace"), max_num_fields=100)
        return {name: values[0] for name, values in pairs.items()}
    try:
        tree = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}


def _more(tree: dict[str, object]) -> list[object]:
    return [tree[name] for name in ("error_description", "error_uri") if tree.get(name)]


def _quoted(value: object) -> str:
    return quote(str(value)[:_MOST_SHOWN])


def _lifetime(value: object) -> float | None:
    """Some endpoints send the number as a text."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < float("inf") else None


def _context(config: AuthOidcClientConfig) -> ssl.SSLContext:
    path = config.trusted_ca_file
    if config.insecure_skip_verify:
        context = default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    failed = "failed to create OIDC HTTP client: failed to"
    try:
        return default_context(path)
    except ssl.SSLError:
        raise ConfigError(
            f"{failed} parse OIDC CA certificate from file {quote(path)}", "auth.oidc.trustedCaFile"
        ) from None
    except OSError as exc:
        raise ConfigError(
            f"{failed} read OIDC CA certificate file {quote(path)}: open {path}: {(exc.strerror or str(exc)).lower()}",
            "auth.oidc.trustedCaFile",
        ) from None

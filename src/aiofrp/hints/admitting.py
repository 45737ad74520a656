"""Rows about logins that frps refuses, as frps's own log has them.

Facts: ``address`` of the client; ``token`` (``empty`` or ``set``), the one of frps; ``sent`` (``nothing`` where the
digest of the login is that of an empty token, else ``another``).
"""

from __future__ import annotations

from typing import Final

from aiofrp.hints.entry import KnownFailure

_MISMATCH: Final = ("token in login doesn't match token from configuration",)
_SCAN: Final = "somebody tries tokens, where this happens often and from many addresses"

ADMISSIONS: Final = (
    KnownFailure(
        "frps-without-token",
        cause="the frpc at {address} sends a token, and this frps has none",
        reasons=("auth.token is missing in frps's file", "the frpc is meant for another frps"),
        step="Write the auth.token of that frpc into frps's file",
        key="auth.token",
        prints=_MISMATCH,
        given={"token": "empty"},
    ),
    KnownFailure(
        "frpc-without-token",
        cause="the frpc at {address} sends no token",
        reasons=("auth.token is missing in its file", _SCAN),
        step="Write the auth.token of frps's file into the file of that frpc, if it is one of yours",
        key="auth.token",
        prints=_MISMATCH,
        given={"sent": "nothing"},
    ),
    KnownFailure(
        "frpc-other-token",
        cause="the frpc at {address} has another token than this frps",
        reasons=("its auth.token differs in a character, a blank or a quote", _SCAN),
        step="Write the same auth.token into both files, if that frpc is one of yours",
        key="auth.token",
        prints=_MISMATCH,
    ),
    KnownFailure(
        "frpc-without-tls",
        cause="the client at {address} does not use TLS, and transport.tls.force is set here",
        reasons=("transport.tls.enable is false in its file", "it is no frpc"),
        step="Set transport.tls.enable = true in the file of that frpc, or take transport.tls.force out of frps's file",
        key="transport.tls.force",
        prints=("non-TLS connection received on a TlsOnly server",),
    ),
    KnownFailure(
        "frpc-clock",
        cause="the clocks of this machine and of {address} differ by more than auth.authenticationTimeout",
        reasons=("one of the clocks is wrong", "somebody has recorded a login and sends it again"),
        step="Set both clocks (NTP), or raise auth.authenticationTimeout",
        key="auth.authenticationTimeout",
        prints=("the login's timestamp is",),
    ),
    KnownFailure(
        "frpc-identity",
        cause="another client is logged in with the identity of the one at {address}",
        reasons=(
            "two machines run with copies of one file",
            "the old connection of that client has not ended yet",
        ),
        step="Give each client a clientID of its own, or leave clientID out",
        key="clientID",
        prints=("is in use by a client with another user", "is already online"),
    ),
    KnownFailure(
        "frpc-without-oidc",
        cause="the frpc at {address} shows no token of the OIDC provider",
        reasons=('its auth.method is "token"', "its provider gives tokens that are no JWT", _SCAN),
        step='Set auth.method = "oidc" and the table auth.oidc in its file',
        key="auth.method",
        prints=("oidc: malformed jwt", "invalid OIDC token in login"),
    ),
    KnownFailure(
        "frpc-oidc-audience",
        cause="the OIDC token of the frpc at {address} is for another audience than auth.oidc.audience here",
        step="Set auth.oidc.audience in both files to the same value",
        key="auth.oidc.audience",
        prints=("oidc: expected audience",),
    ),
    KnownFailure(
        "frpc-oidc-issuer",
        cause="the OIDC token of the frpc at {address} comes from another provider than auth.oidc.issuer here",
        step="Let auth.oidc.tokenEndpointURL of that frpc and auth.oidc.issuer here name the same provider",
        key="auth.oidc.issuer",
        prints=("id token issued by a different provider",),
    ),
    KnownFailure(
        "frpc-oidc-expired",
        cause="the OIDC token of the frpc at {address} is not valid at this time",
        reasons=("the clock of a machine is wrong",),
        step="Set the clocks of both machines (NTP)",
        prints=("oidc: token is expired", "before the nbf"),
    ),
    KnownFailure(
        "plugin-unreachable",
        cause="a plugin of httpPlugins does not answer, so nobody can log in",
        step="Start the plugin, or correct its addr in httpPlugins",
        key="httpPlugins.addr",
        prints=("request to plugin error",),
    ),
    KnownFailure(
        "plugin-refuses",
        cause="a plugin of httpPlugins refuses the frpc at {address}",
        step="Read the log of the plugin for its reason",
        key="httpPlugins",
        prints=("rejected by plugin",),
    ),
    KnownFailure(
        "frpc-pool-count",
        cause="transport.poolCount of the frpc at {address} is out of the range that frps accepts",
        step="Set transport.poolCount there to a small number, such as 5",
        key="transport.poolCount",
        prints=("pool_count {count} is out of range",),
    ),
)

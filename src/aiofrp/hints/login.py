"""Rows about the login: what frps answers, and what it means that it does not.

Facts: those of :mod:`aiofrp.hints.connecting`, and ``token`` (``empty``, ``set`` or ``oidc``), ``answered`` (``yes``
where the server has shown that it speaks yamux or QUIC, ``no`` where it was asked and has not).
"""

from __future__ import annotations

from typing import Final

from aiofrp.hints.entry import KnownFailure

_ENDED: Final = ("without an answer to the login",)
_MISMATCH: Final = ("token in login doesn't match token from configuration",)

#: frps refused the login, or there was nothing to log in with.
ANSWERS: Final = (
    KnownFailure(
        "token-missing",
        cause="frps wants a token, and auth.token is empty here",
        step="Write the auth.token of frps's file into this one",
        key="auth.token",
        prints=_MISMATCH,
        given={"token": "empty"},
    ),
    KnownFailure(
        "token-differs",
        cause="auth.token here is not the token of frps",
        reasons=("it differs in a character, a blank or a quote", "frps was given another one, or none"),
        step="Write the same auth.token into the files of frpc and frps",
        key="auth.token",
        prints=_MISMATCH,
    ),
    KnownFailure(
        "clocks-differ",
        cause="the clocks of this machine and of the server differ by more than frps allows",
        step="Set both clocks (NTP); frps's authentication_timeout is the seconds that it allows",
        key="auth.authenticationTimeout",
        prints=("the login's timestamp is", "authorization timeout"),
    ),
    KnownFailure(
        "oidc-audience",
        cause="the OIDC token is for another audience than frps expects",
        step="Set auth.oidc.audience in both files to the same value",
        key="auth.oidc.audience",
        prints=("expected audience",),
    ),
    KnownFailure(
        "oidc-issuer",
        cause="the OIDC token comes from another provider than frps expects",
        step="Let auth.oidc.tokenEndpointURL here and auth.oidc.issuer in frps's file name the same provider",
        key="auth.oidc.tokenEndpointURL",
        prints=("id token issued by a different provider",),
    ),
    KnownFailure(
        "oidc-expired",
        cause="the OIDC token was not valid when frps read it",
        reasons=("the clock of a machine is wrong",),
        step="Set the clocks of both machines (NTP)",
        prints=("oidc: token is expired", "before the nbf"),
    ),
    KnownFailure(
        "oidc-not-a-token",
        cause="frps wants a token of its OIDC provider, and this client showed something else",
        step='Set auth.method = "oidc" and the table auth.oidc here, as frps has them',
        key="auth.method",
        prints=("invalid OIDC token in login",),
    ),
    KnownFailure(
        "oidc-endpoint",
        cause="the token endpoint of the OIDC provider gave no token",
        reasons=("auth.oidc.clientID or clientSecret is wrong", "the endpoint cannot be reached"),
        step="Check auth.oidc.tokenEndpointURL, clientID and clientSecret",
        key="auth.oidc.tokenEndpointURL",
        prints=("couldn't generate OIDC token", "oauth2:"),
    ),
    KnownFailure(
        "token-source",
        cause="the token of auth.tokenSource could not be read: {why}",
        step="Make the file or command of auth.tokenSource give the token",
        key="auth.tokenSource",
        prints=("failed to resolve auth.tokenSource: {why}",),
    ),
    KnownFailure(
        "plugin-refused",
        cause="a plugin of frps refused the login",
        step="Ask the operator of frps; its log names the plugin and the reason",
        key="httpPlugins",
        prints=("rejected by plugin", "request to plugin error"),
    ),
    KnownFailure(
        "run-id-in-use",
        cause="another client is logged in with the identity of this one",
        step="Give each client a clientID of its own, or leave clientID out",
        key="clientID",
        prints=("is in use by a client with another user", "is already online"),
    ),
    KnownFailure(
        "pool-count",
        cause="transport.poolCount is out of the range that frps accepts",
        step="Set transport.poolCount to a small number, such as 5",
        key="transport.poolCount",
        prints=("pool_count {count} is out of range",),
    ),
)

#: The connection ended, or nothing came, instead of an answer.
SILENCE: Final = (
    KnownFailure(
        "kcp-login-silent",
        cause="no datagram came back from UDP port {port} of {host}",
        reasons=("a firewall drops UDP", "frps has no kcpBindPort, or another one", "frps does not run"),
        step="Open UDP port {port} in the firewall of the server and set kcpBindPort = {port} there;"
        ' transport.protocol = "tcp" needs neither',
        key="kcpBindPort",
        prints=("no answer to the login within",),
        given={"protocol": "kcp", "tls": "off", "answered": "no"},
    ),
    KnownFailure(
        "kcp-login-refused",
        cause="no program listens on UDP port {port} of {host} (an ICMP error says so)",
        reasons=("frps has no kcpBindPort", "kcpBindPort is another port", "frps does not run"),
        step="Set kcpBindPort = {port} in frps's file, or serverPort here to its kcpBindPort",
        key="kcpBindPort",
        prints=("connection refused",),
        given={"protocol": "kcp"},
    ),
    KnownFailure(
        "wire-version",
        cause="the server does not know wire protocol v2",
        reasons=("it is an older frps",),
        step='Set transport.wireProtocol = "v1", or update frps',
        key="transport.wireProtocol",
        prints=_ENDED,
        given={"answered": "yes", "wire": "v2"},
    ),
    KnownFailure(
        "login-ended",
        cause="frps ended the connection instead of answering the login",
        reasons=("frps stops or restarts", "too many connections wait for their login there"),
        step="Read the log of frps at this time",
        prints=_ENDED,
        given={"answered": "yes"},
    ),
    KnownFailure(
        "login-ended-plain",
        cause="{where} ended the connection instead of answering; TLS is off here",
        reasons=(
            "frps accepts only TLS (transport.tls.force)",
            "transport.tcpMux is {mux} here and differs in frps's file",
            "another program listens there",
        ),
        step="Set transport.tls.enable = true, and transport.tcpMux as in frps's file",
        key="transport.tls.enable",
        prints=_ENDED,
        given={"tls": "off"},
    ),
    KnownFailure(
        "login-ended-v2",
        cause="{where} speaks TLS and ended the connection instead of answering",
        reasons=(
            "transport.tcpMux is off here and on in frps's file",
            "frps is too old for wire protocol v2",
            "another program listens there",
        ),
        step='Set transport.tcpMux as in frps\'s file, or transport.wireProtocol = "v1"',
        key="transport.tcpMux",
        prints=_ENDED,
        given={"mux": "off", "wire": "v2"},
    ),
    KnownFailure(
        "mux-off-here",
        cause="{where} speaks TLS and ended the connection instead of answering; transport.tcpMux is off here",
        reasons=(
            "transport.tcpMux is on in frps's file, as it is by default",
            "another program listens there",
        ),
        step="Set transport.tcpMux = true here, or false in frps's file; serverPort must be its bindPort",
        key="transport.tcpMux",
        prints=_ENDED,
        given={"mux": "off"},
    ),
    KnownFailure(
        "mux-on-here",
        cause="{where} speaks TLS and ended the connection instead of answering; transport.tcpMux is on here",
        reasons=("transport.tcpMux is off in frps's file", "another program with TLS listens there"),
        step="Set transport.tcpMux = false here, or true in frps's file; serverPort must be its bindPort",
        key="transport.tcpMux",
        prints=_ENDED,
    ),
    KnownFailure(
        "login-silent",
        cause="{where} accepts connections and does not answer the login",
        reasons=(
            "another program listens there and waits",
            "a plugin of frps takes its time",
            "frps is stopped or overloaded",
        ),
        step="Check that serverPort is the bindPort of frps, and read the log of frps",
        key="serverPort",
        prints=("no answer to the login within", "no answer to a yamux ping", "was not acknowledged within"),
    ),
)

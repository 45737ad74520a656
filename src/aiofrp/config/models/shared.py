"""The models of tables that both frps and frpc have (docs/protocol/configuration.md §2.1).

Defaults are those of the reference; fields that it does not have are marked ``ours``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from aiofrp.config.models.model import Model, field
from aiofrp.config.models.types import Bool, Int, Int64, Secret, Str, StrList, StrMap, Want

LOG_LEVELS = ("trace", "debug", "info", "warn", "error")
AUTH_METHODS = ("token", "oidc")
AUTH_SCOPES = ("HeartBeats", "NewWorkConns")


class ApiMetadata(Model):
    """The fields at the root of both programs' files."""

    reference_name: ClassVar[str] = "APIMetadata"

    version: Str = field("", alias="version", help="Accepted and ignored.")


class LogConfig(Model):
    """The table ``log``: destination, level and rotation of the log."""

    reference_name: ClassVar[str] = "LogConfig"

    to: Str = field(
        "console", alias="to", help="Path of the log file, or `console` for standard output.", flag="log-file"
    )
    level: Str = field(
        "info", alias="level", help="Lowest level that is logged.", flag="log-level", choices=LOG_LEVELS
    )
    max_days: Int64 = field(
        3,
        alias="maxDays",
        help="Days a rotated log file is kept; negative keeps it for ever.",
        flag="log-max-days",
    )
    disable_print_color: Bool = field(
        False, alias="disablePrintColor", help="Log to the console without colours.", flag="disable-log-color"
    )


class TlsConfig(Model):
    """The certificate files of one side of a TLS connection; empty paths mean that there are none."""

    reference_name: ClassVar[str] = "TLSConfig"

    cert_file: Str = field("", alias="certFile", help="Path of the PEM certificate shown to the peer.")
    key_file: Str = field("", alias="keyFile", help="Path of the PEM key of `certFile`.")
    trusted_ca_file: Str = field(
        "",
        alias="trustedCaFile",
        help="Path of the PEM certificates that must have signed the peer's certificate.",
    )
    server_name: Str = field("", alias="serverName", help="Name the server's certificate must have.")


class WebServerConfig(Model):
    """The table ``webServer``: the dashboard of frps, or the admin API of frpc."""

    reference_name: ClassVar[str] = "WebServerConfig"

    addr: Str = field("127.0.0.1", alias="addr", help="Address the web server listens on.")
    port: Int = field(0, alias="port", help="TCP port of the web server; 0 turns it off.", port=True)
    user: Str = field("", alias="user", help="User name for HTTP basic authentication.")
    password: Secret = field(
        Secret(),
        alias="password",
        help="Password for HTTP basic authentication; with an empty user and password everybody has access.",
    )
    assets_dir: Str = field(
        "", alias="assetsDir", help="Directory served as user interface instead of the built-in one."
    )
    pprof_enable: Bool = field(
        False,
        alias="pprofEnable",
        help="Show tasks, objects and profiles of the running program under `/debug/pprof/`.",
    )
    tls: TlsConfig | None = field(
        None, alias="tls", help="Serve HTTPS; both `certFile` and `keyFile` are then needed."
    )


class QuicOptions(Model):
    """The table ``transport.quic``: limits of QUIC connections between frpc and frps."""

    reference_name: ClassVar[str] = "QUICOptions"

    keepalive_period: Int = field(10, alias="keepalivePeriod", help="Seconds between keep-alive packets.")
    max_idle_timeout: Int = field(
        30, alias="maxIdleTimeout", help="Seconds without any packet after which a connection is lost."
    )
    max_incoming_streams: Int = field(
        100000, alias="maxIncomingStreams", help="Streams the peer may have open at once."
    )


class FileSource(Model):
    """The file of a :class:`ValueSource`."""

    path: Str = field("", alias="path", help="Path of the file whose trimmed content is the value.")


class ExecEnvVar(Model):
    """An environment variable of an :class:`ExecSource`."""

    name: Str = field("", alias="name", help="Name of the variable, without `=`.")
    value: Secret = field(Secret(), alias="value", help="Value of the variable.")


class ExecSource(Model):
    """The command of a :class:`ValueSource`; its standard output is the value."""

    command: Str = field("", alias="command", help="Program to run, without a shell.")
    args: StrList = field((), alias="args", help="Arguments of the program.")
    env: Annotated[tuple[ExecEnvVar, ...], Want("[]v1.ExecEnvVar")] = field(
        (), alias="env", help="Variables added to the inherited environment."
    )


class ValueSource(Model):
    """The file or command from which a secret is read, so that it need not be in the configuration."""

    type: Str = field("", alias="type", help="Kind of the source.", choices=("file", "exec"))
    file: FileSource | None = field(None, alias="file", help="The file, with type `file`.")
    exec: ExecSource | None = field(
        None, alias="exec", help="The command, with type `exec`; needs `--allow-unsafe TokenSourceExec`."
    )


class AuthBase(Model):
    """The fields of the table ``auth`` that both programs have: how clients authenticate."""

    method: Annotated[Str, Want("v1.AuthMethod")] = field(
        "token", alias="method", help="How clients authenticate.", choices=AUTH_METHODS
    )
    additional_scopes: Annotated[tuple[Str, ...], Want("[]v1.AuthScope")] = field(
        (),
        alias="additionalScopes",
        help="Messages that are authenticated besides the login: `HeartBeats`, `NewWorkConns`.",
    )
    token: Secret = field(
        Secret(),
        alias="token",
        help="Secret shared by server and clients; also the key of `useEncryption`.",
        flag="token",
        short="t",
    )
    token_source: ValueSource | None = field(
        None, alias="tokenSource", help="Where the token is read from instead of `token`."
    )


class HeaderOperations(Model):
    """Changes to the header fields of HTTP requests or responses."""

    reference_name: ClassVar[str] = "HeaderOperations"

    set: StrMap = field(alias="set", help="Headers that are set, by name.", factory=dict)


class HttpHeader(Model):
    """One header field of an HTTP request."""

    reference_name: ClassVar[str] = "HTTPHeader"

    name: Str = field("", alias="name", help="Name of the header.")
    value: Str = field("", alias="value", help="Value of the header.")


class NatTraversalConfig(Model):
    """The table ``natTraversal`` of xtcp: how a direct connection through two NATs is made."""

    reference_name: ClassVar[str] = "NatTraversalConfig"

    disable_assisted_addrs: Bool = field(
        False, alias="disableAssistedAddrs", help="Do not send the addresses of local interfaces to the peer."
    )

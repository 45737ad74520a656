"""The tables frps and frpc have in common (docs/protocol/configuration.md §2.1)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from aiofrp.config.models.model import Model, field
from aiofrp.config.models.types import Bool, Int, Int64, Secret, Str, StrList, StrMap, Want

LOG_LEVELS = ("trace", "debug", "info", "warn", "error")
AUTH_METHODS = ("token", "oidc")
AUTH_SCOPES = ("HeartBeats", "NewWorkConns")


class ApiMetadata(Model):
    """What both programs' configurations begin with."""

    reference_name: ClassVar[str] = "APIMetadata"

    version: Str = field("", alias="version", help="Accepted and ignored.")


class LogConfig(Model):
    """Where and how much is logged."""

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
    """Certificates of one side of a TLS connection."""

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
    """The dashboard of frps, the admin API of frpc."""

    reference_name: ClassVar[str] = "WebServerConfig"

    addr: Str = field("127.0.0.1", alias="addr", help="Address the web server listens on.")
    port: Int = field(0, alias="port", help="TCP port of the web server; 0 turns it off.", port=True)
    user: Str = field("", alias="user", help="User name for HTTP basic authentication.")
    password: Secret = field(
        Secret(),
        alias="password",
        help="Password for HTTP basic authentication; with an empty user and password everybody may enter.",
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
    """Limits of QUIC connections."""

    reference_name: ClassVar[str] = "QUICOptions"

    keepalive_period: Int = field(10, alias="keepalivePeriod", help="Seconds between keep-alive packets.")
    max_idle_timeout: Int = field(
        30, alias="maxIdleTimeout", help="Seconds without any packet after which a connection is lost."
    )
    max_incoming_streams: Int = field(
        100000, alias="maxIncomingStreams", help="Streams the peer may have open at once."
    )


class FileSource(Model):
    """A value read from a file."""

    path: Str = field("", alias="path", help="Path of the file whose trimmed content is the value.")


class ExecEnvVar(Model):
    """A variable of a command's environment."""

    name: Str = field("", alias="name", help="Name of the variable, without `=`.")
    value: Secret = field(Secret(), alias="value", help="Value of the variable.")


class ExecSource(Model):
    """A value printed by a command."""

    command: Str = field("", alias="command", help="Program to run, without a shell.")
    args: StrList = field((), alias="args", help="Arguments of the program.")
    env: Annotated[tuple[ExecEnvVar, ...], Want("[]v1.ExecEnvVar")] = field(
        (), alias="env", help="Variables added to the inherited environment."
    )


class ValueSource(Model):
    """Where a secret comes from instead of standing in the configuration."""

    type: Str = field("", alias="type", help="Kind of the source.", choices=("file", "exec"))
    file: FileSource | None = field(None, alias="file", help="The file, with type `file`.")
    exec: ExecSource | None = field(
        None, alias="exec", help="The command, with type `exec`; needs `--allow-unsafe TokenSourceExec`."
    )


class AuthBase(Model):
    """How a client shows who it is: the part both programs share."""

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
    """Changes to HTTP headers."""

    reference_name: ClassVar[str] = "HeaderOperations"

    set: StrMap = field(alias="set", help="Headers that are set, by name.", factory=dict)


class HttpHeader(Model):
    """One HTTP header."""

    reference_name: ClassVar[str] = "HTTPHeader"

    name: Str = field("", alias="name", help="Name of the header.")
    value: Str = field("", alias="value", help="Value of the header.")


class NatTraversalConfig(Model):
    """How a hole is punched."""

    reference_name: ClassVar[str] = "NatTraversalConfig"

    disable_assisted_addrs: Bool = field(
        False, alias="disableAssistedAddrs", help="Do not tell the peer the addresses of local interfaces."
    )

"""What ``aiofrp share`` makes public: the word that names it, and the flags that go with it."""

from __future__ import annotations

import importlib
import os
import re
import stat
import sys
from typing import Any

from aiofrp.config.flags.ownkinds import FlagValueError, read_port, shown
from aiofrp.config.flags.parse import Invocation
from aiofrp.errors import ConfigError

HELP = """\
TARGET is what becomes public:
  8000, host:8000   a port of this machine or of another one
  ./folder          the files of a folder, read only (plugin static_file)
  unix:/run/x.sock  a service on a Unix domain socket (plugin unix_domain_socket)
  https:8000        a web service that gets HTTPS in front (plugin https2http)
  module:name       an ASGI application, without a port (needs the package uvicorn)"""

#: A host, or a module of Python; an IPv6 address has brackets.
_HOST = re.compile(r"\[[0-9A-Fa-f:.%]+]|[^][\s/@:]+")
#: Characters of one part of a domain name (RFC 1035 §2.3.4).
_MAX_WORD = 63
#: What is in no part of a host name. Letters of other languages are left to frps.
_NOT_IN_WORDS = re.compile(r"[\s/:@?#.*,]")


def service(target: str, invocation: Invocation) -> dict[str, Any]:
    """The arguments of :func:`aiofrp.expose` that say who serves users. Raises :class:`~aiofrp.errors.ConfigError`."""
    options = _of_kind(target, invocation)
    _refuse_unused(options, invocation)
    _check_word(invocation)
    return options


def _of_kind(target: str, invocation: Invocation) -> dict[str, Any]:
    kind, _, rest = target.partition(":")
    if kind == "unix" and rest:
        _warn_of_missing_socket(rest)
        return {"plugin": "unix_domain_socket", "unix_path": rest}
    if kind == "https" and rest:
        address = rest if ":" in rest else f"127.0.0.1:{rest}"
        _check_port(address.rpartition(":")[2], target)
        files = {"crt_path": invocation.value("cert"), "key_path": invocation.value("key")}
        return {"plugin": "https2http", "local_addr": address, **files}
    if os.path.isdir(target):
        user, password = _password(invocation)
        return {"plugin": "static_file", "local_path": target, "http_user": user, "http_password": password}
    return {"target": _address_or_application(target)}


def _address_or_application(target: str) -> Any:
    if target.isascii() and target.isdigit():
        return _check_port(target, target)
    host, colon, last = target.rpartition(":")
    if not colon or not _HOST.fullmatch(host) or not last:
        raise ConfigError(
            f"what is {shown(target)}? Give a port, host:port, a folder that exists, unix:PATH, https:PORT "
            "or module:application"
        )
    if last.isascii() and last.isdigit():
        _check_port(last, target)
        return target
    return _application(host, last)


def _check_port(port: str, target: str) -> int:
    """The port of a service as a number. Raises :class:`~aiofrp.errors.ConfigError` where there is no such port."""
    try:
        return read_port(port)
    except FlagValueError:
        text = f"{shown(target)} has no port that exists. Give the port of your service, 1 to 65535"
        raise ConfigError(text) from None


def _check_readable(invocation: Invocation) -> None:
    """Read the files of the certificate before a server is asked. Raises :class:`~aiofrp.errors.ConfigError`."""
    for name in ("cert", "key"):
        if path := invocation.value(name):
            try:
                with open(path, "rb"):
                    pass
            except OSError as error:
                raise ConfigError(
                    f"--{name} {shown(path)}: {(error.strerror or str(error)).lower()}"
                ) from None


def _warn_of_missing_socket(path: str) -> None:
    """Say that nothing can answer at ``path`` yet. It is no error, since the service may start later."""
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            return
        reason = "is no Unix domain socket"
    except OSError as error:
        reason = f"cannot be reached ({error.strerror})"
    print(f"warning: {path} {reason}. Users get no answer until your service listens there", file=sys.stderr)


def _application(module: str, name: str) -> Any:
    """The ASGI application ``name`` of ``module``, which may lie in the current folder."""
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        raise ConfigError(f"there is no module {error.name} for the application {module}:{name}") from None
    if not callable(found):
        raise ConfigError(f"the module {module} has no application {name}")
    return found


def _password(invocation: Invocation) -> tuple[str, str]:
    """User and password of ``--password``, both empty where it was not given."""
    given = invocation.value("password")
    user, _, password = given.partition(":")
    if given and not (user and password):
        raise ConfigError("--password needs a user name and a password: --password USER:PASSWORD")
    return user, password


def web_password(invocation: Invocation) -> dict[str, str]:
    """The settings of an http proxy that ask its users for ``--password``; none where it was not given."""
    user, password = _password(invocation)
    return {"httpUser": user, "httpPassword": password} if user or password else {}


def _refuse_unused(options: dict[str, Any], invocation: Invocation) -> None:
    """Refuse flags that the target has no use for: who wrote ``--password`` expects that it is asked for."""
    plugin = options.get("plugin", "")
    domains = invocation.value("domain") or invocation.value("subdomain")
    cert, key = invocation.value("cert"), invocation.value("key")
    if invocation.value("password") and plugin != "static_file" and (not domains or plugin == "https2http"):
        raise ConfigError("--password is for folders, and for web services with --domain or --subdomain")
    _password(invocation)
    if invocation.value("port") and (domains or invocation.value("secret")):
        raise ConfigError(
            "--port is for a port of its own: leave it out with --domain, --subdomain and --secret"
        )
    if (cert or key) and plugin != "https2http":
        raise ConfigError("--cert and --key are for https:")
    if bool(cert) is not bool(key):
        raise ConfigError("--cert and --key belong together")
    _check_readable(invocation)
    if invocation.value("udp") and (domains or invocation.value("secret") or "target" not in options):
        raise ConfigError("--udp is for a port alone")
    if invocation.value("secret") and domains:
        raise ConfigError("--secret and --domain exclude each other: a secret service has no public address")


def _check_word(invocation: Invocation) -> None:
    """Refuse a subdomain of several words: frps would take some of them."""
    subdomain = invocation.value("subdomain")
    if _NOT_IN_WORDS.search(subdomain) or len(subdomain) > _MAX_WORD:
        raise ConfigError(
            f"--subdomain {shown(subdomain)} is not one word. Give one word; a whole name belongs in --domain"
        )

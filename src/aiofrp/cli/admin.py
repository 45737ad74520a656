"""``frpc reload``, ``status`` and ``stop``: they talk to the admin API of a running frpc
(docs/protocol/configuration.md §4.3)."""

from __future__ import annotations

import http.client
import json
import os
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiofrp.config.flags.parse import Invocation
from aiofrp.config.load.decode import decode_client
from aiofrp.config.load.files import decoded, open_source, read
from aiofrp.config.models.shared import TlsConfig, WebServerConfig
from aiofrp.errors import ConfigError, FrpError

#: Bytes an answer may have.
_MAX_ANSWER = 64 * 1024 * 1024
#: Where a server is reached that listens on all addresses.
_LOCAL = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}
_COLUMNS = ("Name", "Status", "LocalAddr", "Plugin", "RemoteAddr", "Error")
#: The order of tables as in frp; those of other types follow.
_ORDER = ("tcp", "udp", "tcpmux", "http", "https", "stcp", "sudp", "xtcp")
_KEYS = ("name", "status", "local_addr", "plugin", "remote_addr", "err")


class AdminError(FrpError):
    """The admin API of frpc cannot be reached, or its answer is an error; the text is what the command prints."""


def reload(invocation: Invocation) -> int:
    """``frpc reload``: let the running frpc read its file again. Returns the exit code."""
    query = "?strictConfig=true" if invocation.value("strict-config") else ""
    return _with_api(invocation, lambda api: _say(api.call("GET", "/api/reload" + query), "reload success"))


def status(invocation: Invocation) -> int:
    """``frpc status``: print tables of the running frpc's proxies. Returns the exit code."""
    return _with_api(invocation, lambda api: print(tables(_table_of(api.call("GET", "/api/status"))), end=""))


def stop(invocation: Invocation) -> int:
    """``frpc stop``: end the running frpc. Returns the exit code."""
    return _with_api(invocation, lambda api: _say(api.call("POST", "/api/stop"), "stop success"))


def _with_api(invocation: Invocation, use: Callable[[Api], None]) -> int:
    try:
        web = _web_server(invocation)
        if web.port <= 0:
            raise ConfigError("web server port should be set if you want to use this feature")
        use(Api(web, invocation.value("api-timeout")))
    except FrpError as error:
        print(error)
        return 1
    return 0


def _web_server(invocation: Invocation) -> WebServerConfig:
    """Where the admin API is. Proxies are not read: what is asked for does not depend on them, and the models of
    their types take long to load."""
    path = invocation.value("config")
    strict = invocation.value("strict-config")
    source = open_source(path, read(path), os.environ, program="frpc", strict=strict)
    if isinstance(source.tree, dict):
        tree = {
            key: value for key, value in source.tree.items() if key.lower() not in ("proxies", "visitors")
        }
        source = replace(source, tree=tree)
    return decoded(source, decode_client).web_server


def _say(answer: bytes, text: str) -> None:
    print(text)


class Api:
    """Calls to the admin API of one frpc, at the address that its ``webServer`` settings give."""

    def __init__(self, web: WebServerConfig, timeout: float) -> None:
        """``timeout``: seconds for one call."""
        self._web = web
        self._timeout = timeout

    def call(self, method: str, path: str) -> bytes:
        """The body of an answer with status 200. Raises :class:`AdminError` for any other answer and for none."""
        try:
            status, body = self._exchange(method, path)
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(method.title(), path, error) from None
        if status != http.client.OK:
            raise AdminError(f"api status code [{status}]{_reason(body)}")
        return body

    def _failed(self, method: str, path: str, error: Exception) -> AdminError:
        """What to say about a call that had no answer."""
        from aiofrp.transport.net import connect_reason, join_host_port  # here, as it takes long to load

        web = self._web
        where = join_host_port(web.addr, web.port)
        if isinstance(error, TimeoutError):
            reason = f"context deadline exceeded: no answer in {self._timeout:g} s"
        elif isinstance(error, OSError):
            reason = f"dial tcp {where}: {connect_reason(error)}"
        else:
            reason = f"this is no answer of a frpc: {error!r}"
        scheme = "http" if web.tls is None else "https"
        return AdminError(f'{method} "{scheme}://{where}{path}": {reason}')

    def _exchange(self, method: str, path: str) -> tuple[int, bytes]:
        end = time.monotonic() + self._timeout
        connection = self._connection()
        try:
            connection.request(method, path, headers=self._headers())
            if connection.sock is not None:
                connection.sock.settimeout(max(end - time.monotonic(), 0.001))
            answer = connection.getresponse()
            return answer.status, answer.read(_MAX_ANSWER)
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        web = self._web
        host, timeout = _LOCAL.get(web.addr, web.addr), max(self._timeout, 0.001)
        if web.tls is None:
            return http.client.HTTPConnection(host, web.port, timeout=timeout)
        return http.client.HTTPSConnection(host, web.port, timeout=timeout, context=_trusting(web.tls))

    def _headers(self) -> dict[str, str]:
        user, password = self._web.user, self._web.password.reveal()
        if not user and not password:
            return {}
        credentials = b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape"))
        return {"Authorization": f"Basic {credentials.decode()}"}


def _trusting(tls: TlsConfig) -> ssl.SSLContext:
    """Trust the certificate the configuration names and no other, whatever name it is for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(tls.cert_file)
    except OSError as error:
        raise AdminError(f"open {tls.cert_file}: {(error.strerror or str(error)).lower()}") from None
    return context


def _reason(body: bytes) -> str:
    """Why the API refused, on a line of its own; it is part of JSON answers."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    text = answer.get("Msg", "") if isinstance(answer, dict) else ""
    return f"\n{text}" if text else ""


# The tables of frpc status


def _table_of(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        text = body.decode("utf-8", "replace").strip()
        raise AdminError(f"unmarshal http response error: {text}")
    return answer


def tables(answer: Mapping[str, Any]) -> str:
    """The answer of ``/api/status`` as text: a table for each type of proxy."""
    parts = ["Proxy Status...\n"]
    for kind in dict.fromkeys((*_ORDER, *sorted(answer))):
        rows = [[str(entry.get(key, "")) for key in _KEYS] for entry in answer.get(kind) or ()]
        if rows:
            parts += [kind.upper(), *_lines([_COLUMNS, *rows]), ""]
    return "\n".join(parts) + "\n"


def _lines(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows with each column as wide as its widest cell and two blanks."""
    rows = list(rows)
    widths = [max(len(cell) for cell in column) + 2 for column in zip(*rows, strict=True)]
    return ["".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]

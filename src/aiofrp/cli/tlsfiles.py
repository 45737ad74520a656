"""What ``verify`` says of certificate files: the programs themselves wait for those that come later."""

from __future__ import annotations

from collections.abc import Iterator

from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.shared import TlsConfig
from aiofrp.errors import ConfigError


def tls_warnings(config: ServerConfig | ClientConfig) -> Iterator[str]:
    """What is wrong with the files that ``transport.tls`` and ``webServer.tls`` name, each with the next step."""
    if isinstance(config, ServerConfig):
        yield from _of("transport.tls", config.transport.tls, server_side=True)
    elif config.transport.tls.enable:
        yield from _of("transport.tls", config.transport.tls, server_side=False)
    if config.web_server.tls is not None:
        yield from _of("webServer.tls", config.web_server.tls, server_side=True)


def _of(key: str, files: TlsConfig, *, server_side: bool) -> Iterator[str]:
    if not (files.trusted_ca_file or (files.cert_file and files.key_file)):
        return
    from aiofrp.hints.catalogue import find
    from aiofrp.transport.tls.contexts import (  # here, as they take long to load
        client_context,
        server_context,
    )

    try:
        (server_context if server_side else client_context)(files)
    except ConfigError as error:
        hint = find("listen", error.text)
        yield f"{key}: {error.text}" + (f"\n  {hint}" if hint is not None else "")

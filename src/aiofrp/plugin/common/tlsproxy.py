"""What plugins that put a local web service behind TLS and the HTTP engine have in common."""

from __future__ import annotations

from typing import ClassVar, Protocol, cast

from aiofrp.config.models.proxy import ProxyConfig
from aiofrp.host.contexts import ClientContext
from aiofrp.plugin.common.reverseproxy import Forwarded, ReverseProxy
from aiofrp.plugin.common.tlsfront import CertificateOptions, TlsFront
from aiofrp.stream.base import Stream
from aiofrp.stream.tls.stream import TlsStream


class TlsOptions(CertificateOptions, Protocol):
    """The options all such plugins have."""

    @property
    def enable_http2(self) -> bool:
        """Whether users may speak HTTP/2."""


class TlsReverseProxy(ReverseProxy):
    """Ends the TLS of each user, then serves it; the service sees in X-Forwarded-* who the user is."""

    forwarded: ClassVar[Forwarded] = Forwarded.SET

    def __init__(self, context: ClientContext, proxy: ProxyConfig) -> None:
        super().__init__(context, proxy)
        options = cast(TlsOptions, proxy.plugin)
        self.engine.site.http2 = options.enable_http2
        protocols = ("h2", "http/1.1") if options.enable_http2 else ("http/1.1",)
        self._front = TlsFront(context, options, protocols)

    def serve(self, user: Stream, source: tuple[str, int]) -> None:
        def ready(tls: TlsStream) -> None:
            self.engine.accept(tls, source, tls.info("ssl_object").server_name.lower().removesuffix("."))

        self._front.accept(user, ready)

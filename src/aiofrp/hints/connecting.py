"""Rows about the way from frpc to frps: names, sockets, proxies on the way, TLS, and programs that are not frps.

Facts: ``host``, ``port`` and ``where`` of the server, ``protocol``, ``tls`` and ``mux`` (on, off), ``wire``, ``proxy``
(where ``transport.proxyURL`` comes from: ``file``, ``environment`` or empty) and ``proxy_where``, ``local_ip``,
``family`` (``ipv6`` where the server has IPv6 addresses only), ``peer`` and ``peer_name`` (see
:mod:`aiofrp.hints.peers`).
"""

from __future__ import annotations

from typing import Final

from aiofrp.hints.entry import KnownFailure

_BIND_PORT: Final = "Set serverPort to the bindPort of frps"
_TLS_SILENT: Final = ("no answer to the TLS handshake",)
_TIMED_OUT: Final = ("i/o timeout after", "no connection to {place} within")
_REFUSED: Final = ("connection refused",)
_NO_NAME: Final = ("no such host",)

#: Another program than frps answered.
PEERS: Final = (
    KnownFailure(
        "peer-ssh",
        cause="{where} is {peer_name}, not frps",
        reasons=("serverPort is the port of SSH", "a tunnel or port forwarding leads to SSH"),
        step=_BIND_PORT + ", 7000 unless its file says otherwise; SSH has 22",
        key="serverPort",
        given={"peer": "ssh"},
    ),
    KnownFailure(
        "websocket-refused",
        cause="{peer_name} at {where} answered, but did not pass the websocket on to frps",
        reasons=("a reverse proxy has no rule for the path /~!frp", "serverPort is not the bindPort of frps"),
        step="Let the web server in front pass /~!frp on to frps's bindPort with Upgrade and Connection, or set"
        " serverPort to the bindPort itself",
        key="transport.protocol",
        given={"peer": "http", "protocol": "websocket|wss"},
    ),
    KnownFailure(
        "peer-web-server",
        cause="{where} is {peer_name}, not frps",
        reasons=(
            "serverPort is that of a web site or of a reverse proxy",
            "serverPort is frps's vhostHTTPPort or webServer.port",
        ),
        step=_BIND_PORT + '; through a web server or a CDN frpc goes with transport.protocol = "wss"',
        key="serverPort",
        given={"peer": "http"},
    ),
    KnownFailure(
        "peer-other-service",
        cause="{where} is {peer_name}, not frps",
        step=_BIND_PORT,
        key="serverPort",
        given={"peer": "greeting"},
    ),
    KnownFailure(
        "peer-tls-only",
        cause="{where} accepts only TLS, and transport.tls.enable is false here",
        reasons=("a TLS server or proxy is in front of frps", "serverPort is that of an https server"),
        step="Set transport.tls.enable = true, and check that serverPort is the bindPort of frps",
        key="transport.tls.enable",
        given={"peer": "tls alert|tls", "tls": "off"},
    ),
    KnownFailure(
        "mux-differs",
        cause="the server uses tcpMux, and transport.tcpMux is false here",
        step="Set transport.tcpMux = true here, or false in frps's file",
        key="transport.tcpMux",
        given={"peer": "yamux", "mux": "off"},
    ),
    KnownFailure(
        "peer-unknown",
        cause="the program at {where} is not frps",
        reasons=("serverPort is that of another service",),
        step=_BIND_PORT,
        key="serverPort",
        given={"peer": "other"},
    ),
)

#: Names, addresses and sockets.
NETWORK: Final = (
    KnownFailure(
        "kcp-refused",
        cause="no program listens on UDP port {port} of {host} (an ICMP error says so)",
        reasons=("frps has no kcpBindPort", "kcpBindPort is another port", "frps does not run"),
        step="Set kcpBindPort = {port} in frps's file, or serverPort here to its kcpBindPort",
        key="kcpBindPort",
        prints=_REFUSED,
        given={"protocol": "kcp"},
    ),
    KnownFailure(
        "quic-refused",
        cause="no program listens on UDP port {port} of {host} (an ICMP error says so)",
        reasons=("frps has no quicBindPort", "quicBindPort is another port", "frps does not run"),
        step="Set quicBindPort = {port} in frps's file, or serverPort here to its quicBindPort",
        key="quicBindPort",
        prints=_REFUSED,
        given={"protocol": "quic"},
    ),
    KnownFailure(
        "kcp-silent",
        cause="no datagram came back from UDP port {port} of {host}",
        reasons=("a firewall drops UDP", "frps has no kcpBindPort, or another one", "frps does not run"),
        step="Open UDP port {port} in the firewall of the server and set kcpBindPort = {port} there;"
        ' transport.protocol = "tcp" needs neither',
        key="kcpBindPort",
        prints=(*_TLS_SILENT, "no answer to the login", *_TIMED_OUT),
        given={"protocol": "kcp"},
    ),
    KnownFailure(
        "quic-silent",
        cause="no datagram came back from UDP port {port} of {host}",
        reasons=("a firewall drops UDP", "frps has no quicBindPort, or another one", "frps does not run"),
        step="Open UDP port {port} in the firewall of the server and set quicBindPort = {port} there;"
        ' transport.protocol = "tcp" needs neither',
        key="quicBindPort",
        prints=("no answer to the QUIC handshake", *_TIMED_OUT),
        given={"protocol": "quic"},
    ),
    KnownFailure(
        "server-name-is-url",
        cause="serverAddr is a host name or an IP address, and {host} is more than that",
        step='Write the name alone, as in serverAddr = "example.com", and the port in serverPort',
        key="serverAddr",
        prints=("lookup {name}://{rest}: no such host",),
    ),
    KnownFailure(
        "name-server-silent",
        cause="the name server of dnsServer does not answer",
        reasons=("dnsServer is wrong", "a firewall drops UDP port 53"),
        step="Correct dnsServer, or leave it out to ask the name servers of this system",
        key="dnsServer",
        prints=("lookup {name} on {server}: i/o timeout", "lookup {name} on {server}: server misbehaving"),
    ),
    KnownFailure(
        "no-such-name",
        cause="the name {host} has no address",
        reasons=("it is misspelt", "its DNS record is missing", "this machine reaches no name server"),
        step="Correct serverAddr, or write the IP address of the server; `getent hosts {host}` shows what is known",
        key="serverAddr",
        prints=_NO_NAME,
        given={"proxy": ""},
    ),
    KnownFailure(
        "server-refused",
        cause="nothing listens on TCP port {port} of {host}",
        reasons=(
            "frps does not run there",
            "its bindPort is another port, or its bindAddr another address",
            "a firewall refuses the port",
        ),
        step="Start frps on {host}, or set serverPort to its bindPort",
        key="serverPort",
        prints=_REFUSED,
        given={"proxy": ""},
    ),
    KnownFailure(
        "ipv6-only",
        cause="{host} has an IPv6 address only, and this machine has no route to IPv6 addresses",
        step="Give this machine IPv6, or write an IPv4 address of the server in serverAddr",
        key="serverAddr",
        prints=("network is unreachable", "address family not supported", "cannot assign requested address"),
        given={"family": "ipv6", "local_ip": ""},
    ),
    KnownFailure(
        "local-address",
        cause="{local_ip}, from which the server is to be reached, is no address of this machine",
        reasons=("the address has changed", "it is IPv4 and the server's address IPv6, or the reverse"),
        step="Correct transport.connectServerLocalIP, or leave it out",
        key="transport.connectServerLocalIP",
        prints=("cannot assign requested address", "invalid argument", "can't assign requested address"),
        given={"proxy": "|file|environment"},
    ),
    KnownFailure(
        "no-route",
        cause="this machine has no route to {host}",
        reasons=("the network is down", "the server is switched off", "a router or firewall refuses"),
        step="Check the network of this machine, then that {host} is up: `ping {host}`",
        key="serverAddr",
        prints=("network is unreachable", "no route to host", "host is unreachable", "host is down"),
    ),
    KnownFailure(
        "connect-forbidden",
        cause="this system forbids the connection to {where}",
        reasons=("a local firewall", "a sandbox such as SELinux, AppArmor or systemd's"),
        step="Let frpc reach TCP port {port} in the firewall or sandbox of this machine",
        prints=("connect: operation not permitted", "connect: permission denied"),
    ),
    KnownFailure(
        "server-silent-tls",
        cause="{where} accepts connections and sends nothing",
        reasons=(
            "another service listens there and waits",
            "a load balancer or tunnel whose frps is down",
            "frps is stopped or overloaded",
        ),
        step="Check that serverPort is the bindPort of frps, and that frps runs",
        key="serverPort",
        prints=(*_TLS_SILENT, "no answer to the websocket handshake"),
    ),
    KnownFailure(
        "server-silent",
        cause="no answer came from {where}",
        reasons=("a firewall drops TCP port {port}", "serverAddr is wrong", "the server is down"),
        step="Open TCP port {port} in the firewall of the server, and check serverAddr",
        key="serverPort",
        prints=_TIMED_OUT,
        given={"proxy": ""},
    ),
)

_UNSET: Final = "start frpc without http_proxy in its environment"
#: The proxy on the way, of the file or of the environment.
PROXY: Final = (
    KnownFailure(
        "proxy-of-environment",
        cause="frpc uses the proxy {proxy_where} of the environment variable http_proxy, and this failed",
        step="Correct http_proxy, or " + _UNSET,
        key="transport.proxyURL",
        given={"proxy": "environment"},
        prints=(
            *_REFUSED,
            *_NO_NAME,
            *_TIMED_OUT,
            "StatusCode [{status}]",
            "ProxyType must be",
            "malformed HTTP head",
            "fail to parse proxy url",
            "hung up during the request to the proxy",
            "TLS handshake with HTTPS proxy",
        ),
    ),
    KnownFailure(
        "proxy-login",
        cause="the proxy {proxy_where} wants a user name and a password",
        step='Write them into transport.proxyURL = "http://USER:PASSWORD@HOST:PORT"',
        key="transport.proxyURL",
        prints=(
            "StatusCode [407]",
            "username/password authentication failed",
            "no acceptable authentication",
        ),
    ),
    KnownFailure(
        "proxy-forbids",
        cause="the proxy {proxy_where} does not let anybody connect to {where} (status {status})",
        reasons=("it allows port 443 only", "it allows certain hosts only"),
        step="Let the proxy allow CONNECT to {where}, or give frps the port 443",
        key="transport.proxyURL",
        prints=("StatusCode [{status}]",),
    ),
    KnownFailure(
        "proxy-kind",
        cause="transport.proxyURL is no URL of a proxy that frpc can use",
        step='Write it as "http://host:port", with http, https, socks5 or ntlm in front',
        key="transport.proxyURL",
        prints=("ProxyType must be", "fail to parse proxy url"),
    ),
    KnownFailure(
        "proxy-cannot-reach",
        cause="the proxy {proxy_where} cannot reach {where}: {why}",
        step="Check serverAddr and serverPort as the proxy sees them, and that frps runs",
        key="serverAddr",
        prints=("socks connect tcp {way}: unknown error {why}",),
        given={"proxy": "file"},
    ),
    KnownFailure(
        "proxy-down",
        cause="the proxy {proxy_where} of transport.proxyURL does not answer",
        reasons=("it does not run", "its host or port is wrong", "a firewall is in between"),
        step="Correct transport.proxyURL, or leave it out to connect directly",
        key="transport.proxyURL",
        prints=(*_REFUSED, *_NO_NAME, *_TIMED_OUT, "hung up during the request to the proxy"),
        given={"proxy": "file"},
    ),
    KnownFailure(
        "proxy-other",
        cause="{proxy_where} does not answer as a proxy of the kind in transport.proxyURL",
        step="Check host, port and kind (http, https, socks5, ntlm) of transport.proxyURL",
        key="transport.proxyURL",
        prints=(
            "malformed HTTP head",
            "unexpected protocol version",
            "TLS handshake with HTTPS proxy",
            "NTLM:",
            "no end of the HTTP head",
        ),
        given={"proxy": "file"},
    ),
)

_REFUSED_CERTIFICATE: Final = "the peer's certificate was refused: "
#: TLS with a server that speaks it.
TLS: Final = (
    KnownFailure(
        "certificate-expired",
        cause="the certificate of the server has expired ({date})",
        reasons=("it was not renewed", "the clock of this machine is wrong (it says {now})"),
        step="Renew the certificate that transport.tls.certFile of frps names, or set the clock of this machine",
        key="transport.tls.certFile",
        prints=(_REFUSED_CERTIFICATE + "it has expired ({date})",),
    ),
    KnownFailure(
        "certificate-not-yet-valid",
        cause="the certificate of the server is not valid yet ({date})",
        reasons=("the clock of this machine is wrong (it says {now})", "it was made for later"),
        step="Set the clock of this machine; if it is right, replace the certificate of frps",
        key="transport.tls.certFile",
        prints=(_REFUSED_CERTIFICATE + "it is not valid yet ({date})",),
    ),
    KnownFailure(
        "certificate-name",
        cause="the certificate of the server is not for {name}, but for {names}",
        step="Set transport.tls.serverName to a name that the certificate is for, or have one made for {name}",
        key="transport.tls.serverName",
        prints=(_REFUSED_CERTIFICATE + "it is not for {name}, but for {names} (",),
    ),
    KnownFailure(
        "certificate-purpose",
        cause="the certificate of the server is not meant for servers (extended key usage)",
        step="Have a certificate made with the usage serverAuth",
        key="transport.tls.certFile",
        prints=(_REFUSED_CERTIFICATE + "it is not meant for this purpose",),
    ),
    KnownFailure(
        "certificate-unknown-ca",
        cause="no authority of transport.tls.trustedCaFile has signed the certificate of the server",
        reasons=(
            "frps has no transport.tls.certFile and shows one that it made itself",
            "trustedCaFile is that of another authority, or lacks an intermediate one",
        ),
        step="Set trustedCaFile to the authority of frps's certificate, or leave it out to accept any certificate",
        key="transport.tls.trustedCaFile",
        prints=(
            _REFUSED_CERTIFICATE + "it is not signed by a CA of",
            _REFUSED_CERTIFICATE + "it is self-signed",
            _REFUSED_CERTIFICATE + "its issuer is unknown",
            _REFUSED_CERTIFICATE + "its chain ends in a self-signed",
        ),
    ),
    KnownFailure(
        "client-certificate-missing",
        cause="the server wants a certificate of this client (frps's transport.tls.trustedCaFile)",
        step="Set transport.tls.certFile and keyFile to a certificate of the authority that frps trusts",
        key="transport.tls.certFile",
        prints=("alert certificate required", "demands a client certificate"),
    ),
    KnownFailure(
        "client-certificate-unknown",
        cause="the server does not trust the certificate of this client",
        reasons=("it is not signed by the authority of frps's transport.tls.trustedCaFile", "it has expired"),
        step="Set transport.tls.certFile and keyFile to a valid certificate of the authority that frps trusts",
        key="transport.tls.certFile",
        prints=(
            "alert unknown ca",
            "alert bad certificate",
            "alert certificate expired",
            "the peer refused our certificate",
        ),
    ),
    KnownFailure(
        "https-proxies-share-port",
        cause="the port is also that of https proxies, and frpc was handled as one of their users",
        step="Where frps's vhostHTTPSPort is its bindPort, set transport.tls.disableCustomTLSFirstByte = false;"
        " else set serverPort to the bindPort",
        key="transport.tls.disableCustomTLSFirstByte",
        prints=("unrecognized name",),
    ),
    KnownFailure(
        "tls-version",
        cause="{where} and frpc have no version of TLS in common; frpc has 1.2 and 1.3",
        step=_BIND_PORT + "; a server that knows only older versions is not frps",
        key="serverPort",
        prints=("alert protocol version", "unsupported protocol"),
    ),
    KnownFailure(
        "websocket-ended",
        cause="{where} ended the connection instead of answering the websocket request",
        reasons=("serverPort is that of another service", "a firewall or proxy lets no websockets pass"),
        step="Check that serverPort is the bindPort of frps",
        key="serverPort",
        prints=("hung up during the websocket handshake",),
    ),
    KnownFailure(
        "tls-ended",
        cause="{where} ended the connection during the TLS handshake without a byte",
        reasons=(
            "serverPort is that of a service that does not speak TLS",
            "serverPort is frps's vhostHTTPSPort",
            "a firewall or load balancer ends the connection",
        ),
        step="Check that serverPort is the bindPort of frps; the log of frps shows connections that reach it",
        key="serverPort",
        prints=("the connection ended during the TLS handshake", "connection reset by peer"),
    ),
)

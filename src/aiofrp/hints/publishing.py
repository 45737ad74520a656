"""Rows about proxies and visitors that frps refuses: its answers, which are the same from frp and from aiofrp.

Facts: ``name`` and ``type`` of the proxy or visitor, ``remote_port``, ``domains``, ``subdomain``, ``server_name``.
"""

from __future__ import annotations

from typing import Final

from aiofrp.hints.entry import KnownFailure

#: What frps answers to a proxy.
PROXIES: Final = (
    KnownFailure(
        "taken",
        cause="the proxy {holder} has it",
        step="Choose another name, port or domain for one of the two, or end the client of {holder}",
        key="proxies",
        given={"side": "frps"},
    ),
    KnownFailure(
        "port-used-by-proxy",
        cause="another proxy of this frps has the port {remote_port}",
        reasons=("another client or another proxy asks for the same port", "the same frpc runs twice"),
        step="Choose another remotePort, or 0 for any free one; the dashboard of frps shows who has which",
        key="remotePort",
        prints=("port already used",),
    ),
    KnownFailure(
        "port-not-allowed",
        cause="frps does not allow the port {remote_port} (its allowPorts)",
        step="Choose a remotePort within allowPorts of frps's file, or 0 to let frps choose",
        key="remotePort",
        prints=("port not allowed",),
    ),
    KnownFailure(
        "port-unavailable",
        cause="frps cannot open the port {remote_port} on its machine",
        reasons=(
            "another program has the port there",
            "frps or vhosts have it themselves",
            "ports below 1024 need a privilege that frps has not",
        ),
        step="Choose another remotePort, or end the program that has it (`ss -tulpn` on the server shows which)",
        key="remotePort",
        prints=("port unavailable",),
    ),
    KnownFailure(
        "no-free-port",
        cause="frps has no free port left",
        reasons=("all ports of its allowPorts are in use",),
        step="Close proxies, or extend allowPorts in frps's file",
        key="allowPorts",
        prints=("no available port",),
    ),
    KnownFailure(
        "too-many-ports",
        cause="this client has as many ports as frps allows (its maxPortsPerClient)",
        step="Raise maxPortsPerClient in frps's file, or start fewer tcp and udp proxies",
        key="maxPortsPerClient",
        prints=("exceed the max_ports_per_client",),
    ),
    KnownFailure(
        "name-taken",
        cause="a proxy of this name runs on frps already",
        reasons=(
            "another frpc has a proxy of this name",
            "the same frpc runs twice",
            "frps has not noticed yet that an earlier session of this frpc ended",
        ),
        step='Give the proxy another name, or each client a prefix by user = "…"; end the other frpc if it is this one',
        key="proxies.name",
        prints=("proxy [{proxy}] already exists", "proxy [{proxy}] is already in use", "is repeated"),
    ),
    KnownFailure(
        "no-http-port",
        cause="frps has no port for http proxies",
        step="Set vhostHTTPPort in frps's file, such as 80 or 8080, and restart frps",
        key="vhostHTTPPort",
        prints=("when vhost http port is not set",),
    ),
    KnownFailure(
        "no-https-port",
        cause="frps has no port for https proxies",
        step="Set vhostHTTPSPort in frps's file, such as 443, and restart frps",
        key="vhostHTTPSPort",
        prints=("when vhost https port is not set",),
    ),
    KnownFailure(
        "no-tcpmux-port",
        cause="frps has no port for tcpmux proxies",
        step="Set tcpmuxHTTPConnectPort in frps's file, such as 1337, and restart frps",
        key="tcpmuxHTTPConnectPort",
        prints=(
            "when tcpmux httpconnect port is not set",
            "tcpmux httpconnect multiplexer is not set",
            "multiplexer",
        ),
        given={"type": "tcpmux"},
    ),
    KnownFailure(
        "no-subdomains",
        cause="frps has no domain for subdomains",
        step="Set subDomainHost in frps's file to the domain below which subdomains are, or use customDomains here",
        key="subDomainHost",
        prints=("subdomain is not supported because this feature is not enabled",),
    ),
    KnownFailure(
        "subdomain-with-dot",
        cause="a subdomain is one word, and {subdomain} is not",
        step="Write one word in subdomain; a whole name belongs in customDomains",
        key="subdomain",
        prints=("'.' and '*' are not supported in subdomain",),
    ),
    KnownFailure(
        "domain-below-subdomains",
        cause="{domain} lies below the domain that frps keeps for subdomains ({host})",
        step="Write its first word in subdomain instead of customDomains",
        key="subdomain",
        prints=("custom domain [{domain}] should not belong to subdomain host [{host}]",),
    ),
    KnownFailure(
        "domain-taken",
        cause="another proxy of this frps serves the same domain and location",
        reasons=("another client or proxy has the domain", "the same frpc runs twice"),
        step="Choose another domain, or locations of your own; the log of frps names the proxy that has it",
        key="customDomains",
        prints=("router config conflict",),
    ),
    KnownFailure(
        "domain-invalid",
        cause="{domain} is no host name",
        step="Write names such as www.example.com in customDomains, without http:// and path",
        key="customDomains",
        prints=("custom domain [{domain}] is no host name",),
    ),
    KnownFailure(
        "group-key",
        cause="the group exists and has another key",
        step="Set loadBalancer.groupKey to the same text in all proxies of the group",
        key="loadBalancer.groupKey",
        prints=("group auth failed",),
    ),
    KnownFailure(
        "group-differs",
        cause="the group exists, and its proxies have other settings",
        step="Give all proxies of the group the same port, domains, locations and user; or choose another group",
        key="loadBalancer.group",
        prints=("group should have same remote port", "group params invalid", "group proxy repeated"),
    ),
    KnownFailure(
        "type-unknown",
        cause="this frps has no proxies of type {type}",
        step="Update frps, or choose another type",
        key="proxies.type",
        prints=("unknown proxy type", "proxy type error", "are not in this release"),
    ),
    KnownFailure(
        "too-many-routes",
        cause="the domains and locations of the proxy are too many for frps",
        step="Divide them between several proxies; one may have 1,000 routes, a client 20,000",
        key="customDomains",
        prints=("one proxy may have", "routes together"),
    ),
    KnownFailure(
        "too-many-proxies",
        cause="this client has as many proxies as frps allows one",
        step="Divide them between several clients",
        key="proxies",
        prints=("one client may have {count} proxies",),
    ),
    KnownFailure(
        "message-too-long",
        cause="the proxy's settings are longer than a message of the wire protocol may be",
        step='Name fewer domains, locations or header fields, or set transport.wireProtocol = "v2"',
        key="customDomains",
        prints=("the proxy needs a message of {size} bytes",),
    ),
    KnownFailure(
        "proxy-plugin-refused",
        cause="a plugin of frps refused the proxy",
        step="Ask the operator of frps; its log names the plugin and the reason",
        key="httpPlugins",
        prints=("rejected by plugin", "request to plugin error"),
    ),
    KnownFailure(
        "disabled-by-admin",
        cause="the operator of frps has disabled this proxy",
        step="Ask the operator to enable it on the dashboard of frps",
        prints=("disabled by", "is disabled"),
    ),
)

#: Visitors: what the server answers, and tunnels.
VISITORS: Final = (
    KnownFailure(
        "visitor-no-proxy",
        cause="frps knows no {type} proxy {server}",
        reasons=("its frpc is not connected", "serverName is misspelt", "it is of another user (serverUser)"),
        step="Start the frpc that has the proxy, and check serverName and serverUser of this visitor",
        key="visitors.serverName",
        prints=("custom listener for [{server}] doesn't exist", "xtcp server for [{server}] doesn't exist"),
    ),
    KnownFailure(
        "visitor-secret",
        cause="secretKey of this visitor is not that of the proxy",
        step="Write the same secretKey into the proxy and into the visitor",
        key="visitors.secretKey",
        prints=("auth failed", "sign key", "secret key"),
    ),
    KnownFailure(
        "visitor-user",
        cause="the proxy does not allow the user of this client (its allowUsers)",
        step='Add the user of this client, or "*", to allowUsers of the proxy',
        key="proxies.allowUsers",
        prints=("visitor user [{user}] not allowed", "not allowed"),
    ),
)

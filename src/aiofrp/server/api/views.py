"""The objects of frps's API: key order and omissions as the reference's (docs/protocol/server.md §13.3).

Pure: records and requests in, dictionaries out; it knows no routes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from aiofrp.config.models.server import PortsRange, ServerConfig
from aiofrp.config.models.shared import WebServerConfig
from aiofrp.config.models.types import Bandwidth
from aiofrp.logs import short_id
from aiofrp.proxy.base import proxy_type
from aiofrp.server.api.clients import ClientRecord, Shown
from aiofrp.server.api.statistics import ProxyRecord, Statistics
from aiofrp.version import FRP_VERSION
from aiofrp.wire.frp.messages import NewProxy

Object = dict[str, Any]

Published = tuple[NewProxy, str]
"""The request a running proxy was made from, and its ``remote_addr``."""


def _present(items: Mapping[str, Any]) -> Object:
    """``items`` without those whose value is empty or 0."""
    return {key: value for key, value in items.items() if value}


# The server


def server_config(config: ServerConfig) -> Object:
    """The part of the configuration that the API shows."""
    return {
        "bindPort": config.bind_port,
        "vhostHTTPPort": config.vhost_http_port,
        "vhostHTTPSPort": config.vhost_https_port,
        "tcpmuxHTTPConnectPort": config.tcpmux_http_connect_port,
        "kcpBindPort": config.kcp_bind_port,
        "quicBindPort": config.quic_bind_port,
        "subdomainHost": config.sub_domain_host,
        "maxPoolCount": config.transport.max_pool_count,
        "maxPortsPerClient": config.max_ports_per_client,
        "heartbeatTimeout": config.transport.heartbeat_timeout,
        "allowPortsStr": ports_text(config.allow_ports),
        "tlsForce": config.transport.tls.force,
    }


def server_status(statistics: Statistics) -> Object:
    """The sums over all proxies: bytes of today, connections and clients now, running proxies by type."""
    day = statistics.today
    return {
        "totalTrafficIn": statistics.traffic_in.today(day),
        "totalTrafficOut": statistics.traffic_out.today(day),
        "curConns": statistics.connections,
        "clientCounts": statistics.clients,
        "proxyTypeCount": dict(sorted(statistics.proxy_counts.items())),
    }


def server_info(config: ServerConfig, statistics: Statistics) -> Object:
    """Version, :func:`server_config` and :func:`server_status` in one object, as v1 has it."""
    shown = server_config(config)
    for key in ("allowPortsStr", "tlsForce"):
        if not shown[key]:
            del shown[key]
    return {"version": FRP_VERSION, **shown, **server_status(statistics)}


def ports_text(ports: Iterable[PortsRange]) -> str:
    """``allowPorts`` as one text: ``16000-16100,16200``."""
    return ",".join(str(item.single) if item.single > 0 else f"{item.start}-{item.end}" for item in ports)


# Clients


def shown_run_ids(config: WebServerConfig) -> Shown:
    """How run ids are shown: whole where the web server asks for a password, shortened where anyone may read them."""
    return str if config.user or config.password else short_id


def client(record: ClientRecord, shown: Shown) -> Object:
    """One client, the same in v1 and v2."""
    run_id = shown(record.run_id)
    return {
        "key": record.shown_key(shown),
        "user": record.user,
        "clientID": record.client_id or run_id,
        "runID": run_id,
        **_present({"version": record.version, "wireProtocol": record.protocol}),
        "hostname": record.hostname,
        **_present({"clientIP": record.address}),
        "firstConnectedAt": int(record.first_connected),
        "lastConnectedAt": int(record.last_connected),
        **_present({"disconnectedAt": int(record.disconnected)}),
        "online": record.online,
    }


def phase(online: bool) -> str:
    """The status of a proxy or client in the API: ``online`` or ``offline``."""
    return "online" if online else "offline"


# Proxies


def proxy(record: ProxyRecord, published: Published | None, day: int, shown: Shown) -> Object:
    """One proxy, as v1 has it. ``published``: ``None`` when it does not run; ``day``: the ordinal of today."""
    return {
        "name": record.name,
        "conf": None if published is None else _conf(*published),
        **_present({"user": record.user, "clientID": record.client_id or shown(record.run_id)}),
        "todayTrafficIn": record.traffic_in.today(day),
        "todayTrafficOut": record.traffic_out.today(day),
        "curConns": record.connections,
        "lastStartTime": _local_time(record.last_start),
        "lastCloseTime": _local_time(record.last_close),
        "status": phase(published is not None),
    }


def _conf(message: NewProxy, remote_addr: str) -> Object:
    kind = message.proxy_type or "tcp"
    conf = {
        "name": message.proxy_name,
        "type": kind,
        **_present({"annotations": message.annotations}),
        "transport": _conf_transport(message),
        **_present({"metadatas": message.metas}),
        "loadBalancer": {"group": message.group, **_present({"groupKey": message.group_key})},
        "healthCheck": {"type": "", "intervalSeconds": 0},
        "localIP": "127.0.0.1",
        "plugin": None,
    }
    if kind == "sudp":  # the reference shows this type through another encoder
        conf["transport"]["bandwidthLimit"] = {}
        conf["plugin"] = {"type": "", "ClientPluginOptions": None}
    proxy = proxy_type(kind)
    return conf | {**proxy.address_fields(message, remote_addr), **proxy.routing_fields(message)}


def _conf_transport(message: NewProxy) -> Object:
    flags = {"useEncryption": message.use_encryption, "useCompression": message.use_compression}
    return _present(flags) | _limit(message)


def _limit(message: NewProxy) -> Object:
    return {
        "bandwidthLimit": _bandwidth(message.bandwidth_limit),
        "bandwidthLimitMode": message.bandwidth_limit_mode or "client",
    }


def _bandwidth(text: str) -> str:
    try:
        return Bandwidth.parse(text).text
    except ValueError:
        return ""  # no limit then, to the reference (docs/protocol/server.md §2.7)


def proxy_v2(
    record: ProxyRecord, published: Published | None, day: int, shown: Shown, disabled: str | None = None
) -> Object:
    """One proxy, as v2 has it; the parameters are those of :func:`proxy`. ``disabled``: why an operator disabled it,
    ``None`` where nobody did; that is ours, and shown only then."""
    status = {
        "phase": phase(published is not None),
        "todayTrafficIn": record.traffic_in.today(day),
        "todayTrafficOut": record.traffic_out.today(day),
        "curConns": record.connections,
        **_present({"lastStartAt": int(record.last_start), "lastCloseAt": int(record.last_close)}),
        **({} if disabled is None else {"disabled": True, "reason": disabled}),
    }
    return {
        "name": record.name,
        "user": record.user,
        "clientID": record.client_id or shown(record.run_id),
        "spec": {"type": record.kind, record.kind: {} if published is None else _spec(*published)},
        "status": status,
    }


def _spec(message: NewProxy, remote_addr: str) -> Object:
    kind = message.proxy_type or "tcp"
    flags = {"useEncryption": message.use_encryption, "useCompression": message.use_compression}
    spec = {
        **_present({"annotations": message.annotations, "metadatas": message.metas}),
        "transport": flags | _limit(message),
        "loadBalancer": {"group": message.group},
    }
    proxy = proxy_type(kind)
    return spec | {**proxy.address_fields(message, remote_addr), **_present(proxy.routing_fields(message))}


# Traffic


def traffic(record: ProxyRecord, day: int) -> Object:
    """Bytes of each of seven days, today first, as v1 has it."""
    days_in, days_out = record.traffic_in.days(day), record.traffic_out.days(day)
    return {"name": record.name, "trafficIn": days_in, "trafficOut": days_out}


def traffic_v2(record: ProxyRecord, day: int) -> Object:
    """Bytes of each of seven days with its date, today last, as v2 has it."""
    days = zip(record.traffic_in.days(day), record.traffic_out.days(day), strict=True)
    history = [
        {"date": date.fromordinal(day - ago).isoformat(), "trafficIn": count_in, "trafficOut": count_out}
        for ago, (count_in, count_out) in enumerate(days)
    ]
    return {"name": record.name, "unit": "bytes", "granularity": "day", "history": history[::-1]}


def _local_time(moment: float) -> str:
    return time.strftime("%m-%d %H:%M:%S", time.localtime(moment)) if moment else ""

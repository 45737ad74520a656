"""Rows about ports that a program opens itself.

Facts: ``key``, the key of the configuration that has the port, ``port``, and ``low`` (``yes`` below 1024).
"""

from __future__ import annotations

from typing import Final

from aiofrp.hints.entry import KnownFailure

SOCKETS: Final = (
    KnownFailure(
        "port-in-use",
        cause="another program has the {network} port {number}",
        reasons=("the same program runs already", "another program has the port"),
        step="End that program (`ss -tulpn 'sport = :{number}'` shows which), or choose another {key}",
        key="{key}",
        prints=("listen {network} {place}:{number}: bind: address already in use",),
    ),
    KnownFailure(
        "port-privileged",
        cause="ports below 1024 need a privilege (here: {number})",
        step="Give the program the capability CAP_NET_BIND_SERVICE (AmbientCapabilities= in the unit of systemd), or"
        " choose another {key}",
        key="{key}",
        prints=("listen {network} {place}:{number}: bind: permission denied",),
        given={"low": "yes"},
    ),
    KnownFailure(
        "port-forbidden",
        cause="this system does not let the program open the port {number}",
        reasons=("a sandbox such as SELinux, AppArmor or systemd's",),
        step="Allow the port there, or choose another {key}",
        key="{key}",
        prints=("listen {network} {place}:{number}: bind: permission denied",),
    ),
    KnownFailure(
        "address-not-here",
        cause="{place} is no address of this machine",
        reasons=("it is the address that a router or provider translates to this machine",),
        step='Set {address_key} to an address of this machine, or "0.0.0.0" for all',
        key="{address_key}",
        prints=(
            "listen {network} {place}:{number}: bind: cannot assign requested address",
            "listen {network} {place}:{number}: bind: can't assign requested address",
        ),
    ),
    KnownFailure(
        "address-family",
        cause="this machine has no addresses of the family of {place}",
        step='Set {address_key} to an address of this machine, or "0.0.0.0" for all',
        key="{address_key}",
        prints=("listen {network} {place}:{number}: bind: address family not supported",),
    ),
    KnownFailure(
        "address-is-name",
        cause="{place} is no IP address",
        step='Set {address_key} to an IP address of this machine, or "0.0.0.0" for all',
        key="{address_key}",
        prints=(
            "bind: name or service not known",
            "bind: nodename nor servname",
            "bind: temporary failure in name",
            "listen {network} {place}:{number}: bind: address family for hostname not supported",
        ),
    ),
    KnownFailure(
        "oidc-provider",
        cause="the OIDC provider of auth.oidc.issuer does not answer as one: {why}",
        step="Check auth.oidc.issuer; {issuer}/.well-known/openid-configuration must be there",
        key="auth.oidc.issuer",
        prints=("cannot use the OIDC provider {issuer}: {why}",),
    ),
)

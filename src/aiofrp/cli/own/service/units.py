"""The files that describe a service: a unit of systemd, a property list of launchd."""

from __future__ import annotations

import os
import plistlib
from dataclasses import dataclass

#: Seconds without a sign of life after which systemd restarts the program, and open files that it may have.
_WATCHDOG, _FILES = 30, 1048576

#: Folders that ``ProtectHome=yes`` hides, a Python in there among the rest.
_HOMES = ("/home/", "/root/", "/run/user/")

#: What no program of frp needs, so that a fault in it gives away little (systemd.exec(5)).
_HARDENED = """\
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome={home}
PrivateTmp=yes
PrivateDevices={devices}
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077
"""

_UNIT = """\
# {title}. Made by `aiofrp service`; see its help.
[Unit]
Description={title}
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
ExecStart={command}
{reload}Restart=on-failure
RestartSec=5
WatchdogSec={watchdog}
LimitNOFILE={files}
{who}{capabilities}{hardened}
[Install]
WantedBy={target}
"""


@dataclass(frozen=True, slots=True)
class Service:
    """A program that runs as a service."""

    program: str  #: ``frps`` or ``frpc``
    executable: str  #: absolute path of the program
    config: str  #: absolute path of its file
    name: str  #: of the service
    account: str = ""  #: the user it runs as; empty for one that exists only while it runs
    of_user: bool = False  #: a service of the user who installs it, not of the machine
    low_ports: bool = False  #: it opens ports below 1024
    virtual_net: bool = False  #: it makes a network interface

    @property
    def title(self) -> str:
        """What it is, for people."""
        return "aiofrp server (frps)" if self.program == "frps" else "aiofrp client (frpc)"


def unit(service: Service) -> str:
    """The unit of systemd for a service.

    Without an account of its own it runs as a user that exists only while it runs (``DynamicUser``), which may not read
    the files of others: systemd passes the configuration as a credential (systemd.exec(5)), read anew at each start.
    """
    passed = not service.account and not service.of_user
    config = f"%d/{os.path.basename(service.config)}" if passed else service.config
    who = ""
    if passed:
        who = f"DynamicUser=yes\nLoadCredential={os.path.basename(service.config)}:{service.config}\n"
        who += f"StateDirectory={service.name}\nLogsDirectory={service.name}\nWorkingDirectory=%S/{service.name}\n"
    elif service.account:
        who = f"User={service.account}\n"
    hardened = _HARDENED.format(
        home="yes" if passed and not service.executable.startswith(_HOMES) else "read-only",
        devices="no" if service.virtual_net else "yes",
    )
    return _UNIT.format(
        title=service.title,
        command=f"{_quoted(service.executable)} -c {_quoted(config)} --log-format frp",
        reload="" if passed else "ExecReload=/bin/kill -HUP $MAINPID\n",
        watchdog=_WATCHDOG,
        files=_FILES,
        who=who,
        capabilities=_capabilities(service),
        hardened="NoNewPrivileges=yes\nUMask=0077\n" if service.of_user else hardened,
        target="default.target" if service.of_user else "multi-user.target",
    )


def _capabilities(service: Service) -> str:
    if service.of_user:
        return ""
    names = ["CAP_NET_BIND_SERVICE"] * service.low_ports + ["CAP_NET_ADMIN"] * service.virtual_net
    bounded = f"CapabilityBoundingSet={' '.join(names)}\n"
    return f"AmbientCapabilities={' '.join(names)}\n{bounded}" if names else bounded


def _quoted(word: str) -> str:
    """A word of a command line of systemd (systemd.service(5)); ``%d`` and ``$`` of ours stay."""
    if word.startswith("%d/"):
        return (
            f'"%d/{_escaped(word[3:])}"' if any(c in word for c in " \"'\\") else f"%d/{_escaped(word[3:])}"
        )
    made = _escaped(word)
    return f'"{made}"' if made != word or " " in word or "'" in word else word


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")


def property_list(service: Service, log: str) -> str:
    """The property list of launchd for a service (launchd.plist(5)), whose lines go to the file ``log``."""
    keys = {
        "Label": f"aiofrp.{service.name}",
        "ProgramArguments": [service.executable, "-c", service.config, "--log-format", "frp"],
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "SoftResourceLimits": {"NumberOfFiles": 65536},
        "StandardOutPath": log,
        "StandardErrorPath": log,
    }
    return plistlib.dumps(keys, sort_keys=False).decode()

"""The services people share in earnest, as far ends of tunnels: OpenSSH, nginx and dnsmasq.

Each runs as the current user, on free ports of 127.0.0.1, with all its files in a folder of the test.
``scripts/services`` installs the programs; a test that needs an absent one is skipped, and the run says so.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.certs import Authority
from tests.support.ports import free_port
from tests.support.procs import PATIENCE, Program, running

#: Ends the reason why a test without its programs did not run.
ABSENT = "scripts/services installs what tests with real programs need"

_FOLDERS = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])
_SEPARATION = Path("/run/sshd")  # the empty folder in which sshd, started by root, wants to lock up strangers


def program(name: str) -> str:
    """The path of an installed program."""
    path = shutil.which(name, path=_FOLDERS)
    assert path, f"no {name}: {ABSENT}"
    return path


def _missing(name: str) -> bool:
    if name == "sshd" and os.geteuid() == 0 and not _SEPARATION.is_dir():
        return True
    return shutil.which(name, path=_FOLDERS) is None


def needs(*names: str) -> pytest.MarkDecorator:
    """Marks a test that cannot run without these programs."""
    absent = [name for name in names if _missing(name)]
    return pytest.mark.skipif(bool(absent), reason=f"no {', '.join(absent)}: {ABSENT}")


def new_key(path: Path) -> str:
    """Make a key pair of SSH, the private half at ``path``; gives the public half."""
    command = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path.with_name(path.name + ".pub").read_text()


@dataclass(frozen=True, slots=True)
class Sshd:
    """A running SSH server; sessions find its name in their variable ``MACHINE``."""

    port: int
    host_key: str  #: kind and key, as a line of known_hosts ends


@asynccontextmanager
async def sshd(folder: Path, name: str, authorized: str) -> AsyncIterator[Sshd]:
    """An SSH server for the current user, who comes with the key whose public half is ``authorized``."""
    own = folder / f"sshd-{name}"
    own.mkdir()
    host_key = new_key(own / "host_key")
    (own / "authorized_keys").write_text(authorized)
    port = free_port()
    lines = [
        f"ListenAddress 127.0.0.1:{port}",
        f"HostKey {own}/host_key",
        f"AuthorizedKeysFile {own}/authorized_keys",
        "PidFile none",
        "StrictModes no",  # folders of tests may belong to a group
        "UsePAM no",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin prohibit-password",
        f"SetEnv MACHINE={name}",
    ]
    (own / "sshd_config").write_text("\n".join([*lines, ""]))
    command = [program("sshd"), "-D", "-e", "-f", str(own / "sshd_config")]
    async with running(command, own / "log") as server:
        await server.line(f"Server listening on 127.0.0.1 port {port}")
        yield Sshd(port, " ".join(host_key.split()[:2]))


#: What nginx writes down of each request: our name → its variable.
_SEEN = {
    "site": "server_name",
    "method": "request_method",
    "host": "http_host",
    "uri": "request_uri",
    "forwarded": "http_x_forwarded_for",
    "real": "http_x_real_ip",
    "from_where": "http_x_from_where",
    "proxied": "proxy_protocol_addr",
}
_NGINX = """
daemon off;
master_process off;
pid {own}/pid;
error_log stderr;
events {{}}
http {{
    {temporary}
    log_format seen escape=json '{{{seen}}}';
    access_log {own}/seen seen;
    default_type text/plain;
    {servers}
}}
"""
_SERVER = """
    server {{
        listen {address} {options};
        server_name {name};
        {tls}
        location / {{ return 200 "{name}\\n"; }}
        location = /file {{ alias {own}/file; }}
    }}
"""


class Nginx:
    """A running nginx; each site answers every path with its name, ``/file`` with :attr:`file`."""

    def __init__(self, own: Path, ports: Mapping[str, int], server: Program) -> None:
        self.ports = ports
        self.file = own / "file"
        self._log = own / "seen"
        self._server = server

    async def seen(self, count: int) -> list[dict[str, str]]:
        """The first requests, as nginx wrote them down once it had answered them."""
        clock = asyncio.get_running_loop().time
        end = clock() + PATIENCE
        while len(lines := self._log.read_text().splitlines()) < count:
            assert clock() < end, f"nginx saw {lines}"
            await asyncio.sleep(0.01)
        return [json.loads(line) for line in lines]


@asynccontextmanager
async def nginx(
    folder: Path, sites: Mapping[str, int | Path], *, options: str = "", tls: Authority | None = None
) -> AsyncIterator[Nginx]:
    """nginx with ``sites``: name → port, 0 for a free one, or the path of a Unix socket.

    ``options`` follow the address in ``listen``; ``tls`` has the certificate that they may ask for.
    """
    own = folder / f"nginx-{'-'.join(itertools.islice(sites, 2))}"
    own.mkdir()
    ports = {name: place or free_port() for name, place in sites.items() if isinstance(place, int)}
    (own / "file").write_bytes(os.urandom(3_000_000))
    if tls is not None:
        (own / "pair.pem").write_bytes(tls.certificate + tls.key)
    certificate = f"ssl_certificate {own}/pair.pem; ssl_certificate_key {own}/pair.pem;" if tls else ""
    servers = (
        _SERVER.format(
            address=f"127.0.0.1:{ports[name]}" if name in ports else f"unix:{place}",
            options=options,
            name=name,
            tls=certificate,
            own=own,
        )
        for name, place in sites.items()
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    text = _NGINX.format(
        own=own,
        temporary=" ".join(f"{kind}_temp_path {own}/{kind};" for kind in kinds),
        seen=",".join(f'"{name}":"${variable}"' for name, variable in _SEEN.items()),
        servers="".join(servers),
    )
    (own / "conf").write_text(text)
    command = [program("nginx"), "-e", "stderr", "-p", str(own), "-c", str(own / "conf")]
    async with running(command, own / "log") as server:
        await _listens(server, own / "pid")
        yield Nginx(own, ports, server)


async def _listens(server: Program, pid: Path) -> None:
    """nginx writes its process id once it listens."""
    clock = asyncio.get_running_loop().time
    end = clock() + PATIENCE
    while not pid.exists():
        assert server.running, server.text
        assert clock() < end, server.text
        await asyncio.sleep(0.01)


@asynccontextmanager
async def dnsmasq(
    folder: Path, addresses: Mapping[str, str], lines: Sequence[str] = ()
) -> AsyncIterator[int]:
    """A name server that knows ``addresses`` and nothing else, over UDP and TCP; gives its port."""
    port = free_port()
    command = [program("dnsmasq"), "--no-daemon", "--conf-file=/dev/null", "--pid-file="]
    command += [
        "--no-resolv",
        "--no-hosts",
        "--bind-interfaces",
        "--listen-address=127.0.0.1",
        f"--port={port}",
    ]
    command += [f"--address=/{name}/{address}" for name, address in addresses.items()]
    async with running([*command, *lines], folder / "dnsmasq.log") as server:
        await server.line("started, version")
        yield port

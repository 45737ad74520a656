"""The usage examples of frp's documentation, typed as they stand there.

The examples are spread over machines: one with a public address, ``x.x.x.x``, others behind it. On the one machine
of a test only what must differ is replaced: addresses by 127.0.0.1, each port of each machine by a free one, the
account by ours. ``tests/vectors/usage`` has the configurations: TOML as the documentation of 0.70 shows them, INI as
the one of the first releases does.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from tests.support.ports import free_port
from tests.support.procs import Name, Program, Side, command, running
from tests.support.realservices import Sshd, program

Form = Literal["toml", "ini", "yaml"]

EXAMPLES = Path(__file__).parent.parent / "vectors" / "usage"
#: The machine with the public address, and the first one behind it.
PUBLIC, LAN = "public", "lan"

#: What a fragment leaves to the example it belongs to.
_GIVEN: dict[Name, dict[str, str]] = {
    "frps": {"bindPort": "bind_port = 7000"},
    "frpc": {"serverAddr": "server_addr = x.x.x.x", "serverPort": "server_port = 7000"},
}
_PORT = re.compile(r"([A-Za-z_.]*[pP]ort)(\s*[=:]\s*)(\d+)\b(?![-,])")
_LOCAL_ADDRESS = re.compile(r'(localAddr = "[\d.]+:)(\d+)')
_TYPED_PORT = re.compile(r"(Port=|proxyport=|-p |x\.x\.x\.x |:)(\d+)\b")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


class Site:
    """The machines of one example, and whoever visits them."""

    def __init__(self, folder: Path, form: Form = "toml", replaced: Mapping[str, str] | None = None) -> None:
        """Its files go to ``folder``; ``replaced`` are further texts that cannot stand as they are."""
        self.folder = folder
        self.form = form
        self._replaced = dict(replaced or {})
        self._ports: dict[tuple[str, int], int] = {}
        self._typed = 0
        self._home = folder / "visitor"
        self._home.mkdir()
        #: A file of the visitor, for what a command is to write.
        self.got = self._home / "got"

    def port(self, number: int, machine: str = PUBLIC) -> int:
        """Where the port that the example calls ``number`` is in truth."""
        key = (machine, number)
        if key not in self._ports:
            self._ports[key] = free_port()
        return self._ports[key]

    def place(self, ports: Mapping[int, int], machine: str = PUBLIC) -> None:
        """Say where ports of a machine are: number in the example → in truth."""
        self._ports |= {(machine, number): port for number, port in ports.items()}

    # The programs

    @asynccontextmanager
    async def frps(self, *parts: str, side: Side = "ours", also: str = "") -> AsyncIterator[Program]:
        """``./frps -c ./frps.toml`` on the public machine, with the named examples and the lines ``also``."""
        async with self._started("frps", PUBLIC, parts, side, also) as server:
            await server.line("frps started successfully")
            yield server

    @asynccontextmanager
    async def frpc(
        self,
        *parts: str,
        local: Mapping[int, int] | None = None,
        side: Side = "ours",
        machine: str = LAN,
        proxies: int = 1,
        visitors: int = 0,
        also: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Program]:
        """``./frpc -c ./frpc.toml`` on ``machine``, whose services are ``local``: port in the example → in truth.

        Entered once as many proxies and visitors have started; skips the test where a proxy waits for its plugin.
        """
        self.place(local or {}, machine)
        async with self._started("frpc", machine, parts, side, also, environment) as client:
            await client.line("login to server success")
            if proxies:
                done = await client.line(
                    "start proxy success|start error: plugin .* is not in", count=proxies
                )
                if "start error" in done:
                    pytest.skip(f"this example waits for its plugin: {done}")
            if visitors:
                await client.line("start visitor success", count=visitors)
            yield client

    def change_frpc(self, *parts: str) -> None:
        """Edit the configuration of the running frpc of the first machine."""
        self._write("frpc", LAN, parts)

    def file(self, path: str, part: str, *, local: Mapping[int, int]) -> None:
        """Put an example that frpc includes at ``path``, with its services ``local`` as for :meth:`frpc`."""
        self.place(local, LAN)
        target = self.folder / LAN / path
        target.parent.mkdir(parents=True)
        target.write_text(self._configuration(self._read(part), "frpc", LAN), encoding="utf-8")

    def _write(self, name: Name, machine: str, parts: tuple[str, ...], also: str = "") -> str:
        """Write a program's configuration to the folder of its machine; gives the name of the file."""
        text = self._whole(name, [also, *map(self._read, parts)])
        file = f"{name}.{self.form}"
        path = self.folder / machine / file
        path.write_text(self._configuration(text, name, machine), encoding="utf-8")
        return file

    @asynccontextmanager
    async def _started(
        self,
        name: Name,
        machine: str,
        parts: tuple[str, ...],
        side: Side,
        also: str,
        environment: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Program]:
        folder = self.folder / machine
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(f'#!/bin/sh\nexec {shlex.join(command(name, side))} "$@"\n')
        (folder / name).chmod(0o755)
        arguments = [f"./{name}", "-c", f"./{self._write(name, machine, parts, also)}"]
        async with running([*_environment(environment), *arguments], folder / f"{name}.log") as started:
            yield started

    def _read(self, part: str) -> str:
        return (EXAMPLES / f"{part}.{self.form}").read_text(encoding="utf-8")

    def _whole(self, name: Name, parts: list[str]) -> str:
        """One file of all parts, with what they leave out; INI gets one ``[common]`` for all."""
        text = "\n".join(parts)
        if self.form == "ini":
            lines = [line for line in _GIVEN[name].values() if line.split()[0] not in text]
            return "\n".join(["[common]", *lines, text.replace("[common]\n", "")])
        given = {
            key: line.split(" = ")[1] if key.endswith("Port") else '"x.x.x.x"'
            for key, line in _GIVEN[name].items()
        }
        return "\n".join([*(f"{key} = {value}" for key, value in given.items() if key not in text), text])

    def _configuration(self, text: str, name: Name, machine: str) -> str:
        """``text`` with the addresses and ports of this machine."""

        def moved(found: re.Match[str]) -> str:
            key, sign, number = found.groups()
            public = name == "frps" or key.startswith(("server", "remote"))
            return f"{key}{sign}{self.port(int(number), PUBLIC if public else machine)}"

        text = _PORT.sub(moved, text)
        text = _LOCAL_ADDRESS.sub(lambda found: f"{found[1]}{self.port(int(found[2]), machine)}", text)
        return self._plain(text.replace("8.8.8.8", "127.0.0.1"))

    def _plain(self, text: str) -> str:
        for old, new in self._replaced.items():
            text = text.replace(old, new)
        return text.replace("x.x.x.x", "127.0.0.1")

    # The visitor

    def new_visitor(self, key: Path, known: Mapping[str, Sshd], *, of: str = PUBLIC) -> None:
        """Someone with the private key ``key`` who expects each SSH server at its address alone."""
        (self._home / "bin").mkdir()
        lines = [f"{self._known_as(address, of)} {server.host_key}\n" for address, server in known.items()]
        (self._home / "known_hosts").write_text("".join(lines))
        options = {
            "IdentityFile": key,
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self._home / "known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
            "KexAlgorithms": "curve25519-sha256",  # costs a quarter of what is tried first
        }
        (self._home / "ssh_config").write_text("".join(f"{key} {value}\n" for key, value in options.items()))
        wrapper = self._home / "bin" / "ssh"
        wrapper.write_text(f'#!/bin/sh\nexec {program("ssh")} -F {self._home}/ssh_config "$@"\n')
        wrapper.chmod(0o755)

    def _known_as(self, address: str, of: str) -> str:
        host, _, port = self.command(address, of).partition(":")
        return f"[{host}]:{port}" if port else host

    def command(self, text: str, of: str = PUBLIC) -> str:
        """A command for this machine; its ports are those of the machine ``of``."""
        text = _TYPED_PORT.sub(lambda found: f"{found[1]}{self.port(int(found[2]), of)}", text)
        return self._plain(text.replace("test@", f"{pwd.getpwuid(os.getuid()).pw_name}@"))

    async def type(self, text: str, *, of: str = PUBLIC, at: Path | None = None) -> str:
        """Type a command of the documentation; gives what it prints, and fails unless it succeeds.

        Typed on the visitor's machine, or in the folder ``at`` of another, where ``frpc`` is that machine's.
        """
        self._typed += 1
        (self._home / ".curlrc").write_text(self._browser())
        place = at or self._home
        log = place / f"typed-{self._typed}.log"
        path = os.pathsep.join([str(self._home / "bin"), str(place), os.environ.get("PATH", os.defpath)])
        environment = _environment({"PATH": path, "CURL_HOME": str(self._home)})
        async with running([*environment, "sh", "-c", self.command(text, of)], log) as typed:
            status = await typed.ended()
            assert status == 0, f"{text} ended with {status}:\n{typed.text}"
            return typed.text

    def _browser(self) -> str:
        """The options of curl: all names lead to this machine, and the visitor has an address of his own."""
        defaults = [f":{number}:127.0.0.1:{self.port(number)}" for number in (80, 443)]
        targets = "".join(f'connect-to = "{target}"\n' for target in [*defaults, "::127.0.0.1:"])
        return f'silent\nshow-error\ninterface = "{VISITOR}"\n{targets}'


#: The address from which a visitor's browser comes.
VISITOR = "127.0.0.2"


def _environment(added: Mapping[str, str] | None) -> list[str]:
    """The beginning of a command line that sets variables and drops the proxies of this machine."""
    dropped = [f"-u{name}" for proxy in _PROXIES for name in (proxy, proxy.upper())]
    return ["env", *dropped, *(f"{name}={value}" for name, value in (added or {}).items())]

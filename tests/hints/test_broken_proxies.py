"""Proxies, visitors and services that do not work: one real frpc with all of them, and a frps that refuses them.

The line about each comes first, as frp has it, and the hint after it names cause and next step.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hints.broken import Broken
from tests.support.ports import free_port
from tests.support.procs import command, running
from tests.support.tunnel import client_config, running_client, running_server, server_config

#: What ``{allowed}`` is: a port that frps gives away and nobody has.
SERVER = """
subDomainHost = "frp.test"
vhostHTTPPort = {http}
maxPortsPerClient = 5
allowPorts = [{{ single = {allowed} }}, {{ single = {held} }}, {{ single = {busy} }}, {{ single = {grouped} }}]
"""
#: What another client has already.
HELD = """
[[proxies]]
name = "held"
type = "tcp"
localPort = 1
remotePort = {held}
[[proxies]]
name = "theirs"
type = "http"
localPort = 1
customDomains = ["taken.test"]
[[proxies]]
name = "group"
type = "tcp"
localPort = 1
remotePort = {grouped}
loadBalancer.group = "g"
loadBalancer.groupKey = "right"
[[proxies]]
name = "secret"
type = "stcp"
localPort = 1
secretKey = "right"
allowUsers = ["nobody"]
"""


def proxy(name: str, kind: str, settings: str) -> str:
    """A proxy of frpc."""
    return f'[[proxies]]\nname = "{name}"\ntype = "{kind}"\n{settings}\n'


def tcp(name: str, settings: str) -> str:
    """One without settings but those of the server."""
    return proxy(name, "tcp", f"localPort = 1\n{settings}")


ERROR = r"\[{}\] start error: "
ROWS = (
    Broken("port-used", tcp("port-used", "remotePort = {held}"), "port already used",
           "another proxy of this frps has the port {held}", "Choose another remotePort, or 0"),
    Broken("not-allowed", tcp("not-allowed", "remotePort = 9"), "port not allowed",
           "frps does not allow the port 9", "within allowPorts of frps's file"),
    Broken("unavailable", tcp("unavailable", "remotePort = {busy}"), "port unavailable",
           "frps cannot open the port {busy}", "end the program that has it"),
    Broken("held", tcp("held", "remotePort = 0"), r"proxy \[held\] already exists",
           "a proxy of this name runs on frps already", "Give the proxy another name"),
    Broken("no-https", proxy("no-https", "https", 'localPort = 1\ncustomDomains = ["a.test"]'),
           "vhost https port is not set", "frps has no port for https proxies", "Set vhostHTTPSPort in frps's file"),
    Broken("no-tcpmux", proxy("no-tcpmux", "tcpmux",
                              'localPort = 1\nmultiplexer = "httpconnect"\ncustomDomains = ["a.test"]'),
           "tcpmux", "frps has no port for tcpmux proxies", "Set tcpmuxHTTPConnectPort in frps's file"),
    Broken("dotted", proxy("dotted", "http", 'localPort = 1\nsubdomain = "a.b"'),
           "'.' and '\\*' are not supported", "a subdomain is one word, and a.b is not", "Write one word in subdomain"),
    Broken("below", proxy("below", "http", 'localPort = 1\ncustomDomains = ["a.frp.test"]'),
           "should not belong to subdomain host", "a.frp.test lies below the domain that frps keeps",
           "Write its first word in subdomain"),
    Broken("conflict", proxy("conflict", "http", 'localPort = 1\ncustomDomains = ["taken.test"]'),
           "router config conflict", "another proxy of this frps serves the same domain", "Choose another domain"),
    Broken("group-key", tcp("group-key", 'remotePort = {grouped}\nloadBalancer.group = "g"\n'
                                         'loadBalancer.groupKey = "wrong"'),
           "group auth failed", "the group exists and has another key", "Set loadBalancer.groupKey"),
    Broken("group-port", tcp("group-port", 'remotePort = {allowed}\nloadBalancer.group = "g"\n'
                                           'loadBalancer.groupKey = "right"'),
           "group should have same remote port", "its proxies have other settings", "the same port"),
)  # fmt: skip

#: Of proxies that start, and whose service does not answer: a user is needed.
SERVICES = (
    Broken("down", proxy("down", "tcp", 'localIP = "127.0.0.1"\nlocalPort = {nobody}'),
           r"connect to local service \[127.0.0.1:{nobody}\] error: dial tcp .*connection refused",
           "nothing listens on 127.0.0.1:{nobody}", "Start the service, or correct local"),
    Broken("other-family", proxy("other-family", "tcp", 'localIP = "127.0.0.1"\nlocalPort = {six}'),
           r"connect to local service .*connection refused",
           "the service does not listen on 127.0.0.1:{six}, but on [::1]:{six}", 'Set localIP = "::1"'),
    Broken("no-socket", proxy("no-socket", "tcp",
                              '[proxies.plugin]\ntype = "unix_domain_socket"\nunixPath = "/nowhere.sock"'),
           "no such file or directory", "there is no socket /nowhere.sock", "correct unixPath"),
    Broken("no-name", proxy("no-name", "tcp", 'localIP = "nowhere.invalid"\nlocalPort = 1'),
           "no such host", "the name nowhere.invalid of the service has no address", "Correct localIP"),
)  # fmt: skip

VISITORS = (
    Broken("taken-port", '[[visitors]]\nname = "taken-port"\ntype = "stcp"\nserverName = "x"\nsecretKey = "x"\n'
                         "bindPort = {busy}\n",
           r"\[taken-port\] start error: listen tcp 127.0.0.1:{busy}: bind: address already in use",
           "another program has the tcp port {busy}", "choose another visitors.bindPort"),
)  # fmt: skip


async def run_all(folder: Path) -> tuple[str, dict[str, object], str]:
    """What frpc printed, the ports of the rows, and what frps logged."""
    values: dict[str, object] = {
        name: free_port() for name in ("http", "allowed", "held", "busy", "grouped", "nobody")
    }
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Lines()
    logging.getLogger("aiofrp.server").addHandler(handler)
    logging.getLogger("aiofrp").setLevel(logging.INFO)
    six = socket.create_server(("::1", 0), family=socket.AF_INET6)
    with six, socket.create_server(("0.0.0.0", int(str(values["busy"])))):
        values["six"] = six.getsockname()[1]
        async with (
            running_server(server_config(SERVER.format(**values))) as server,
            running_server(server_config()) as plain,
            running_client(client_config(server.address[1], HELD.format(**values))),
        ):
            parts = "".join(row.toml for row in (*ROWS, *VISITORS)).format(**values)
            first = f'serverAddr = "127.0.0.1"\nserverPort = {server.address[1]}\n{parts}'
            services = "".join(row.toml for row in SERVICES).format(**values)
            second = f'serverAddr = "127.0.0.1"\nserverPort = {plain.address[1]}\n{services}'
            (folder / "files").mkdir()
            (folder / "files" / "refused.toml").write_text(first)
            (folder / "files" / "services.toml").write_text(second)
            async with running(
                [*command("frpc"), "--config-dir", str(folder / "files")], folder / "log"
            ) as program:
                for row in ROWS:
                    await program.line(ERROR.format(row.name))
                for row in SERVICES:
                    line = await program.line(
                        rf"\[{row.name}\] start proxy success, visit tcp://127.0.0.1:\d+"
                    )
                    port = int(line.rpartition(":")[2])
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    await program.line(rf"\[{row.name}\] .*error")
                    writer.close()
                await program.line("visitor added")
                await program.stop()
                text = program.text
    logging.getLogger("aiofrp.server").removeHandler(handler)
    return text, values, "\n".join(lines)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, object], str]:
    return asyncio.run(run_all(tmp_path_factory.mktemp("broken")))


def blocks(output: str) -> Iterator[str]:
    """The lines of a log, each with those that belong to it."""
    yield from re.split(r"\n(?=\d{4}-\d\d-\d\d )", output)


@pytest.mark.parametrize("row", [*ROWS, *SERVICES, *VISITORS], ids=lambda row: row.name)
def test_cause_and_next_step(outcome: tuple[str, dict[str, object], str], row: Broken) -> None:
    text, values, _ = outcome
    said = next(block for block in blocks(text) if f"[{row.name}]" in block and "error" in block)
    line, cause, step = (part.format(**values) for part in (row.line, row.cause, row.step))
    Broken(row.name, "", line, cause, step).check(said)


def test_frps_names_who_has_it(outcome: tuple[str, dict[str, object], str]) -> None:
    log = outcome[2]
    for name, kind, error, holder in (
        ("port-used", "tcp", "port already used", "held"),
        ("conflict", "http", "router config conflict", "theirs"),
    ):
        assert f"new proxy [{name}] type [{kind}] error: {error}\nhint: the proxy {holder} has it. " in log


def test_frps_names_where_to_go(outcome: tuple[str, dict[str, object], str]) -> None:
    _, values, log = outcome
    assert f"new proxy [held] type [tcp] success, visit tcp://127.0.0.1:{values['held']}" in log
    assert f"new proxy [theirs] type [http] success, visit http://taken.test:{values['http']}" in log

"""Set-ups whose frpc does not reach a frps: one real frpc with all of the files, and beside it what the files lead to.

Every row names the cause and the next step that are right for what was seen of the peer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.hints.broken import Broken, by_file, services
from tests.support.certs import Authority, authority
from tests.support.namespaces import machines, needs_namespaces
from tests.support.ports import free_port
from tests.support.procs import command
from tests.support.tunnel import running_server, server_config

FAILED = "login to the server failed: "
ONE = 'serverAddr = "127.0.0.1"\nserverPort = {%s}\n'
PLAIN = "transport.tls.enable = false\n"
TRUSTING = 'transport.tls.trustedCaFile = "{folder}/ca.crt"\n'
BIND_PORT = "Set serverPort to the bindPort of frps"
NO_TLS = FAILED + "TLS: the peer does not speak TLS on this port"

ROWS = (
    Broken("refused", ONE % "nobody", FAILED + "dial tcp .*: connect: connection refused",
           "nothing listens on TCP port {nobody} of 127.0.0.1", "Start frps on 127.0.0.1"),
    Broken("refused-websocket", ONE % "nobody" + 'transport.protocol = "websocket"\n',
           FAILED + "dial tcp .*: connect: connection refused", "nothing listens on TCP port", "Start frps"),
    Broken("refused-kcp", ONE % "nobody" + 'transport.protocol = "kcp"\n', FAILED + ".*connection refused",
           "no program listens on UDP port {nobody}", "Set kcpBindPort = {nobody} in frps's file"),
    Broken("refused-kcp-plain", ONE % "nobody" + 'transport.protocol = "kcp"\n' + PLAIN,
           FAILED + ".*connection refused", "no program listens on UDP port", "Set kcpBindPort ="),
    Broken("frps-without-kcp", ONE % "frps" + 'transport.protocol = "kcp"\n', FAILED + ".*connection refused",
           "no program listens on UDP port {frps}", "Set kcpBindPort = {frps} in frps's file"),
    Broken("frps-without-quic", ONE % "frps" + 'transport.protocol = "quic"\n', FAILED + ".*connection refused",
           "no program listens on UDP port {frps}", "Set quicBindPort = {frps} in frps's file"),
    Broken("ssh", ONE % "ssh", NO_TLS, "is an SSH server (SSH-2.0-OpenSSH_9.2p1), not frps", BIND_PORT),
    Broken("ssh-plain", ONE % "ssh" + PLAIN, FAILED + "yamux", "is an SSH server", BIND_PORT),
    Broken("ssh-without-mux", ONE % "ssh" + PLAIN + "transport.tcpMux = false\n", FAILED, "is an SSH server",
           BIND_PORT),
    Broken("ssh-websocket", ONE % "ssh" + 'transport.protocol = "websocket"\n', FAILED, "is an SSH server",
           BIND_PORT),
    Broken("ftp", ONE % "ftp", NO_TLS, "is a mail or FTP server, not frps", BIND_PORT),
    Broken("mysql", ONE % "mysql", NO_TLS, "is a MySQL server, not frps", BIND_PORT),
    Broken("redis", ONE % "redis", NO_TLS, "is a Redis server, not frps", BIND_PORT),
    Broken("postgres", ONE % "postgres", NO_TLS, "is a PostgreSQL server, not frps", BIND_PORT),
    Broken("odd", ONE % "odd", NO_TLS, "the program at 127.0.0.1:{odd} is not frps", BIND_PORT),
    Broken("http", ONE % "http", NO_TLS, "is a web server (nginx/1.22.1), not frps", BIND_PORT),
    Broken("http-plain", ONE % "http" + PLAIN, FAILED, "is a web server (nginx/1.22.1)", BIND_PORT),
    Broken("https", ONE % "https", FAILED, "is a web server (nginx/1.22.1)", BIND_PORT),
    Broken("http-websocket", ONE % "http" + 'transport.protocol = "websocket"\n', FAILED + "bad status",
           "did not pass the websocket on to frps", "pass /~!frp on to frps's bindPort"),
    Broken("tls-only-peer", ONE % "alert" + PLAIN, FAILED, "accepts only TLS", "Set transport.tls.enable = true"),
    Broken("silent", ONE % "silent" + "transport.dialServerTimeout = 1\n", FAILED + "no answer to the TLS handshake",
           "accepts connections and sends nothing", "Check that serverPort is the bindPort"),
    Broken("silent-websocket",
           ONE % "silent" + 'transport.dialServerTimeout = 1\ntransport.protocol = "websocket"\n',
           FAILED + "no answer to the websocket handshake", "accepts connections and sends nothing",
           "Check that serverPort is the bindPort"),
    Broken("closing", ONE % "closing", FAILED + "the connection ended during the TLS handshake",
           "ended the connection during the TLS handshake without a byte", "Check that serverPort"),
    Broken("no-such-name", 'serverAddr = "nowhere.invalid"\n', FAILED + "dial tcp .*: no such host",
           "the name nowhere.invalid has no address", "Correct serverAddr"),
    Broken("local-ip", ONE % "frps" + 'transport.connectServerLocalIP = "192.0.2.1"\n', FAILED + "dial tcp",
           "192.0.2.1, from which the server is to be reached", "Correct transport.connectServerLocalIP"),
    Broken("proxy-down", ONE % "frps" + 'transport.proxyURL = "http://127.0.0.1:{nobody}"\n', FAILED + "dial tcp",
           "the proxy 127.0.0.1:{nobody} of transport.proxyURL does not answer", "Correct transport.proxyURL"),
    Broken("proxy-of-environment", ONE % "frps" + "transport.dialServerTimeout = 3\n", FAILED + "dial tcp",
           "of the environment variable http_proxy", "start frpc without http_proxy"),
    Broken("proxy-login", ONE % "frps" + 'transport.proxyURL = "http://127.0.0.1:{needs_login}"\n',
           FAILED + r".*StatusCode \[407\]", "wants a user name and a password", "Write them into transport.proxyURL"),
    Broken("proxy-forbids", ONE % "frps" + 'transport.proxyURL = "http://127.0.0.1:{forbids}"\n',
           FAILED + r".*StatusCode \[403\]", "(status 403)", "Let the proxy allow CONNECT to 127.0.0.1:{frps}"),
    Broken("proxy-is-ssh", ONE % "frps" + 'transport.proxyURL = "socks5://127.0.0.1:{ssh}"\n', FAILED,
           "does not answer as a proxy of the kind", "Check host, port and kind"),
    Broken("proxy-kind", ONE % "frps" + 'transport.proxyURL = "gopher://127.0.0.1:1"\n', FAILED + "ProxyType must be",
           "no URL of a proxy that frpc can use", "with http, https, socks5 or ntlm in front"),
    Broken("token-missing", ONE % "frps", FAILED + "token in login doesn't match", "auth.token is empty here",
           "Write the auth.token of frps's file into this one"),
    Broken("token-differs", ONE % "frps" + 'auth.token = "other"\n', FAILED + "token in login doesn't match",
           "auth.token here is not the token of frps", "Write the same auth.token"),
    Broken("token-unwanted", ONE % "certified" + 'auth.token = "other"\n', FAILED + "token in login doesn't match",
           "auth.token here is not the token of frps", "Write the same auth.token"),
    Broken("tls-forced", ONE % "forced" + PLAIN, FAILED, "TLS is off here", "Set transport.tls.enable = true"),
    Broken("mux-off-there", ONE % "unshared", FAILED, "transport.tcpMux is on here",
           "Set transport.tcpMux = false here"),
    Broken("mux-off-here", ONE % "frps" + "transport.tcpMux = false\n", FAILED, "transport.tcpMux is off here",
           "Set transport.tcpMux = true here"),
    Broken("old-frps", ONE % "old" + 'transport.wireProtocol = "v2"\n', FAILED + ".*closed the connection",
           "the server does not know wire protocol v2", 'Set transport.wireProtocol = "v1"'),
    Broken("self-signed", ONE % "frps" + TRUSTING, FAILED + "TLS: the peer's certificate was refused",
           "no authority of transport.tls.trustedCaFile has signed", "Set trustedCaFile to the authority"),
    Broken("another-name", ONE % "certified" + TRUSTING + 'transport.tls.serverName = "other.test"\n',
           FAILED + "TLS: the peer's certificate was refused", "is not for other.test",
           "Set transport.tls.serverName"),
    Broken("expired", ONE % "expired" + TRUSTING.replace("ca.crt", "expired-ca.crt"),
           FAILED + "TLS: the peer's certificate was refused: it has expired",
           "the certificate of the server has expired",
           "Renew the certificate that transport.tls.certFile of frps names"),
    Broken("not-yet-valid", ONE % "later" + TRUSTING.replace("ca.crt", "later-ca.crt"),
           FAILED + "TLS: the peer's certificate was refused: it is not valid yet",
           "the certificate of the server is not valid yet", "Set the clock of this machine"),
    Broken("client-certificate", ONE % "demanding", FAILED + "TLS: .*certificate required",
           "the server wants a certificate of this client", "Set transport.tls.certFile and keyFile"),
    Broken("no-ca-file", ONE % "frps" + 'transport.tls.trustedCaFile = "{folder}/none.crt"\n',
           FAILED + "open .*none.crt: no such file", "there is no file {folder}/none.crt", "Correct certFile"),
    Broken("ca-file-empty", ONE % "frps" + 'transport.tls.trustedCaFile = "{folder}/empty.crt"\n',
           FAILED + "failed to parse CA certificate", "has no certificate in PEM", "BEGIN CERTIFICATE"),
    Broken("https-proxies-port", ONE % "vhosts", FAILED + "TLS: tlsv1 unrecognized name",
           "the port is also that of https proxies", "set transport.tls.disableCustomTLSFirstByte = false"),
)  # fmt: skip


Outcome = tuple[dict[str, str], dict[str, object], list[str]]


@asynccontextmanager
async def surroundings(folder: Path) -> AsyncIterator[dict[str, object]]:
    """All that the rows lead to; gives what stands for it in the rows."""
    async with AsyncExitStack() as stack:
        values: dict[str, object] = {**await stack.enter_async_context(services()), "folder": folder}
        (folder / "empty.crt").write_bytes(b"")
        tls = certified(folder, "server", "ca", authority())
        expired = certified(folder, "expired", "expired-ca", authority("expired", since=-50))
        later = certified(folder, "later", "later-ca", authority("later", since=50))
        https = free_port()
        for name, toml in {
            "frps": 'auth.token = "secret"\n',
            "forced": "transport.tls.force = true\n",
            "unshared": "transport.tcpMux = false\n",
            "certified": tls,
            "expired": expired,
            "later": later,
            "demanding": f'{tls}transport.tls.trustedCaFile = "{folder}/ca.crt"\n',
            "vhosts": f"vhostHTTPSPort = {https}\n",
        }.items():
            config = server_config(toml, port=https if name == "vhosts" else 0)
            values[name] = (await stack.enter_async_context(running_server(config))).address[1]
        yield {**values, "nobody": free_port()}


def certified(folder: Path, name: str, ca: str, signed: Authority) -> str:
    """Write a certificate, its key and its authority; gives the settings of a frps that has them."""
    (folder / f"{ca}.crt").write_bytes(signed.ca)
    (folder / f"{name}.crt").write_bytes(signed.certificate)
    (folder / f"{name}.key").write_bytes(signed.key)
    return f'transport.tls.certFile = "{folder}/{name}.crt"\ntransport.tls.keyFile = "{folder}/{name}.key"\n'


async def run_all(folder: Path) -> Outcome:
    """What the one frpc says about each row, what stands for the names in the rows, and what frps logged."""
    (folder / "files").mkdir()
    (folder / "environment").mkdir()
    async with surroundings(folder) as values:
        lines = server_lines()
        for row in ROWS:
            where = "environment" if row.name == "proxy-of-environment" else "files"
            (folder / where / f"{row.name}.toml").write_text(row.toml.format(**values))
        outputs = await asyncio.gather(
            *(
                frpc(folder / where, proxy)
                for where, proxy in (("files", ""), ("environment", values["nobody"]))
            )
        )
    return by_file("".join(outputs)), values, next(lines)


def server_lines() -> Iterator[list[str]]:
    """Gathers the lines of frps in this process from now on; gives them once."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler, log = Lines(), logging.getLogger("aiofrp.server")
    log.addHandler(handler)

    def taken() -> Iterator[list[str]]:
        log.removeHandler(handler)
        yield lines

    return taken()


async def frpc(folder: Path, proxy: object) -> str:
    """The output of ``frpc`` with all files of a folder, and with the proxy at a port as ``http_proxy``."""
    environment = {name: value for name, value in os.environ.items() if name.lower() != "http_proxy"}
    if proxy:
        environment["http_proxy"] = f"http://127.0.0.1:{proxy}"
    program = await asyncio.create_subprocess_exec(
        *command("frpc"), "--config-dir", str(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, env=environment,
    )  # fmt: skip
    output, _ = await program.communicate()
    return output.decode()


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return asyncio.run(run_all(tmp_path_factory.mktemp("broken")))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_cause_and_next_step(outcome: Outcome, row: Broken) -> None:
    said, values, _ = outcome
    Broken(row.name, "", row.line, row.cause.format(**values), row.step.format(**values)).check(
        said[row.name]
    )


@pytest.mark.parametrize(
    ("cause", "step"),
    [
        ("sends no token", "Write the auth.token of frps's file into the file of that frpc"),
        ("has another token than this frps", "Write the same auth.token into both files"),
        ("sends a token, and this frps has none", "Write the auth.token of that frpc into frps's file"),
    ],
)
def test_frps_says_why_it_refused_a_login(outcome: Outcome, cause: str, step: str) -> None:
    found = [line for line in outcome[2] if cause in line]
    assert found, outcome[2]
    first, hint = found[0].splitlines()
    assert first == "register control error: token in login doesn't match token from configuration"
    assert re.fullmatch(
        rf"hint: the frpc at 127\.0\.0\.1:\d+ {re.escape(cause)}\. {re.escape(step)}.*\.", hint
    )


def test_frps_says_which_client_does_not_use_tls(outcome: Outcome) -> None:
    (line, *_) = [line for line in outcome[2] if "TlsOnly" in line]
    assert re.search(
        r"server\nhint: the client at 127\.0\.0\.1:\d+ does not use TLS, and transport\.tls\.force is set here\. ",
        line,
    )


@needs_namespaces
def test_a_server_with_an_ipv6_address_only(tmp_path: Path) -> None:
    """On a machine without a route to it."""
    file = tmp_path / "frpc.toml"
    file.write_text('serverAddr = "2001:db8::1"\n')
    with machines("client") as (client,):
        words = [*client.prefix, *command("frpc"), "-c", str(file)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    Broken(
        "ipv6-only", "", FAILED + "dial tcp .*network is unreachable",
        "2001:db8::1 has an IPv6 address only, and this machine has no route to IPv6 addresses",
        "write an IPv4 address of the server in serverAddr",
    ).check(done.stdout + done.stderr)  # fmt: skip

"""What the how-to pages show, done as it stands there: their configurations run, and their commands are typed.

A part is ``page#section:number``: a block of :mod:`tests.support.documents`, counted from one.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import re
import shlex
import socket
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import CodeType

import pytest

import aiofrp as package
from aiofrp.cli import aiofrp, frpc, frps
from aiofrp.client.service import Client
from aiofrp.client.states import Phase
from aiofrp.config.load.decode import decode_client, decode_server
from aiofrp.server.service import Server
from tests.support import procs
from tests.support.certs import authority
from tests.support.documents import DOCS, blocks_of, page
from tests.support.peers import needs_go
from tests.support.peers import require as go
from tests.support.ports import free_port
from tests.support.procs import PATIENCE, running
from tests.support.realservices import Nginx, needs, nginx, program
from tests.support.services import udp_echo
from tests.support.tunnel import local_service, running_client, running_server
from tests.support.usage import LAN, PUBLIC, VISITOR, Site

HOWTO = DOCS / "howto"
TOKEN = 'auth.token = "change-me"\n'
WEB = "publish-a-web-site"
#: Where Debian's package libnginx-mod-stream has it.
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


class Shown(Site):
    """The machines of a page, whose server is ``example.com``."""

    def _read(self, part: str) -> str:
        return re.sub(r'serverAddr = "(example\.com|203\.0\.113\.7)"', 'serverAddr = "x.x.x.x"', shown(part))

    def command(self, text: str, of: str = "public") -> str:
        return super().command(text, of).replace("@example.com", "@127.0.0.1")

    @asynccontextmanager
    async def server(self, *parts: str, also: str = "") -> AsyncIterator[Server]:
        """frps in this loop, with the blocks ``parts`` and the lines ``also``."""
        text = self._whole("frps", [also, *map(self._read, parts)])
        tree = tomllib.loads(self._configuration(text, "frps", PUBLIC))
        async with running_server(decode_server(tree)) as server:
            yield server

    @asynccontextmanager
    async def client(
        self, *parts: str, local: Mapping[int, int] | None = None, machine: str = LAN
    ) -> AsyncIterator[Client]:
        """frpc in this loop on ``machine``, whose services are ``local``; its proxies have been answered."""
        self.place(local or {}, machine)
        texts = [self._read(part) for part in parts]
        text = self._whole("frpc", texts if TOKEN in "".join(texts) else [TOKEN, *texts])
        tree = tomllib.loads(self._configuration(text, "frpc", machine))
        async with running_client(decode_client(tree)) as client:
            assert {proxy.state.phase for proxy in client.proxies.running()} <= {Phase.RUNNING}, (
                client.proxies
            )
            yield client

    async def typed(self, part: str, *, of: str = "public") -> str:
        """Type a command of a page; gives what it prints."""
        name, section, number = _split(part)
        commands = [
            command
            for block in page(HOWTO / f"{name}.md").blocks
            if block.section == section
            for command in block.commands
        ]
        return await self.type(commands[number - 1], of=of)


def shown(part: str, language: str = "toml") -> str:
    name, section, number = _split(part)
    return blocks_of(HOWTO / f"{name}.md", section, language)[number - 1]


def _split(part: str) -> tuple[str, str, int]:
    name, _, rest = part.partition("#")
    section, _, number = rest.partition(":")
    return name, section, int(number)


@asynccontextmanager
async def saying(name: bytes) -> AsyncIterator[int]:
    """A TCP service that says its name; gives its port."""

    async def say(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name)

    async with local_service(say) as port:
        yield port


async def said(port: int) -> bytes:
    """What the service behind a port says; a visitor may listen a moment later."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                name = await reader.read()
                writer.close()
                return name
            await asyncio.sleep(0.01)


async def echoed_udp(port: int) -> None:
    """A datagram comes back; some may be lost before the visitor listens."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(("127.0.0.1", port))
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                    sock.send(b"ping")
                    async with asyncio.timeout(0.5):
                        assert await loop.sock_recv(sock, 100) == b"ping"
                        return
                await asyncio.sleep(0.01)


async def test_the_tutorial(tmp_path: Path) -> None:
    """Its commands are typed as they stand, but for the installation; only the ports are free ones."""
    blocks = page(DOCS / "tutorial" / "first-tunnel.md").blocks
    ports = {number: str(free_port()) for number in ("7000", "6080", "8000")}

    def here(text: str) -> str:
        return re.sub("7000|6080|8000", lambda found: ports[found[0]], text)

    frps_toml, frpc_toml = (here(block.text) for block in blocks if block.language == "toml")
    commands = [here(command) for block in blocks for command in block.commands]
    for command in commands[3:5]:
        subprocess.run(command, shell=True, check=True, cwd=tmp_path)
    service = shlex.split(commands[5])
    assert [service[0], *commands[6:]] == ["python3", "frps -c frps.toml", "frpc -c frpc.toml"]
    async with (
        running([sys.executable, *service[1:]], tmp_path / "web.log"),
        procs.frps(tmp_path, frps_toml),
        procs.frpc(tmp_path, frpc_toml) as client,
    ):
        assert "login to server success" in client.text
        answer = ""
        async with asyncio.timeout(PATIENCE):
            while not answer:  # the web server may need longer than the tunnel
                reader, writer = await asyncio.open_connection("127.0.0.1", int(ports["6080"]))
                with contextlib.suppress(ConnectionError):
                    writer.write(b"GET / HTTP/1.0\r\n\r\n")
                    answer = (await reader.read()).decode()
                writer.close()
        assert answer.endswith("\n\nYou came through the tunnel\n".replace("\n\n", "\r\n\r\n"))


@needs("nginx", "curl")
async def test_sites_by_name_and_path(tmp_path: Path) -> None:
    """Several names, a star, a subdomain, locations and a password, all on one server."""
    site = Shown(tmp_path)
    parts = (
        "several-names:1",
        "subdomains-that-clients-choose:2",
        "parts-of-a-site-on-different-machines:1",
        "a-password-and-other-header-fields:1",
    )
    async with (
        nginx(tmp_path, {"one": 0, "two": 0}) as web,
        site.server(f"{WEB}#subdomains-that-clients-choose:1", also=TOKEN),
        site.client(
            *(f"{WEB}#{part}" for part in parts), local={8000: web.ports["one"], 9000: web.ports["two"]}
        ),
    ):
        for name in ("shop.example.com", "a.shop.example.com", "notes.apps.example.com", "www.example.com"):
            assert await site.type(f"curl http://{name}:8080/") == "one\n"
        for path in ("api/users", "apix", "graphql"):
            assert await site.type(f"curl http://www.example.com:8080/{path}") == "two\n"
        status = "curl -o /dev/null -w '%{http_code}' http://"
        assert await site.type(f"{status}admin.example.com:8080/") == "401"
        assert await site.type(f"{status}example.com:8080/") == "404"
        assert await site.typed(f"{WEB}#a-password-and-other-header-fields:1") == "one\n"
        seen = (await web.seen(8))[-1]
    assert (seen["host"], seen["from_where"]) == ("localhost", "frp")


async def one_site(stack: AsyncExitStack, site: Shown) -> Nginx:
    """The first two files of the page, and the web server they publish."""
    web = await stack.enter_async_context(nginx(site.folder, {"web": 0}))
    await stack.enter_async_context(site.server(f"{WEB}#one-site:1"))
    client = site.client(f"{WEB}#one-site:2", local={80: web.ports["web"]})
    await stack.enter_async_context(client)
    return web


@needs("nginx", "curl")
async def test_one_site_and_nginx_in_front(tmp_path: Path) -> None:
    site = Shown(tmp_path)
    pair = authority(host="www.example.com")
    (tmp_path / "ca.crt").write_bytes(pair.ca)
    (tmp_path / "example.com.crt").write_bytes(pair.certificate)
    (tmp_path / "example.com.key").write_bytes(pair.key)
    front = shown(f"{WEB}#nginx-in-front:1", "nginx")
    front = front.replace("/etc/nginx", str(tmp_path)).replace(
        "listen 443", f"listen 127.0.0.1:{site.port(443)}"
    )
    front = front.replace("127.0.0.1:8080", f"127.0.0.1:{site.port(8080)}")
    lines = f"daemon off; pid {tmp_path}/pid; error_log stderr; events {{}}\nhttp {{ access_log off;\n"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    lines += "".join(f"{kind}_temp_path {tmp_path}/temp-{kind};\n" for kind in kinds)
    (tmp_path / "conf").write_text(f"{lines}{front}}}\n")
    command = [program("nginx"), "-e", "stderr", "-c", str(tmp_path / "conf")]
    async with AsyncExitStack() as stack:
        web = await one_site(stack, site)
        assert await site.typed(f"{WEB}#one-site:1") == "web\n"
        server = await stack.enter_async_context(running(command, tmp_path / "front.log"))
        while not (tmp_path / "pid").exists():
            assert server.running, server.text
            await asyncio.sleep(0.01)
        get = f"curl --cacert {tmp_path}/ca.crt https://www.example.com/"
        assert await site.type(get) == "web\n"
        direct, behind = await web.seen(2)
    assert (direct["real"], direct["forwarded"]) == (VISITOR, VISITOR)
    assert (behind["real"], behind["forwarded"]) == (VISITOR, f"{VISITOR}, 127.0.0.1")


@pytest.mark.skipif(
    not STREAM_MODULE.exists(), reason="nginx has no stream module (scripts/services installs it)"
)
@needs("nginx", "curl")
async def test_nginx_in_front_of_https_proxies(tmp_path: Path) -> None:
    """nginx and frps share a port by the names of their sites; the service keeps its certificate."""
    site = Shown(tmp_path)
    pair, own = authority(host="secure.example.com"), authority("own", "www.example.com")
    (tmp_path / "ca.crt").write_bytes(pair.ca)
    (tmp_path / "own.crt").write_bytes(own.ca)
    front = shown(f"{WEB}#nginx-in-front-of-https-proxies:1", "nginx")
    front = front.replace("listen 443", f"listen 127.0.0.1:{site.port(443)}")
    front = front.replace("127.0.0.1:8443", f"127.0.0.1:{site.port(8443)}")
    (tmp_path / "own").mkdir()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        web = await enter(nginx(tmp_path, {"secure": 0}, options="ssl", tls=pair))
        sites = await enter(nginx(tmp_path / "own", {"www": 0}, options="ssl", tls=own))
        front = front.replace("127.0.0.1:9443", f"127.0.0.1:{sites.ports['www']}")
        lines = (
            f"load_module {STREAM_MODULE}; daemon off; pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        )
        (tmp_path / "conf").write_text(lines + front)
        await enter(site.server(f"{WEB}#nginx-in-front-of-https-proxies:1", also=TOKEN))
        part = f"{WEB}#the-service-has-https-itself:2"
        await enter(site.client(part, local={443: web.ports["secure"]}))
        server = await enter(
            running([program("nginx"), "-e", "stderr", "-c", str(tmp_path / "conf")], tmp_path / "front.log")
        )
        while not (tmp_path / "pid").exists():
            assert server.running, server.text
            await asyncio.sleep(0.01)
        assert await site.type(f"curl --cacert {tmp_path}/ca.crt https://secure.example.com/") == "secure\n"
        assert await site.type(f"curl --cacert {tmp_path}/own.crt https://www.example.com/") == "www\n"


@needs("caddy", "nginx", "curl")
async def test_caddy_in_front(tmp_path: Path) -> None:
    site = Shown(tmp_path)
    port = site.port(8443)
    front = shown(f"{WEB}#caddy-in-front:1", "caddyfile")
    front = front.replace("127.0.0.1:8080", f"127.0.0.1:{site.port(8080)}")
    front = front.replace("www.example.com, shop.example.com", f"http://www.example.com:{port}")
    front = f"{{\n\tadmin off\n\tauto_https off\n\tstorage file_system {tmp_path}\n}}\n{front}"
    (tmp_path / "Caddyfile").write_text(front)
    command = [program("caddy"), "run", "--config", str(tmp_path / "Caddyfile")]
    async with AsyncExitStack() as stack:
        web = await one_site(stack, site)
        server = await stack.enter_async_context(running(command, tmp_path / "caddy.log"))
        await server.line("serving initial configuration")
        assert await site.type("curl http://www.example.com:8443/") == "web\n"
        (seen,) = await web.seen(1)
    assert (seen["real"], seen["forwarded"]) == (VISITOR, f"{VISITOR}, 127.0.0.1")


async def test_groups_and_private_services(tmp_path: Path) -> None:
    """Members take turns; the visitors of stcp and sudp reach the services whose keys they have."""
    site = Shown(tmp_path)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        first, second = await enter(saying(b"one")), await enter(saying(b"two"))
        datagrams = await enter(udp_echo())
        await enter(site.server(also=TOKEN))
        await enter(site.client("groups-and-health#a-group:1", local={8001: first, 8002: second}))
        assert [await said(site.port(8080)) for _ in range(4)] == [b"one", b"two"] * 2
        for section, local in (("tcp", {22: first}), ("udp", {53: datagrams})):
            for number, machine in enumerate(("service", "visitor"), 1):
                part = f"private-services#{section}:{number}"
                await enter(site.client(part, local=local, machine=f"{machine}-{section}"))
        assert await said(site.port(6000, "visitor-tcp")) == b"one"
        await echoed_udp(site.port(5353, "visitor-udp"))


def embedded(number: int, site: Shown, service: int) -> CodeType:
    """A block of the page about the library, with this machine's addresses; it may await outside a function."""
    blocks = [block.text for block in page(HOWTO / "embed.md").blocks if block.language == "python"]
    text = blocks[number - 1].replace("frps.example.com:7000", f"127.0.0.1:{site.port(7000)}")
    text = text.replace("8000", str(service)).replace("6000", str(site.port(6000)))
    code: CodeType = compile(text, f"embed.md {number}", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    return code


async def greeting(
    scope: dict[str, str], receive: Callable[[], object], send: Callable[..., Awaitable[None]]
) -> None:
    """An ASGI application without a lifespan."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


@needs("curl")
@pytest.mark.parametrize("number", [1, 3, 4, 5])
async def test_embedding(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the page about the library shows runs as it stands, and what it prints leads to the service."""
    site = Shown(tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("page")
    monkeypatch.chdir(tmp_path)
    printed: asyncio.Queue[tuple[object, ...]] = asyncio.Queue()
    names = {"aiofrp": package, "app": greeting, "print": lambda *words: printed.put_nowait(words)}
    async with saying(b"one") as service, site.server(also='auth.token = "secret"\nvhostHTTPPort = 8080\n'):
        running = eval(embedded(number, site, service), names)
        task = asyncio.ensure_future(running)
        async with asyncio.timeout(PATIENCE):
            waiting = asyncio.ensure_future(printed.get())
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            assert waiting.done(), await task
            address = str(waiting.result()[0])
            match number:
                case 1:
                    assert await said(int(address.rpartition(":")[2])) == b"one"
                case 3:
                    port = int(address.rstrip("/").rpartition(":")[2])
                    site.place({port: port})
                    assert await site.type(f"curl {address}") == "page"
                case 4:
                    assert await site.type("curl http://app.example.com:8080/") == "hello"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_embedding_in_a_notebook(tmp_path: Path) -> None:
    site = Shown(tmp_path)
    async with saying(b"one") as service, site.server(also='auth.token = "secret"\n'):
        await eval(embedded(2, site, service), {"aiofrp": package})


@needs("curl")
async def test_a_store(tmp_path: Path) -> None:
    """Proxies made, changed and deleted by the commands of the page."""
    site = Shown(tmp_path)
    page_of = "store#make-proxies-at-run-time"
    async with site.server(), site.frpc(f"{page_of}:1", proxies=0) as client:
        await client.line("admin server listen")
        text = shown(f"{page_of}:1", "sh")
        for port in ("6000", "6001"):
            text = text.replace(port, str(site.port(int(port))))
        answers = await site.type(f"set -e\n{text}", of=LAN)
        for what in ("added", "removed"):
            await client.line(rf"proxy {what}: \[ssh\]")
    assert answers.count('"remotePort":') == 3
    assert str(site.port(6001)) in answers


def test_commands_for_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All commands of the page about files, one after the other in one folder, but for those that need a client."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frpc.ini").write_text("[common]\nserver_addr = 1.2.3.4\ntoken = abc\n")
    programs = {"frps": frps, "frpc": frpc, "aiofrp": aiofrp}
    outputs = {}
    for block in page(HOWTO / "configuration-files.md").blocks:
        for command in block.commands:
            name, *arguments = command.split()
            if arguments[0] not in ("reload", "status"):
                assert programs[name].main(arguments) == 0, (command, capsys.readouterr())
                outputs[command] = capsys.readouterr().out
    assert "***" in outputs["aiofrp config show frpc.toml"]
    assert "change-me" not in outputs["aiofrp config show frpc.toml"]
    assert 'auth.token = "abc"' in outputs["aiofrp config convert frpc.ini"]
    assert json.loads(outputs["aiofrp config schema client"])["title"] == "frpc configuration"

    mistake = 'serverAddr = "example.com"\nserverPort = "7000"\n'
    (tmp_path / "frpc.toml").write_text(mistake)
    assert frpc.main(["verify", "-c", "frpc.toml"]) == 1
    assert capsys.readouterr().out == shown("configuration-files#check-a-file:1", "text")


@needs_go
def test_keys_that_frp_does_not_know(tmp_path: Path) -> None:
    """Each key that the page about coming from frp says frp refuses."""
    text = (HOWTO / "from-frp.md").read_text(encoding="utf-8")
    keys = re.findall(r"^\| .+ \| `([\w.]+)` in `frps.toml` \| refuses the key \|$", text, re.MULTILINE)
    assert len(keys) >= 4
    values = {"vhostTrustedAddresses": '["10.0.0.1"]', "auth.authenticationTimeout": "900"}
    file = tmp_path / "frps.toml"
    for key in keys:
        value = values.get(key, '"/tmp/file"')
        file.write_text(f"{key} = {value}\n")
        assert frps.main(["verify", "-c", str(file)]) == 0
        done = subprocess.run(
            [*go().command("frps"), "verify", "-c", str(file)], capture_output=True, text=True, check=False
        )
        assert "unknown field" in done.stdout, key

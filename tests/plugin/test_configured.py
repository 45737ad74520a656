"""Client plugins in files of every format, in ``/api/status`` and in ``frpc status``."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

from aiofrp import registry
from aiofrp.config.load.files import load_client
from aiofrp.config.models.model import to_tree
from tests.support.admin import calling, running_file
from tests.support.formats import FORMATS, file_of
from tests.support.ports import free_port
from tests.support.tunnel import PATIENCE, running_server, server_config

#: By plugin: the lines of its table in TOML, and below ``plugin =`` in INI, where it has that form.
LINES = {
    "http_proxy": (
        'httpUser = "u"\nhttpPassword = "p"',
        "plugin_http_user = u\nplugin_http_passwd = p",
    ),
    "socks5": ('username = "u"\npassword = "p"', "plugin_user = u\nplugin_passwd = p"),
    "static_file": (
        'localPath = "/srv"\nstripPrefix = "pub"\nhttpUser = "u"\nhttpPassword = "p"',
        "plugin_local_path = /srv\nplugin_strip_prefix = pub\nplugin_http_user = u\nplugin_http_passwd = p",
    ),
    "unix_domain_socket": ('unixPath = "/run/x.sock"', "plugin_unix_path = /run/x.sock"),
    "http2http": (
        'localAddr = "127.0.0.1:1"\nhostHeaderRewrite = "h"\nrequestHeaders.set.X-From = "frp"',
        None,
    ),
    "http2https": (
        'localAddr = "127.0.0.1:1"\nhostHeaderRewrite = "h"\nrequestHeaders.set.x-from = "frp"',
        "plugin_local_addr = 127.0.0.1:1\nplugin_host_header_rewrite = h\nplugin_header_x-from = frp",
    ),
    "https2http": (
        'localAddr = "127.0.0.1:1"\nhostHeaderRewrite = "h"\nrequestHeaders.set.x-from = "frp"',
        "plugin_local_addr = 127.0.0.1:1\nplugin_host_header_rewrite = h\nplugin_header_x-from = frp",
    ),
    "https2https": (
        'localAddr = "127.0.0.1:1"\ncrtPath = "c.pem"\nkeyPath = "k.pem"',
        "plugin_local_addr = 127.0.0.1:1\nplugin_crt_path = c.pem\nplugin_key_path = k.pem",
    ),
    "tls2raw": ('localAddr = "127.0.0.1:1"\ncrtPath = "c.pem"\nkeyPath = "k.pem"', None),
}


def proxy(name: str, plugin: str) -> str:
    """A proxy with a plugin, in TOML."""
    return f'[[proxies]]\nname = "{name}"\ntype = "tcp"\n[proxies.plugin]\ntype = "{plugin}"\n{LINES[plugin][0]}\n'


@pytest.mark.parametrize("plugin", LINES)
def test_every_format_means_the_same(tmp_path: Path, plugin: str) -> None:
    toml = proxy("p", plugin)
    files = [file_of(tmp_path, "frpc", toml, form) for form in FORMATS]
    if LINES[plugin][1] is not None:
        ini = tmp_path / "frpc.ini"
        ini.write_text(f"[common]\n[p]\ntype = tcp\nremote_port = 0\nplugin = {plugin}\n{LINES[plugin][1]}\n")
        files.append(ini)
    first, *others = (to_tree(load_client(str(path)).config.proxies[0]) for path in files)
    assert first["plugin"]["type"] == plugin
    assert all(other == first for other in others)


def test_every_plugin_is_tried() -> None:
    assert LINES.keys() == registry.CLIENT_PLUGINS.keys() - {"virtual_net"}


async def test_the_status_of_proxies_with_plugins(tmp_path: Path) -> None:
    web = free_port()
    async with running_server(server_config()) as server:
        path = tmp_path / "frpc.toml"
        path.write_text(
            f'serverAddr = "127.0.0.1"\nserverPort = {server.address[1]}\nwebServer.port = {web}\n'
            + "".join(proxy(plugin, plugin) for plugin in LINES)
        )
        async with running_file(path), calling(web) as call:
            shown = json.loads((await call("GET", "/api/status"))[2])["tcp"]
            assert {entry["plugin"] for entry in shown} == LINES.keys()
            for entry in shown:
                broken = "crtPath" in LINES[entry["name"]][0]  # there are no such files
                assert (entry["plugin"], entry["local_addr"]) == (entry["name"], "")
                assert entry["status"] == ("start error" if broken else "running"), entry
                assert entry["remote_addr"].startswith("127.0.0.1:") != broken
                assert ("open c.pem: no such file" in entry["err"]) == broken
            words = [sys.executable, "-m", "aiofrp.cli.frpc", "status", "-c", str(path)]
            process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
            async with asyncio.timeout(PATIENCE):
                output, _ = await process.communicate()
    title, _, kind, *rows = output.decode().splitlines()
    assert (title, kind) == ("Proxy Status...", "TCP")
    cells = {row.split()[0]: row for row in rows if row}
    assert cells["Name"].split() == ["Name", "Status", "LocalAddr", "Plugin", "RemoteAddr", "Error"]
    for entry in shown:
        row = cells[entry["name"]]
        assert row[cells["Name"].index("Status") :].startswith(entry["status"])
        assert row[cells["Name"].index("Plugin") :].split()[0] == entry["plugin"]
        assert entry["remote_addr"] in row
        assert entry["err"] in row

"""What ``verify`` of both programs says about mistakes people make, in each format."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.config.batch import every
from tests.support import procs

CASES = [
    (
        "frpc",
        "a.toml",
        'vhostHTTPPort = 80\ntcpmuxHTTPConnectPort = 1\n[webServer]\nserverAddr = "a"\n',
        [
            "a.toml:1: vhostHTTPPort: a setting of frps, not of frpc",
            "a.toml:2: tcpmuxHTTPConnectPort: a setting of frps, not of frpc",
            "a.toml:4: webServer.serverAddr: belongs at the top of the file, above the first table",
        ],
    ),
    (
        "frpc",
        "a.yaml",
        "protocol: tcp\nproxies:\n  name: a\n",
        [
            'a.yaml:1: protocol: belongs below "transport:"',
            'a.yaml:2: proxies: write a list below "proxies:", each item after "- "',
        ],
    ),
    (
        "frpc",
        "a.json",
        '{"transport": {"protocol": "ws"}}',
        ['a.json:1: transport.protocol: did you mean "websocket"?'],
    ),
    ("frps", "s.json", '{"serverAddr": "a"}', ["s.json:1: serverAddr: a setting of frpc, not of frps"]),
    (
        "frpc",
        "a.ini",
        "[common]\nvhost_http_port = 80\n",
        ["[common] vhost_http_port: is not known here and has no effect; it belongs to frps"],
    ),
]


@every(CASES)
def test_hints_of_the_programs(
    program: procs.Name, file: str, text: str, hints: list[str], tmp_path: Path
) -> None:
    (tmp_path / file).write_text(text, encoding="utf-8")
    said = _verify(program, file, tmp_path)
    for hint in hints:
        assert hint in said


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('includes = ["b.yaml"]\nserverPort = 7001\n', encoding="utf-8-sig")
    (tmp_path / "b.yaml").write_text("proxies:\n- name: a\n  type: tcp\n", encoding="utf-8-sig")
    assert _verify("frpc", "a.toml", tmp_path) == "frpc: the configuration file a.toml syntax is ok\n"


def _verify(program: procs.Name, file: str, folder: Path) -> str:
    arguments = [*procs.command(program), "verify", "-c", file]
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=60).stdout

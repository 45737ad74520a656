"""Unknown keys of INI files: what the warning says is true, for every key misspelt and misplaced."""

from __future__ import annotations

from collections.abc import Iterator

from aiofrp.config import legacy
from aiofrp.config.legacy import ini
from aiofrp.config.legacy import keys as ini_keys
from aiofrp.config.legacy.names import Program
from tests.config.batch import every

FRPS, FRPC = "frps", "frpc"


def _ini_reasons(program: Program, text: str) -> dict[str, str]:
    file = ini.parse(text)
    result = legacy.convert_server(file) if program == "frps" else legacy.convert_client(file)
    return {warning.key: warning.reason for warning in result.warnings}


@every(
    [
        (FRPS, "[common]\nserver_addr = a", "server_addr", "belongs to frpc"),
        (FRPC, "[common]\nvhost_http_port = 80", "vhost_http_port", "belongs to frps"),
        (FRPC, "[common]\nserverAddr = a", "serverAddr", "did you mean server_addr?"),
        (FRPC, "[common]\nserver_adr = a", "server_adr", "did you mean server_addr?"),
        (FRPC, "[common]\nlocal_port = 1", "local_port", "belongs to a proxy"),
        (FRPC, "[a]\ntype = tcp\nserver_addr = a", "server_addr", "belongs in [common]"),
        (FRPC, "[a]\ntype = tcp\nlocations = /", "locations", "belongs to a proxy of type http"),
        (
            FRPC,
            "[a]\ntype = tcp\ncustom_domains = a",
            "custom_domains",
            "belongs to a proxy of type http, https, tcpmux",
        ),
        (FRPC, "[common]\nbind_port = 1", "bind_port", "belongs to a visitor, or to frps"),
        (FRPC, "[a]\ntype = tcp\nlocal_prot = 1", "local_prot", "did you mean local_port?"),
        (FRPS, "[plugin.a]\naddr = a\ntls_verify = true", "tls_verify", "did you mean tlsVerify?"),
    ]
)
def test_ini_keys(program: Program, text: str, key: str, hint: str) -> None:
    text = text if text.startswith("[common]") else f"[common]\n{text}"
    assert _ini_reasons(program, text)[key].endswith(f"; it {hint}" if hint[0] == "b" else f"; {hint}")


def _ini_sections() -> Iterator[tuple[Program, str, set[str]]]:
    yield "frps", "[common]", {*ini_keys.COMMON, *ini_keys.SERVER, *ini_keys.SERVER_APART}
    yield "frpc", "[common]", {*ini_keys.COMMON, *ini_keys.CLIENT, *ini_keys.CLIENT_APART}
    for kind, table in ini_keys.PROXIES.items():
        yield "frpc", f"[common]\n[a]\ntype = {kind}", {*ini_keys.PROXY, *ini_keys.PROXY_APART, *table}
    for kind, table in ini_keys.VISITORS.items():
        yield "frpc", f"[common]\n[a]\nrole = visitor\ntype = {kind}", {*ini_keys.VISITOR, *table}


def test_every_ini_key_misspelt() -> None:
    for program, section, names in _ini_sections():
        written = {wrong: name for name in names for wrong in _misspelt_ini(name) if wrong not in names}
        for wrong, name in written.items():
            reason = _ini_reasons(program, f"{section}\n{wrong} = 1").get(wrong, "")
            assert not reason or reason.endswith(f"; did you mean {name}?"), (section, wrong, reason)


def _misspelt_ini(name: str) -> Iterator[str]:
    yield name.replace("_", "-")
    if len(name) > 5:
        middle = len(name) // 2
        yield name[:middle] + name[middle + 1 :]


def test_every_ini_key_misplaced() -> None:
    everywhere = list(_ini_sections())
    for program, section, names in everywhere:
        for _, _, further in everywhere:
            for key in further - names - {"role", "type"}:
                reason = _ini_reasons(program, f"{section}\n{key} = 1").get(key, "")
                if "; it belongs to fr" in reason:
                    assert not any(key in keys for who, _, keys in everywhere if who == program), (
                        key,
                        reason,
                    )
                elif "; it belongs in [common]" in reason:
                    assert any(
                        key in keys for who, name, keys in everywhere if (who, name) == (program, "[common]")
                    ), (key, reason)
                elif "; it belongs to a" in reason:
                    kind = reason.partition(" of type ")[2].partition(" or ")[0]
                    assert not kind or any(
                        f"type = {kind.split(',')[0]}" in name and key in keys for _, name, keys in everywhere
                    ), (key, reason)


def test_places_in_ini_files() -> None:
    tree = {"proxies": [{"name": "w", "type": "http", "plugin": {"type": "socks5"}}], "visitors": []}
    assert legacy.written(tree, ("proxies", 0, "customDomains")) == ("[w] custom_domains",)
    assert legacy.written(tree, ("proxies", 0, "plugin", "username")) == ("[w] plugin_user",)
    assert legacy.written(tree, ("transport", "protocol")) == ("[common] protocol",)
    assert legacy.written(tree, ("webServer", "tls")) == ("webServer", "tls")

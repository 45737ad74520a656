"""Hints are right in the syntax of the file: every key of both programs, misplaced and misspelt, and what is done when
the hint is followed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml

from aiofrp.config.formats.document import parse
from aiofrp.config.load import hints, known
from aiofrp.config.load.decode import Rules, decode_client, decode_server
from aiofrp.config.load.hints import About
from aiofrp.config.load.known import Known, Program, Tables
from aiofrp.config.load.syntax import Syntax
from aiofrp.config.models.client import ClientConfig, ClientTransport
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.shape import shapes
from aiofrp.config.models.shared import WebServerConfig
from aiofrp.config.near import plain
from aiofrp.config.problem import InvalidConfig
from aiofrp.config.tools.tomlwriter import key_text
from aiofrp.plugin.socks5 import Socks5PluginConfig
from aiofrp.proxy.stcp import StcpConfig, StcpVisitorConfig
from tests.config.batch import every

FRPS, FRPC = "frps", "frpc"
PROXY, VISITOR = ("proxies", 0), ("visitors", 0)


@every(
    [
        (ServerConfig, FRPS, (), "bind_port", 'did you mean "bindPort"?'),
        (ServerConfig, FRPS, (), "vhostHttpProt", 'did you mean "vhostHTTPPort"?'),
        (ServerConfig, FRPS, (), "serverAddr", "a setting of frpc, not of frps"),
        (ServerConfig, FRPS, (), "dashboard_port", 'did you mean "webServer.port"?'),
        (ServerConfig, FRPS, (), "zzzzz", ""),
        (ClientConfig, FRPC, (), "protocol", 'did you mean "transport.protocol"?'),
        (ClientConfig, FRPC, (), "tls_enable", 'did you mean "transport.tls.enable"?'),
        (ClientConfig, FRPC, (), "vhostHTTPPort", "a setting of frps, not of frpc"),
        (ClientConfig, FRPC, (), "remotePort", "belongs in [[proxies]] of type tcp, udp"),
        (
            ClientTransport,
            FRPC,
            ("transport",),
            "maxPoolCount",
            'a setting of frps ("transport.maxPoolCount"), not of frpc',
        ),
        (
            ClientTransport,
            FRPC,
            ("transport",),
            "serverAddr",
            "belongs at the top of the file, above the first table",
        ),
        (StcpConfig, FRPC, PROXY, "tcpmuxHTTPConnectPort", "a setting of frps, not of frpc"),
        (
            ClientConfig,
            FRPC,
            (),
            "bindPort",
            "belongs in [[visitors]]; as a key at the top it is a setting of frps",
        ),
        (StcpConfig, FRPC, PROXY, "remotePort", "a field of type tcp, udp"),
        (StcpConfig, FRPC, PROXY, "useEncryption", 'did you mean "transport.useEncryption"?'),
        (StcpVisitorConfig, FRPC, VISITOR, "protocol", "a field of type xtcp"),
        (Socks5PluginConfig, FRPC, (*PROXY, "plugin"), "zzz", "known here: type, username, password"),
    ]
)
def test_unknown_keys(model: Any, program: Program, path: Any, key: str, hint: str) -> None:
    assert hints.unknown_key(model, key, About(program, "toml"), path) == hint


@every(
    [
        ("yaml", (), "protocol", 'belongs below "transport:"'),
        ("json", (), "protocol", 'belongs in the object "transport"'),
        ("yaml", (), "tls_enable", 'belongs below "tls:" below "transport:" as "enable"'),
        ("json", (), "tls_enable", 'belongs in the object "tls" in the object "transport" as "enable"'),
        ("yaml", (), "remotePort", 'belongs in an item of "proxies:" of type tcp, udp'),
        ("json", (), "remotePort", 'belongs in an object of the list "proxies" of type tcp, udp'),
        ("yaml", ("webServer",), "serverAddr", "belongs at the top level, without indentation"),
        ("json", ("webServer",), "serverAddr", "belongs in the outermost object"),
        ("", (), "protocol", 'did you mean "transport.protocol"?'),
    ]
)
def test_places_in_other_formats(syntax: Syntax, path: Any, key: str, hint: str) -> None:
    model = WebServerConfig if path else ClientConfig
    assert hints.unknown_key(model, key, About("frpc", syntax), path) == hint


# Every key

_keys = cache(known.keys)


def _toml(tree: dict[str, Any]) -> str:
    return "".join(f"{key_text(key)} = {_inline(value)}\n" for key, value in tree.items())


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key_text(key)} = {_inline(item)}" for key, item in value.items()) + "}"
    return f"[{', '.join(map(_inline, value))}]" if isinstance(value, list) else json.dumps(value)


def _yaml(tree: dict[str, Any]) -> str:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return str(yaml.dump(tree, Dumper=dumper))


WRITERS: dict[Syntax, Any] = {"toml": _toml, "yaml": _yaml, "json": json.dumps}


def _tree(tables: Tables, key: str, types: tuple[str, ...]) -> dict[str, Any]:
    """The smallest document with a key in these tables."""
    tree: dict[str, Any] = {}
    at = tree
    for depth, name in enumerate(tables):
        inner: dict[str, Any] = {}
        if depth == 0 and name in ("proxies[]", "visitors[]"):
            inner["type"] = (types or ("tcp" if name == "proxies[]" else "stcp",))[0]
            if "plugin" in tables and name == "proxies[]":
                inner["type"] = "tcp"
            elif "plugin" in tables:
                inner["type"] = "stcp"
        if name == "plugin":
            inner["type"] = types[0]
        at[name.removesuffix("[]")] = [inner] if name.endswith("[]") else inner
        at = inner
    at.setdefault(key, 1)
    return tree


def _decoded(program: Program, syntax: Syntax, tree: dict[str, Any], key: str) -> str | None:
    """The hint of the one unknown key; ``None`` when the key is known."""
    text = WRITERS[syntax](tree)
    document = parse(text, f".{syntax}")
    assert (document.format, document.tree) == (syntax, tree)
    try:
        (decode_server if program == "frps" else decode_client)(document.tree, Rules(syntax=syntax))
    except InvalidConfig as error:
        unknown = [item for item in error.problems if f'unknown field "{key}"' in item.message]
        assert len(unknown) <= 1
        return unknown[0].hint if unknown else None
    return None


def _misspelt(key: str) -> Iterator[str]:
    yield "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
    if len(key) > 5:
        middle = len(key) // 2
        yield key[:middle] + key[middle + 1 :]
        yield key[:middle] + key[middle + 1] + key[middle] + key[middle + 2 :]


def _names(hint: str) -> list[str]:
    return re.findall(r'"([^"]+)"', hint) if hint.startswith("did you mean") else []


@pytest.mark.parametrize("syntax", ["toml", "yaml", "json"])
@pytest.mark.parametrize("program", [FRPS, FRPC])
def test_every_misspelt_key(program: Program, syntax: Syntax) -> None:
    for place in _keys():
        if place.program != program or place.key == "type":
            continue
        for written in _misspelt(place.key):
            hint = _decoded(program, syntax, _tree(place.tables, written, place.types), written)
            if hint is not None:
                assert hint == f'did you mean "{place.key}"?', (place, written)


@pytest.mark.parametrize("syntax", ["toml", "yaml", "json"])
@pytest.mark.parametrize("program", [FRPS, FRPC])
def test_every_misplaced_key(program: Program, syntax: Syntax) -> None:
    """Each key of both programs at the top, in a table and in a proxy: the hint names a place where it is known."""
    for key in {place.key for place in _keys()}:
        for tables in _wrong_tables(program):
            if hint := _decoded(program, syntax, _tree(tables, key, ()), key):
                _check(program, syntax, tables, key, hint)


def _wrong_tables(program: Program) -> list[Tables]:
    common: list[Tables] = [(), ("webServer",), ("transport",), ("transport", "tls"), ("log",)]
    return (
        [*common, ("proxies[]",), ("proxies[]", "transport"), ("visitors[]",)]
        if program == "frpc"
        else common
    )


@cache
def _places() -> dict[str, list[Known]]:
    """The places of each key, by its plain name."""
    found: dict[str, list[Known]] = {}
    for place in _keys():
        found.setdefault(plain(place.key), []).append(place)
    return found


@cache
def _paths(program: Program) -> set[str]:
    return {place.path for place in _keys() if place.program == program}


def _check(program: Program, syntax: Syntax, tables: Tables, key: str, hint: str) -> None:
    """A hint is true: what it names exists, and it is of the file's own syntax."""
    about = (program, syntax, tables, key, hint)
    same = _places()[plain(key)]
    own = [item for item in same if item.program == program]
    if hint.startswith("a setting of "):
        assert not own, about
        assert all(f"a setting of {item.program}" in hint for item in same), about
    elif hint.startswith("a field of type "):
        assert {kind for item in own if item.tables == tables for kind in item.types} == set(
            hint.removeprefix("a field of type ").split(", ")
        ), about
    elif hint.startswith("belongs "):
        assert any(known_place(syntax, item) in hint for item in own), about
        assert bool(re.search(r"\[\w", hint)) <= (syntax == "toml"), about
        assert ("object" in hint) == (syntax == "json"), about
    elif names := _names(hint):
        full = {".".join((*tables, name)) for name in names}
        assert full <= _paths(program), about
        assert syntax == "toml" or not any("." in name for name in names), about
    else:
        assert hint.startswith("known here: "), about


def known_place(syntax: Syntax, item: Known) -> str:
    last = item.tables[-1] if item.tables else ""
    name = last.removesuffix("[]")
    if syntax == "toml":
        dotted = ".".join(table.removesuffix("[]") for table in item.tables)
        return (
            (f"[[{dotted}]]" if last.endswith("[]") else f"[{dotted}]") if last else "at the top of the file"
        )
    if syntax == "json":
        return f'"{name}"' if last else "in the outermost object"
    return f'"{name}:"' if last else "at the top level"


# Values


def test_choices() -> None:
    assert hints.choice("TCP", ("tcp", "udp")) == 'did you mean "tcp"?'
    assert hints.choice("", ("tcp", "udp")) == "write one of: tcp, udp"


def test_types() -> None:
    forms = shapes(ClientConfig)
    assert hints.wrong_type(forms["start"], "a") == 'write a list in brackets, such as ["a", "b"]'
    assert hints.wrong_type(forms["server_port"], "7000") == "write a whole number, without quotes"
    assert hints.wrong_type(forms["login_fail_exit"], "x") == "write true or false, without quotes"
    assert hints.wrong_type(forms["user"], 5) == "write the text in quotes"
    assert hints.wrong_type(forms["user"], []) == "write one text in quotes"
    assert hints.wrong_type(forms["log"], 5) == "write a table of keys and values"


@every(
    [
        ("toml", "write [[proxies]] above each one"),
        ("yaml", 'write a list below "proxies:", each item after "- "'),
        ("json", 'write a list of objects, such as "proxies": [{…}, {…}]'),
    ]
)
def test_a_list_that_is_a_table(syntax: Syntax, hint: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        decode_client({"proxies": {"a": 1}}, Rules(syntax=syntax))
    assert caught.value.problems[0].hint == hint
    with pytest.raises(InvalidConfig) as caught:
        decode_server({"allowPorts": "1-2"}, Rules(syntax=syntax))
    assert caught.value.problems[0].hint == hint.replace("proxies", "allowPorts")

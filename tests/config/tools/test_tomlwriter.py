from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.config.load.decode import decode_client, decode_server
from aiofrp.config.models.model import to_tree
from aiofrp.config.tools.tomlwriter import Writer, key_text, string_text, value_text

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXT)
def test_texts_and_keys_read_back(text: str) -> None:
    assert tomllib.loads(f"a = {string_text(text)}") == {"a": text}
    assert tomllib.loads(f"{key_text(text)} = 1") == {text: 1}


SCALAR = st.integers(-(2**63), 2**63 - 1) | st.booleans() | TEXT


def _nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)


@given(st.recursive(SCALAR, _nested))
def test_values_read_back(value: Any) -> None:
    assert tomllib.loads(f"a = {value_text(value)}") == {"a": value}


def test_a_document() -> None:
    config = decode_client(
        {
            "user": "u",
            "transport": {"tls": {"enable": False}},
            "metadatas": {"a b": "1"},
            "proxies": [
                {"name": "a", "type": "tcp", "plugin": {"type": "socks5", "username": "x"}},
                {"name": "b", "type": "tcp"},
            ],
        }
    )
    tree = {
        "user": "u",
        "transport": {"tls": {"enable": False}},
        "metadatas": {"a b": "1"},
        "proxies": [
            {"name": "a", "type": "tcp", "plugin": {"type": "socks5", "username": "x"}},
            {"name": "b", "type": "tcp"},
        ],
    }
    assert Writer().write(config, tree) == (
        "# User of this client; its proxies are `user.name` on the server.\n"
        'user = "u"\n'
        "# Use TLS; `wss` and `quic` always do.\n"
        "transport.tls.enable = false\n"
        "# Data sent to the server's plugins at login.\n"
        'metadatas."a b" = "1"\n'
        "\n[[proxies]]\n"
        "# Name of the proxy, unique in the file.\n"
        'name = "a"\n'
        "# Kind of the proxy: `tcp`.\n"
        'type = "tcp"\n'
        "\n[proxies.plugin]\n"
        "# Kind of the plugin: `socks5`.\n"
        'type = "socks5"\n'
        "# User name users must give.\n"
        'username = "x"\n'
        "\n[[proxies]]\n"
        'name = "b"\n'
        'type = "tcp"\n'
    )


def test_empty_documents_and_tables() -> None:
    config = decode_server({"webServer": {"tls": {}}})
    assert Writer().write(config, {}) == "\n"
    assert Writer(comments=False).write(config, {"webServer": {"tls": {}}}) == "webServer.tls = {}\n"


@pytest.mark.parametrize(
    "tree", [{}, {"allowPorts": [{"start": 1, "end": 2}], "httpPlugins": [{"ops": ["Login"]}]}]
)
def test_a_whole_configuration_reads_back(tree: Any) -> None:
    config = decode_server(tree)
    whole = to_tree(config)
    del whole["auth"]["tokenSource"], whole["webServer"]["tls"]
    assert decode_server(tomllib.loads(Writer().write(config, whole))) == config

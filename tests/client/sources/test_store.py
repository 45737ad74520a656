"""The store's file, and its entries among those of the configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aiofrp.client.sources.store import (
    AlreadyStored,
    NotStored,
    NotWritten,
    Stored,
    file_bytes,
    read_store,
    with_stored,
    write_store,
)
from aiofrp.config.load.decode import decode_client, decode_proxy, decode_visitor
from aiofrp.config.load.files import MAX_SIZE
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.problem import InvalidConfig
from aiofrp.errors import ConfigError

FAILED = "failed to create store source: failed to load existing data: "


def tcp(name: str, port: int = 22, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "tcp", "localPort": port, **more}


def visitor(name: str, port: int = 9000) -> dict[str, Any]:
    return {"name": name, "type": "stcp", "serverName": "s", "secretKey": "k", "bindPort": port}


def stored(folder: Path, content: object) -> Stored:
    path = folder / "store.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_store(str(path))


def config(*proxies: dict[str, Any], **more: Any) -> ClientConfig:
    return decode_client({"serverAddr": "127.0.0.1", "proxies": list(proxies), **more})


def test_a_missing_file_is_an_empty_store_and_any_other_failure_is_none(tmp_path: Path) -> None:
    assert read_store(str(tmp_path / "none.json")) == Stored()
    assert read_store(str(tmp_path / "no folder" / "none.json")) == Stored()
    named = tmp_path / "no such file or directory"
    named.mkdir()
    with pytest.raises(ConfigError, match="is a directory"):
        read_store(str(named))
    (tmp_path / "file").write_text("{}")
    with pytest.raises(ConfigError, match="not a directory"):
        read_store(str(tmp_path / "file" / "no such file or directory"))


def test_proxies_and_visitors_are_read_whatever_the_case_of_the_keys(tmp_path: Path) -> None:
    found = stored(tmp_path, {"Proxies": [tcp("a"), tcp("b")], "VISITORS": [visitor("v")], "other": 1})
    assert list(found.proxies) == ["a", "b"]
    assert list(found.visitors) == ["v"]
    assert stored(tmp_path, {"proxies": None}) == Stored()


def test_the_last_entry_of_a_name_counts(tmp_path: Path) -> None:
    (found,) = stored(tmp_path, {"proxies": [tcp("a", 1), tcp("a", 2)]}).proxies.values()
    assert found.local_port == 2


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("{", "failed to parse JSON: "),
        ("[]", "failed to parse JSON: the file does not hold an object with proxies and visitors"),
        ({"proxies": 1}, "failed to parse JSON: proxies is not a list"),
        ({"proxies": [tcp("a"), {"name": "b", "type": "no"}]}, "failed to decode proxy at index 1: "),
        ({"visitors": [visitor("v") | {"bindPort": "x"}]}, "failed to decode visitor at index 0: "),
        ({"proxies": [tcp("")]}, "proxy name cannot be empty"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, content: object, error: str) -> None:
    with pytest.raises(ConfigError) as raised:
        stored(tmp_path, content)
    assert str(raised.value).startswith(FAILED + error)


def test_entries_of_the_store_win_and_come_last(tmp_path: Path) -> None:
    found = stored(tmp_path, {"proxies": [tcp("b", 2), tcp("c", 3)], "visitors": [visitor("v")]})
    merged = with_stored(config(tcp("a", 1), tcp("b", 1)), found)
    assert [(proxy.name, proxy.local_port) for proxy in merged.proxies] == [("a", 1), ("b", 2), ("c", 3)]
    assert [visitor.name for visitor in merged.visitors] == ["v"]


def test_entries_that_are_off_or_not_to_be_started_hide_none_of_the_file(tmp_path: Path) -> None:
    found = stored(tmp_path, {"proxies": [tcp("a", 2, enabled=False), tcp("b", 2), tcp("c", 2)]})
    merged = with_stored(config(tcp("a", 1), tcp("d", 1), start=["a", "d", "c"]), found)
    assert [(proxy.name, proxy.local_port) for proxy in merged.proxies] == [("a", 1), ("d", 1), ("c", 2)]


def test_an_entry_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    found = stored(tmp_path, {"proxies": [tcp("good"), tcp("bad", 70000)]})
    with pytest.raises(InvalidConfig, match="proxy bad: "):
        with_stored(config(), found)


# Changes


def test_changes_leave_the_old_content_as_it_was() -> None:
    proxy, visit = decode_proxy(tcp("a")), decode_visitor(visitor("a"))
    one = Stored().with_new(proxy)
    both = one.with_new(visit)
    assert (one.proxies, one.visitors) == ({"a": proxy}, {})
    assert (both.proxies, both.visitors) == ({"a": proxy}, {"a": visit})
    changed = both.with_changed(decode_proxy(tcp("a", 23)))
    assert (changed.proxies["a"].local_port, both.proxies["a"].local_port) == (23, 22)
    assert both.without("proxy", "a") == Stored(visitors={"a": visit})
    assert both.without("visitor", "a") == one
    with pytest.raises(AlreadyStored, match=r'^already exists: visitor "a"$'):
        both.with_new(visit)
    with pytest.raises(NotStored, match=r'^not found: visitor "a"$'):
        one.with_changed(visit)
    with pytest.raises(NotStored, match=r'^not found: proxy "b"$'):
        one.without("proxy", "b")


def test_the_file_has_what_was_set_and_no_defaults(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folders" / "store.json"
    proxy = decode_proxy(tcp("é", enabled=False, transport={"bandwidthLimit": "1MB"}))
    content = Stored().with_new(proxy).with_new(decode_visitor(visitor("v")))
    write_store(str(path), content)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_store(str(path)) == content
    assert path.read_text("utf-8").startswith('{\n  "proxies": [\n    {\n      "name": "é",')
    assert json.loads(path.read_text("utf-8"))["proxies"] == [
        {
            "name": "é",
            "type": "tcp",
            "enabled": False,
            "transport": {"bandwidthLimit": "1MB"},
            "loadBalancer": {"group": ""},
            "healthCheck": {"type": "", "intervalSeconds": 0},
            "localPort": 22,
            "plugin": None,
        }
    ]
    assert file_bytes(Stored()) == b"{}"


def test_a_store_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "store.json"
    content = Stored().with_new(decode_proxy(tcp("a", metadatas={"x": "y" * MAX_SIZE})))
    with pytest.raises(
        NotWritten, match=f"^failed to persist: the store would have more than {MAX_SIZE} bytes$"
    ):
        write_store(str(path), content)
    assert not path.exists()

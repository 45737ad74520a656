"""Routes by host, location and user: order of candidates, conflicts, removal, hosts as users write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import ProxyError
from aiofrp.wire.router import Router, canonical_address, canonical_host


def router(*routes: str) -> Router[str]:
    """A router whose targets are the routes themselves, written ``user@domain/location``."""
    made: Router[str] = Router()
    for route in routes:
        made.add(*parts(route), route)
    return made


def parts(route: str) -> tuple[str, str, str]:
    user, _, rest = route.rpartition("@")
    domain, slash, location = rest.partition("/")
    return domain, slash + location, user


ALL = router(
    "alice@example.com/api",
    "example.com/api",
    "exact.example.com/api",
    "*.example.com/api",
    "*.foo.example.com/api",
    "*.bar.com/api",
    "root@*/admin",
    "*/",
)


@pytest.mark.parametrize(
    ("host", "path", "user", "route"),
    [
        ("example.com", b"/api/users", "alice", "alice@example.com/api"),
        ("example.com", b"/api/users", "bob", "example.com/api"),
        ("foo.example.com", b"/api/users", "bob", "*.example.com/api"),
        ("exact.example.com", b"/api", "", "exact.example.com/api"),
        ("bar.foo.example.com", b"/api", "", "*.foo.example.com/api"),
        ("a.b.foo.example.com", b"/api", "", "*.foo.example.com/api"),
        ("a.b.bar.com", b"/api", "", "*.bar.com/api"),
        ("foo.example.com", b"/elsewhere", "", "*/"),
        ("foo.test.com", b"/other", "bob", "*/"),
        ("foo.test.com", b"/admin/x", "root", "root@*/admin"),
        ("foo.test.com", b"/admin/x", "", "*/"),
        ("", b"/", "", "*/"),
    ],
)
def test_the_nearest_route_is_found(host: str, path: bytes, user: str, route: str) -> None:
    assert ALL.find(host, path, user) == route


@pytest.mark.parametrize(
    ("host", "user", "whole"),
    [
        ("one.test", "", True),
        ("one.test", "alice", True),
        ("two.test", "", False),
        ("part.test", "", False),  # other paths are those of *
        ("own.test", "", True),
        ("own.test", "alice", False),
        ("own.test", "bob", True),
        ("x.wild.test", "", True),
        ("x.split.test", "", False),
        ("elsewhere", "", False),
    ],
)
def test_whether_a_host_is_whole(host: str, user: str, whole: bool) -> None:
    routes = router(
        *("one.test", "two.test", "two.test/admin", "part.test/admin"),
        *("own.test", "alice@own.test", "alice@own.test/admin", "bob@own.test"),
        *("*.wild.test", "*.split.test", "*.split.test/x", "*", "*/x"),
    )
    assert routes.is_whole(host, user) is whole


def test_nobodys_host_is_not_whole() -> None:
    assert not router("one.test").is_whole("two.test")


@pytest.mark.parametrize(
    ("routes", "host", "path"),
    [
        (("*.com/",), "example.com", b"/"),  # two labels match no wildcard
        (("*.example.com/",), "example.com", b"/"),
        (("*.example.com/api",), "a.example.com", b"/other"),
        (("alice@example.com/",), "example.com", b"/"),
        (("example.com/",), "example.com", b""),
        ((), "example.com", b"/"),
    ],
)
def test_no_route_is_found(routes: tuple[str, ...], host: str, path: bytes) -> None:
    assert router(*routes).find(host, path) is None


def test_the_longest_location_wins_and_is_a_plain_prefix() -> None:
    routes = router("a/", "a/api", "a/api/v1", "a")
    paths = {b"/x": "a/", b"/apix": "a/api", b"/api/v1/y": "a/api/v1", b"": "a", b"*": "a"}
    assert {path: routes.find("a", path) for path in paths} == paths
    assert routes.find("a", "/ä".encode()) == "a/"
    routes.add("a", "/ä", "", "umlaut")
    assert routes.find("a", "/äx".encode()) == "umlaut"


def test_an_equal_route_is_a_conflict_until_it_is_removed() -> None:
    routes = router("a.test/x")
    with pytest.raises(ProxyError, match=r"^router config conflict$"):
        routes.add("a.test", "/x", "", "again")
    routes.add("a.test", "/x", "user", "another user's")
    routes.remove("a.test", "/x", "")
    routes.add("a.test", "/x", "", "again")
    assert routes.find("a.test", b"/x") == "again"
    assert len(routes) == 2


def test_nothing_stays_of_removed_routes() -> None:
    routes = router("a/x", "a/y", "u@a/x")
    for route in ("a/x", "a/y", "u@a/x", "a/x", "never@there/z"):
        routes.remove(*parts(route))
    assert len(routes) == 0
    assert routes._by_domain == {}


class Counted(bytes):
    """A path that counts how often it is cut or compared."""

    looks = 0

    def __getitem__(self, key: Any) -> Any:
        Counted.looks += 1
        return super().__getitem__(key)


@pytest.mark.parametrize(
    "locations",
    [
        [f"/{number:05}" for number in range(20_000)],  # one length
        [f"/{number}" for number in range(20_000)],
        ["/" + "a" * number for number in range(1, 140)] + [f"/b{number:05}" for number in range(20_000)],
    ],
    ids=["equal", "numbers", "nested"],
)
def test_a_lookup_among_many_locations_takes_few_looks(locations: list[str]) -> None:
    routes: Router[str] = Router()
    for location in locations:
        routes.add("a", location, "", location)
    Counted.looks = 0
    assert routes.find("a", Counted(b"/nowhere")) is None
    assert routes.find("a", Counted(locations[7].encode() + b"?")) == locations[7]
    assert Counted.looks <= 2 * len({len(location) for location in locations})
    for location in locations:
        routes.remove("a", location, "")
    assert len(routes) == 0


@given(
    st.lists(st.text("/ab", max_size=6), max_size=12),
    st.lists(st.integers(0, 11)),
    st.text("/ab", max_size=9),
)
def test_the_longest_prefix_is_found_as_by_trying_all(texts: list[str], leave: list[int], path: str) -> None:
    routes: Router[str] = Router()
    kept = dict.fromkeys(texts)
    for text in kept:
        routes.add("a", text, "", text)
    for index in leave:
        if index < len(texts) and texts[index] in kept:
            del kept[texts[index]]
            routes.remove("a", texts[index], "")
    fitting = [text for text in kept if path.startswith(text)]
    assert routes.find("a", path.encode()) == max(fitting, key=len, default=None)


def test_a_host_longer_than_any_name_costs_one_look() -> None:
    routes = router("*.a.a/", "*/")
    assert routes.find("a." * 30_000 + "a", b"/") == "*/"


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("Example.COM", "example.com"),
        ("example.com:8080", "example.com"),
        ("example.com.", "example.com"),
        ("example.com.:80", "example.com"),
        ("example.com..", "example.com."),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:80", "::1"),
        ("[::1]", "[::1]"),
        ("::1", "::1"),
        ("[v6:80", ""),
        ("[::1]:80:80", ""),
        (":80", ""),
        ("example.com:", "example.com"),
        ("", ""),
    ],
)
def test_hosts_as_the_reference_reads_them(host: str, canonical: str) -> None:
    assert canonical_host(host) == canonical


@given(st.text(max_size=30))
def test_any_host_is_read(host: str) -> None:
    assert canonical_host(host) == canonical_host(host).lower()


def test_addresses_as_clients_are_told() -> None:
    assert canonical_address("a.test", 80) == canonical_address("a.test", 443) == "a.test"
    assert canonical_address("a.test", 8080) == "a.test:8080"
    assert canonical_address("::1", 8080) == "[::1]:8080"

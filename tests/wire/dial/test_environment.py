"""The proxies of the environment."""

from __future__ import annotations

import pytest

from aiofrp.wire.dial.environment import EnvironmentProxies

BOTH = {"HTTP_PROXY": "http://p.test:3128", "https_proxy": "q.test:8080"}


@pytest.mark.parametrize(
    ("scheme", "host", "url"),
    [
        ("http", "a.test", "http://p.test:3128"),
        ("https", "a.test", "http://q.test:8080"),
        ("ftp", "a.test", ""),
        ("http", "localhost", ""),
        ("http", "LOCALHOST.", ""),
        ("http", "127.9.9.9", ""),
        ("https", "::1", ""),
        ("http", "192.0.2.1", "http://p.test:3128"),
    ],
)
def test_the_variable_of_the_scheme_but_never_for_this_machine(scheme: str, host: str, url: str) -> None:
    assert EnvironmentProxies(BOTH).url_for(scheme, host, 80) == url


@pytest.mark.parametrize(
    ("value", "direct", "proxied"),
    [
        ("*", ["a.test", "192.0.2.1"], []),
        ("a.test", ["a.test", "A.test", "b.a.test"], ["ba.test", "test"]),
        (".a.test", ["b.a.test"], ["a.test", "ba.test"]),
        ("*.a.test", ["b.a.test"], ["a.test"]),
        ("a.test:80", ["a.test"], []),
        ("a.test:81", [], ["a.test"]),
        ("192.0.2.1", ["192.0.2.1"], ["192.0.2.2", "1.192.0.2.1"]),
        ("192.0.2.0/24, b.test", ["192.0.2.9", "b.test"], ["192.0.3.1", "192.0.2.9.test"]),
        ("2001:db8::/32", ["2001:db8::1"], ["2001:db9::1"]),
        ("[2001:db8::1]:80", ["2001:db8::1"], ["2001:db8::2"]),
        ("2001:db8::1", ["2001:db8::1"], []),
        (" ,nonsense/99,", [], ["a.test"]),
    ],
)
def test_exceptions(value: str, direct: list[str], proxied: list[str]) -> None:
    proxies = EnvironmentProxies({**BOTH, "NO_PROXY": value})
    assert [host for host in direct if proxies.url_for("http", host, 80)] == []
    assert [host for host in proxied if not proxies.url_for("http", host, 80)] == []


def test_a_cgi_program_does_not_trust_http_proxy() -> None:
    proxies = EnvironmentProxies({**BOTH, "REQUEST_METHOD": "GET"})
    assert proxies.url_for("http", "a.test", 80) == ""
    assert proxies.url_for("https", "a.test", 443) == "http://q.test:8080"

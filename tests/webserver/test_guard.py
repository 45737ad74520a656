"""Whose requests a web server answers: names in Host, pages of other sites, who is one source."""

from __future__ import annotations

import pytest

from aiofrp.webserver.guard import foreign_host, same_site

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/70.0 Safari/537.36"


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:7400",
        "127.0.0.1",
        "192.168.1.5:7400",
        "[::1]:7400",
        "[::1]",
        "[fe80::1]:80",
        "localhost:7400",
        "LOCALHOST",
        "localhost.",
        "Frps.Lan:7500",
        "frps.lan.",
    ],
)
def test_addresses_localhost_and_the_configured_name_are_served(host: str) -> None:
    assert foreign_host([host], "frps.LAN") is None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:7400",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.localhost",
        "127.0.0.1@evil.example",
        "0x7f.1",
        "[evil.example]:80",
        "[::1].evil.example",
        "",
        "[",
        "127.0.0.1:80:80",
        "\xff",
    ],
)
def test_other_names_are_not(host: str) -> None:
    assert foreign_host([host], "0.0.0.0") == host
    assert foreign_host(["127.0.0.1", host], "") == host


def test_a_program_of_http_1_0_names_no_host() -> None:
    assert foreign_host([], "127.0.0.1") is None


@pytest.mark.parametrize(
    ("headers", "accepted"),
    [
        ({}, True),
        ({"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}, True),  # frp's own frpc reload
        ({"User-Agent": "curl/8.5.0", "Accept": "*/*"}, True),
        ({"User-Agent": CHROME}, False),
        ({"User-Agent": "Opera/9.80 (X11; Linux x86_64) Presto/2.12"}, False),
        ({"User-Agent": CHROME, "X-Requested-With": "PowerShell"}, True),
        ({"User-Agent": CHROME, "Referer": "http://10.0.0.1:7400/static/"}, True),
        ({"User-Agent": CHROME, "Referer": "http://evil.example/10.0.0.1:7400"}, False),
        ({"Referer": "http://evil.example/"}, False),
        ({"Referer": "https://10.0.0.1:7400.evil.example/"}, False),
        ({"Referer": "http://10.0.0.1:7400@evil.example/"}, False),
        ({"Referer": "http://["}, False),
        ({"Referer": ""}, False),
        ({"Origin": "http://["}, False),
        ({"Origin": "null"}, False),
        ({"Origin": "HTTP://10.0.0.1:7400"}, True),
        ({"Origin": "null", "Referer": "http://10.0.0.1:7400/"}, False),
        ({"Origin": "http://evil.example", "X-Requested-With": "x"}, False),
        ({"Sec-Fetch-Site": "cross-site", "X-Requested-With": "x"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Referer": "http://10.0.0.1:7400/"}, False),
        ({"Sec-Fetch-Site": "", "User-Agent": "curl"}, False),
    ],
)
def test_changes_asked_by_pages_of_other_sites(headers: dict[str, str], accepted: bool) -> None:
    assert same_site({"Host": "10.0.0.1:7400"} | headers) is accepted

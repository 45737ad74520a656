"""What services and users see: fields added, replaced and left out, and heads that cannot be read in two ways."""

from __future__ import annotations

import pytest

from aiofrp.wire.http.forward import (
    NO_CHANGES,
    HeaderChanges,
    about_user,
    encode_connect,
    encode_reply,
    encode_request,
    encode_response,
    passed_fields,
    response_fields,
)
from aiofrp.wire.http.head import HeadError, parse_request
from aiofrp.wire.http.response import parse_response

PEER = b"10.1.2.3"
OURS = (
    "X-Forwarded-For: 10.1.2.3",
    "X-Forwarded-Host: a.test",
    "X-Forwarded-Proto: http",
    "X-Real-IP: 10.1.2.3",
)


def forwarded(
    fields: str, line: str = "GET /x HTTP/1.1", *, changes: HeaderChanges = NO_CHANGES, rewrite: bytes = b""
) -> list[str]:
    """The lines a service gets for a request to ``a.test`` with ``fields``."""
    head = "\r\n".join([line, "Host: a.test", *fields.splitlines(), "", ""])
    request = parse_request(head.encode())
    sent = encode_request(request, changes, about_user(request, PEER), rewrite)
    parse_request(sent)
    assert sent.endswith(b"\r\n\r\n")
    return sent.decode()[:-4].split("\r\n")


def test_a_plain_request_gets_the_users_address() -> None:
    assert forwarded("Accept: */*") == ["GET /x HTTP/1.1", "Host: a.test", "Accept: */*", *OURS]


def test_a_chain_of_proxies_goes_on_but_the_real_address_is_ours() -> None:
    lines = forwarded("X-Forwarded-For: 9.9.9.9\nx-forwarded-for: 8.8.8.8, 7.7.7.7\nX-REAL-IP: 6.6.6.6")
    assert "X-Forwarded-For: 9.9.9.9, 8.8.8.8, 7.7.7.7, 10.1.2.3" in lines
    assert [line for line in lines if line.lower().startswith("x-real-ip")] == ["X-Real-IP: 10.1.2.3"]


@pytest.mark.parametrize(
    "name",
    [
        "X_Real_IP",
        "x-real_ip",
        "X.Real.IP",
        "X_FORWARDED_FOR",
        "X_Forwarded-Host",
        "x~forwarded~proto",
        "Content_Length",
        "Transfer_Encoding",
        "Proxy_Authorization",
        "X_From_Where",
        "x-from_where",
    ],
)
def test_a_name_that_services_may_take_for_one_of_ours_does_not_pass(name: str) -> None:
    changes = HeaderChanges({"X-From-Where": "frp"})
    lines = forwarded(f"{name}: 6.6.6.6\nX_Kept: 1", changes=changes)
    assert lines == ["GET /x HTTP/1.1", "Host: a.test", "X_Kept: 1", *OURS, "X-From-Where: frp"]


def test_what_belongs_to_the_users_connection_stays_behind() -> None:
    lines = forwarded(
        "Connection: keep-alive, X-Hop, Authorization\nX-Hop: 1\nAuthorization: Basic eA==\nKeep-Alive: 5\n"
        "Proxy-Connection: x\nProxy-Authorization: Basic eA==\nProxy-Authenticate: x\nTE: gzip\nTrailer: X\n"
        "Upgrade: websocket\nForwarded: for=1\nX-Forwarded-Host: evil\nX-Forwarded-Proto: https\nX-Kept: 1"
    )
    assert lines == ["GET /x HTTP/1.1", "Host: a.test", "X-Kept: 1", *OURS]


def test_what_is_ours_cannot_be_named_away() -> None:
    lines = forwarded("Connection: X-Forwarded-For, X-Real-IP, Host, Content-Length\nContent-Length: 5")
    assert lines == ["GET /x HTTP/1.1", "Host: a.test", *OURS, "Content-Length: 5"]


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ("TE: trailers", ["TE: trailers"]),
        ("TE: gzip, Trailers", ["TE: trailers"]),
        ("Connection: Upgrade\nUpgrade: websocket, x", ["Connection: Upgrade", "Upgrade: websocket, x"]),
        ("Content-Length: 007", ["Content-Length: 7"]),
        ("Content-Length: 0", ["Content-Length: 0"]),
        ("Transfer-Encoding: CHUNKED\nTrailer: X, Y", ["Transfer-Encoding: chunked", "Trailer: X, Y"]),
    ],
)
def test_framing_and_upgrades_are_written_anew(fields: str, kept: list[str]) -> None:
    assert forwarded(fields) == ["GET /x HTTP/1.1", "Host: a.test", *OURS, *kept]


@pytest.mark.parametrize(
    ("method", "told"), [("POST", True), ("PUT", True), ("PATCH", True), ("DELETE", False)]
)
def test_no_body_where_one_may_be_expected_has_a_length(method: str, told: bool) -> None:
    assert ("Content-Length: 0" in forwarded("", f"{method} / HTTP/1.1")) is told


def test_the_host_is_rewritten_and_told_as_it_was() -> None:
    lines = forwarded("", rewrite=b"inner.test:81")
    assert lines[1] == "Host: inner.test:81"
    assert "X-Forwarded-Host: a.test" in lines


def test_absolute_form_stays_absolute() -> None:
    assert forwarded("", "GET http://u:p@b.test:8/x?y HTTP/1.0")[0] == "GET http://b.test:8/x?y HTTP/1.1"
    lines = forwarded("", "GET http://b.test HTTP/1.1", rewrite=b"inner.test")
    assert lines[:2] == ["GET http://inner.test/ HTTP/1.1", "Host: inner.test"]
    assert "X-Forwarded-Host: b.test" in lines


def test_configured_fields_come_last_and_replace() -> None:
    changes = HeaderChanges({"x-real-ip": "hidden", "X-From-Where": "frp", "ACCEPT": "text/html"})
    lines = forwarded("Accept: a\nAccept: b", changes=changes)
    assert lines[2:] == [*OURS[:3], "x-real-ip: hidden", "X-From-Where: frp", "ACCEPT: text/html"]


def test_configured_fields_cannot_frame_or_split_a_message() -> None:
    changes = HeaderChanges(
        {
            "Host": "x",
            "content-length": "5",
            "Transfer-Encoding": "chunked",
            "Connection": "close",
            "Upgrade": "x",
            "Trailer": "x",
            "no token": "x",
            "": "x",
            "X": "a\r\nContent-Length: 5",
        }
    )
    assert changes.fields == [(b"X", b"a  Content-Length: 5")]
    assert forwarded("", changes=changes)[-2:] == ["X: a  Content-Length: 5", "Connection: close"]
    assert changes.connection == b"close"
    assert changes.closes
    assert not HeaderChanges({"Connection": "keep-alive, x-close"}).closes


def test_connect_passes_what_the_proxy_behind_needs() -> None:
    request = parse_request(
        b"CONNECT b.test:443 HTTP/1.1\r\nHost: other\r\nProxy-Authorization: Basic eA==\r\nX: y\r\n"
        b"Proxy-Connection: keep-alive\r\nContent-Length: 5\r\n\r\n"
    )
    assert encode_connect(request) == (
        b"CONNECT b.test:443 HTTP/1.1\r\nHost: b.test:443\r\nX: y\r\nProxy-Authorization: Basic eA==\r\n\r\n"
    )


def test_responses_lose_what_belongs_to_the_services_connection() -> None:
    response = parse_response(
        b"HTTP/1.1 200 OK\r\nX: 1\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Proxy-Connection: x\r\nTE: x\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\n"
    )
    fields = response_fields(response, HeaderChanges({"x": "2", "Y": "3"}), lambda: b"now")
    assert fields == [(b"Date", b"now"), (b"x", b"2"), (b"Y", b"3")]
    assert encode_response(200, b"OK", 0, fields) == b"HTTP/1.0 200 OK\r\nDate: now\r\nx: 2\r\nY: 3\r\n\r\n"


def test_a_services_own_date_is_kept() -> None:
    response = parse_response(b"HTTP/1.1 204 No Content\r\ndate: then\r\n\r\n")
    reply = b"HTTP/1.1 204 No Content\r\ndate: then\r\nB: 2\r\n\r\n"
    assert encode_reply(response, 1, NO_CHANGES, lambda: b"now", [(b"B", b"2")]) == reply
    assert response_fields(response, NO_CHANGES, lambda: b"now") == [(b"date", b"then")]


def test_a_reply_is_the_same_with_and_without_changes() -> None:
    response = parse_response(
        b"HTTP/1.1 200 OK\r\nDate: then\r\nConnection: x-hop\r\nX-Hop: 1\r\nA:  1 \r\nTE: x\r\n\r\n"
    )
    fields = response_fields(response, NO_CHANGES, lambda: b"now")
    assert fields == [(b"Date", b"then"), (b"A", b"1 ")]
    for minor in (0, 1):
        reply = encode_reply(response, minor, NO_CHANGES, lambda: b"now", [(b"B", b"2")])
        assert reply == encode_response(200, b"OK", minor, [*fields, (b"B", b"2")])
        changed = encode_reply(response, minor, HeaderChanges({"B": "2"}), lambda: b"now", [])
        assert changed == reply


def test_the_parsed_request_is_not_changed() -> None:
    request = parse_request(b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n")
    about = about_user(request, PEER)
    first = passed_fields(request, NO_CHANGES, about)
    assert passed_fields(request, NO_CHANGES, about) == first
    assert request.fields == [(b"X", b"y")]


def test_nothing_is_forwarded_of_a_refused_request() -> None:
    with pytest.raises(HeadError):
        forwarded("Transfer-Encoding: chunked\nContent-Length: 3")

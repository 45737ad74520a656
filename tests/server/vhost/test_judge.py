"""One judgement of route and credential, from the same parsed head; paths that services may read in another way."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.host.trusted import Trusted
from aiofrp.http.answers import Answer
from aiofrp.proxy.http import HttpRoute
from aiofrp.server.vhost.judge import Credential, NoRoute, fits, judge, parse_basic, resolve
from aiofrp.wire.frp.messages import NewProxy
from aiofrp.wire.http.head import HeadError, parse_request
from aiofrp.wire.router import Router


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def route(user: str = "", password: str = "") -> HttpRoute:
    return HttpRoute(NewProxy(http_user=user, http_pwd=password), Trusted())


def outcome(routes: Router[HttpRoute], *lines: str) -> HttpRoute | int:
    """The route of a request of these lines, or the status it is answered with."""
    request = parse_request("\r\n".join([*lines, "", ""]).encode())
    try:
        judged = judge(request, routes)
    except NoRoute:
        return 404
    return judged.status if isinstance(judged, Answer) else judged


GET, HOST = "GET / HTTP/1.1", "Host: web.test"


def test_a_route_without_credential() -> None:
    routes: Router[HttpRoute] = Router()
    routes.add("web.test", "", "", plain := route())
    assert outcome(routes, GET, "Host: WEB.test.:80") is plain
    assert outcome(routes, "GET http://web.test/ HTTP/1.1", "Host: other") is plain
    assert outcome(routes, "CONNECT web.test:443 HTTP/1.1") is plain
    assert outcome(routes, GET, "Host: other") == 404
    assert outcome(routes, "GET http://other/ HTTP/1.1", HOST) == 404
    assert outcome(routes, "GET / HTTP/1.0") == 404


def test_a_tunnel_to_a_host_with_another_route_is_refused() -> None:
    routes: Router[HttpRoute] = Router()
    routes.add("web.test", "", "", plain := route())
    routes.add("web.test", "/admin", "", route("u", "p"))
    routes.add("own.test", "", "", own := route("u", "p"))
    known = f"Proxy-Authorization: {basic('u:p')}"
    assert outcome(routes, "CONNECT web.test:443 HTTP/1.1") == 403
    assert outcome(routes, "CONNECT WEB.test.:443 HTTP/1.1", known) == 403
    assert outcome(routes, "GET http://web.test/ HTTP/1.1", HOST) is plain
    assert outcome(routes, "CONNECT own.test:443 HTTP/1.1") == 407
    assert outcome(routes, "CONNECT own.test:443 HTTP/1.1", known) is own


@pytest.mark.parametrize(
    ("lines", "looked_for"),
    [
        (["GET /a%20b?c HTTP/1.1", "Host: Other.:80"], "other /a b "),
        (
            ["GET http://other/%ff HTTP/1.1", HOST, f"Proxy-Authorization: {basic('bob:x')}"],
            "other /\\xff bob",
        ),
        (["CONNECT other:443 HTTP/1.1"], "other  "),
    ],
)
def test_what_nobody_has_is_named(lines: list[str], looked_for: str) -> None:
    with pytest.raises(NoRoute) as caught:
        judge(parse_request("\r\n".join([*lines, "", ""]).encode()), Router())
    assert str(caught.value) == f"no route found: {looked_for}"


@pytest.mark.parametrize(
    ("user", "password", "shown", "good"),
    [
        ("u", "p", "u:p", True),
        ("u", "p", "u:p ", False),
        ("u", "p", "U:p", False),
        ("u", "p", ":p", False),
        ("u", "", "u:", True),
        ("u", "", "u:p", False),
        ("", "p", ":p", True),
        ("", "p", "anybody:p", False),
        ("u", "p:q", "u:p:q", True),
        ("ü", "ß", "ü:ß", True),
    ],
)
def test_both_name_and_password_have_to_be_right(user: str, password: str, shown: str, good: bool) -> None:
    routes: Router[HttpRoute] = Router()
    routes.add("web.test", "", "", safe := route(user, password))
    assert (outcome(routes, GET, HOST, f"Authorization: {basic(shown)}") is safe) is good
    assert outcome(routes, GET, HOST) == 401


def test_a_user_is_led_by_the_name_shown_and_let_in_by_the_same_credential() -> None:
    routes: Router[HttpRoute] = Router()
    routes.add("web.test", "", "alice", alice := route("alice", "a"))
    routes.add("web.test", "", "", everybody := route())
    assert outcome(routes, GET, HOST, f"Authorization: {basic('alice:a')}") is alice
    assert outcome(routes, GET, HOST, f"Authorization: {basic('alice:b')}") == 401
    assert outcome(routes, GET, HOST, f"Authorization: {basic('bob:a')}") is everybody
    absolute = "GET http://web.test/ HTTP/1.1"
    right, wrong = f"Authorization: {basic('alice:a')}", f"Proxy-Authorization: {basic('alice:b')}"
    assert outcome(routes, absolute, HOST, right) == 407
    assert outcome(routes, absolute, HOST, wrong, right) == 407
    assert outcome(routes, absolute, HOST, "Proxy-Authorization: x", right) is everybody


@pytest.mark.parametrize(
    "path",
    [
        "/open/../safe/x",
        "/open//../../safe",
        "/./safe",
        "//safe/",
        "/open/..%2fsafe",
        "/%2e/safe",
        "/x%5c..%5csafe",
        "/..;/safe",
        "/open/..;/safe",
        "/open/..;a=b;c/safe",
        "/open/..%3b/safe",
        "/open/.;/..;/safe/",
        "/;/safe",
        "/;x=y/safe/x",
        "/open/..;\\safe",
        "/open/;a/..;b/../safe",
        "/safe/..;/open",
    ],
)
def test_a_path_that_services_may_take_for_a_protected_one_is_refused(path: str) -> None:
    routes: Router[HttpRoute] = Router()
    routes.add("web.test", "/", "", route())
    routes.add("web.test", "/safe", "", route("u", "p"))
    with pytest.raises(HeadError):
        outcome(routes, f"GET {path} HTTP/1.1", HOST)


def test_odd_paths_pass_where_they_make_no_difference() -> None:
    routes: Router[HttpRoute] = Router()
    routes.add("web.test", "/", "", plain := route())
    for path in ("/a/../b", "//", "/.well-known/x", "/a/.", "/...", "/%2e%2e/etc", "/a;b/..;/c", "/;"):
        assert outcome(routes, f"GET {path} HTTP/1.1", HOST) is plain


@pytest.mark.parametrize(
    ("path", "resolved"),
    [
        (b"/", b"/"),
        (b"/a/b", b"/a/b"),
        (b"/a/b/", b"/a/b/"),
        (b"/a/./b", b"/a/b"),
        (b"/a/../b", b"/b"),
        (b"/../../a", b"/a"),
        (b"//a///b", b"/a/b"),
        (b"/a/b/..", b"/a/"),
        (b"/a/.", b"/a/"),
        (b"/a\\..\\b", b"/b"),
        (b"/.a/..b/...", b"/.a/..b/..."),
    ],
)
def test_paths_as_services_tidy_them(path: bytes, resolved: bytes) -> None:
    assert resolve(path) == resolved


@given(st.lists(st.sampled_from(["a", "b", ".", "..", ""]), max_size=8))
def test_a_tidy_path_stays_as_it_is(segments: list[str]) -> None:
    once = resolve(("/" + "/".join(segments)).encode())
    assert resolve(once) == once
    assert b"//" not in once
    assert b"/." not in once


@pytest.mark.parametrize(
    ("value", "credential"),
    [
        (b"Basic dTpw", Credential(b"u", b"p")),
        (b"bASIC dTpw", Credential(b"u", b"p")),
        (b"Basic dTpwOnE=", Credential(b"u", b"p:q")),
        (b"Basic Og==", Credential(b"", b"")),
        (b"Basic dQ==", None),
        (b"Basic dTpw=", None),
        (b"Basic d Tpw", None),
        (b"Basic", None),
        (b"Basic ", None),
        (b"Bearer dTpw", None),
        (b"", None),
    ],
)
def test_credentials(value: bytes, credential: Credential | None) -> None:
    assert parse_basic(value) == credential


def test_nobody_is_not_somebody() -> None:
    assert not fits(None, "", "")
    assert fits(Credential(b"", b""), "", "")


def test_a_path_with_parameters_that_lead_nowhere_else_passes() -> None:
    routes: Router[HttpRoute] = Router()
    routes.add("web.test", "/", "", plain := route())
    routes.add("web.test", "/safe", "", safe := route())
    for path, wanted in (
        ("/open;jsessionid=1", plain),
        ("/open;a=/safe", plain),
        ("/safe;jsessionid=1/x", safe),
        ("/open/x;a;b/y?z=/../..;/safe", plain),
    ):
        assert outcome(routes, f"GET {path} HTTP/1.1", HOST) is wanted

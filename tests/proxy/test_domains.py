"""The domains of a proxy: which it has, and which a server does not give away."""

from __future__ import annotations

import pytest

from aiofrp.errors import ProxyError
from aiofrp.proxy.domains import check_domains, domains, listed
from aiofrp.wire.frp.messages import NewProxy


def test_its_own_and_its_subdomain() -> None:
    assert domains(
        NewProxy(custom_domains=("a.test", "", "B.test", "C.test.:80"), subdomain="C"), "frps.test"
    ) == [
        "a.test",
        "b.test",
        "c.test",
        "c.frps.test",
    ]
    assert domains(NewProxy(), "frps.test") == []


@pytest.mark.parametrize(
    ("message", "host", "error"),
    [
        (NewProxy(custom_domains=("a.frps.test",)), "frps.test", "belong"),
        (NewProxy(custom_domains=("x.test", "a.b.frps.test")), "frps.test", "belong"),
        *(
            (NewProxy(custom_domains=(domain,)), "frps.test", "belong")
            for domain in (
                "*.FRPS.test",
                "*.frps.TEST",
                "A.frps.test.",
                "a.frps.test..",
                "a.frps.test:80",
                "a.Frps.test.:443",
                "*.*.frps.test",
            )
        ),
        (NewProxy(custom_domains=(".",)), "", "custom domain [.] is no host name"),
        (NewProxy(custom_domains=("x.test", ":80")), "frps.test", "custom domain [:80] is no host name"),
        (
            NewProxy(subdomain="a"),
            "",
            "subdomain is not supported because this feature is not enabled in server",
        ),
        (NewProxy(subdomain="a.b"), "frps.test", "'.' and '*' are not supported in subdomain"),
        (NewProxy(subdomain="*"), "frps.test", "'.' and '*' are not supported in subdomain"),
    ],
)
def test_what_is_not_given_away(message: NewProxy, host: str, error: str) -> None:
    with pytest.raises(ProxyError) as caught:
        check_domains(message, host)
    if error == "belong":
        domain = message.custom_domains[-1]
        error = f"custom domain [{domain}] should not belong to subdomain host [frps.test]"
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("message", "host"),
    [
        (NewProxy(custom_domains=("frps.test", "xfrps.test", "a.frps.test")), ""),
        (NewProxy(custom_domains=("frps.test", "a.xfrps.test")), "frps.test"),
        (NewProxy(subdomain="a"), "frps.test"),
        (NewProxy(custom_domains=("FRPS.test", "*.TEST", "*")), "frps.test"),
        (NewProxy(), ""),
    ],
)
def test_what_is_given_away(message: NewProxy, host: str) -> None:
    check_domains(message, host)


def test_a_long_list_is_told_in_part() -> None:
    assert listed(["a", "b"]) == "a,b"
    assert listed([]) == ""
    told = listed(f"{number:04}.test" for number in range(1000))
    assert len(told) < 4200
    assert told.startswith("0000.test,0001.test,")
    assert told.endswith(",0408.test and 591 more")

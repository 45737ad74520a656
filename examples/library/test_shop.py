"""Tests of a program that other programs call by a web hook, with the fixtures of aiofrp.

Run them with: pytest -p aiofrp.pytest_plugin examples/library/test_shop.py
(if aiofrp is installed, -p is not needed: pytest finds the plugin by itself)
"""

from urllib.request import urlopen

import pytest


class Shop:
    """The program under test: an ASGI application that counts calls of its web hook."""

    def __init__(self):
        self.paid = []

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            self.paid.append(scope["path"].removeprefix("/paid/"))
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body"})


@pytest.fixture
def shop(expose):
    """The shop, and its public address."""
    shop = Shop()
    shop.url = f"http://{expose(shop).address}"
    return shop


def test_a_payment_arrives(shop):
    urlopen(f"{shop.url}/paid/17").close()
    assert shop.paid == ["17"]


def test_nothing_is_paid_at_first(shop):
    assert shop.paid == []

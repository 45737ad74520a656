"""The time an async test may take."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec

import pytest

P = ParamSpec("P")


def limited(test: Callable[P, Awaitable[None]], seconds: float) -> Callable[P, Awaitable[None]]:
    """``test``, cancelled and failed after ``seconds``; the traceback shows where it waited."""

    @functools.wraps(test)
    async def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            async with asyncio.timeout(seconds) as limit:
                await test(*args, **kwargs)
        except TimeoutError:
            if limit.expired():
                pytest.fail(f"the test took more than {seconds:g} s")
            raise

    return run

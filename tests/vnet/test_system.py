"""Systems without a device."""

from __future__ import annotations

import platform
import sys

import pytest

from aiofrp.vnet.device import DeviceError, parse_address
from aiofrp.vnet.system import open_device


def test_other_systems_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "sunos5")
    monkeypatch.setattr(platform, "machine", lambda: "SPARC64")
    expected = r"^virtual net is not supported on this platform \(sunos5/sparc64\)$"
    with pytest.raises(DeviceError, match=expected):
        open_device(parse_address("10.0.0.1/24"))

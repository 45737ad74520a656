"""Reads the recordings in ``tests/vectors/nathole``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent.parent / "vectors" / "nathole"


def load(name: str) -> Any:
    """The content of ``name``.json."""
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def exchange(name: str) -> Any:
    """A recorded exchange, such as ``easy-easy-quic``."""
    return load(f"xtcp-{name}")


def datagrams(recorded: Any) -> list[Any]:
    """The events of an exchange that are datagrams."""
    return [event for event in recorded["events"] if event["channel"] == "udp"]

"""What is known of a user who asks to be admitted."""

from __future__ import annotations

from msgspec import Struct


class UserInfo(Struct, frozen=True):
    """A user who connects, and the proxy."""

    proxy_name: str  #: on the wire
    proxy_type: str
    address: tuple[str, int]  #: of the user: IP text (empty where there is none) and port

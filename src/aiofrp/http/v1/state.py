"""What is expected of a user that speaks HTTP/1, from head to head."""

from __future__ import annotations

import enum


class UserState(enum.Enum):
    """What is expected of the user."""

    HEAD = "head"
    BODY = "body"
    WAIT = "wait"  # for the response; what comes is the next request
    CLOSING = "closing"
    GONE = "gone"


#: States in which what the user sends waits.
AHEAD = (UserState.HEAD, UserState.WAIT)

"""Each message goes to the one callback that expects it."""

from __future__ import annotations

import pytest

from aiofrp.errors import LocalProtocolError
from aiofrp.host.messages import Messages
from aiofrp.wire.frp.messages import Message, NatHoleResp, Ping, Pong


def deliver(messages: Messages, message: Message) -> bool:
    found = messages.find(message)
    if found is not None:
        found(message)
    return found is not None


def test_a_message_goes_to_who_expects_its_type_until_that_ends() -> None:
    sent: list[Message] = []
    messages = Messages(sent.append)
    came: list[Message] = []
    end = messages.expect(Ping, came.append)
    assert deliver(messages, Ping())
    assert not deliver(messages, Pong())
    with pytest.raises(LocalProtocolError, match="Ping"):
        messages.expect(Ping, came.append)
    end()
    end()
    assert not deliver(messages, Ping())
    assert came == [Ping()]
    messages.send(Pong())
    assert sent == [Pong()]


def test_a_message_of_a_transaction_goes_to_who_began_it() -> None:
    messages = Messages(lambda message: None)
    first: list[Message] = []
    rest: list[Message] = []
    messages.expect(NatHoleResp, first.append, "1")
    assert not deliver(messages, NatHoleResp(transaction_id="2"))
    messages.expect(NatHoleResp, rest.append)
    for name in ("1", "2", ""):
        assert deliver(messages, NatHoleResp(transaction_id=name))
    assert first == [NatHoleResp(transaction_id="1")]
    assert rest == [NatHoleResp(transaction_id="2"), NatHoleResp()]


def test_the_end_of_an_expectation_leaves_a_later_one_alone() -> None:
    messages = Messages(lambda message: None)
    first: list[Message] = []
    second: list[Message] = []
    end = messages.expect(Ping, first.append)
    end()
    messages.expect(Ping, second.append)
    end()
    assert deliver(messages, Ping())
    assert (first, second) == ([], [Ping()])

"""JSON text of messages: the reference's spelling when writing, its laxness when reading."""

from __future__ import annotations

import pytest

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.jsonbody import decode_body, encode_body
from aiofrp.wire.frp.messages import (
    BY_TYPE_BYTE,
    CandidatePortsRange,
    Login,
    Message,
    NatHoleDetectBehavior,
    NatHoleResp,
    NewProxy,
    UDPAddress,
    UDPPacket,
)
from tests.wire.vectors import load


@pytest.mark.parametrize("vector", load("messages")["vectors"], ids=lambda vector: vector["name"])
def test_golden_text_both_ways(vector: dict[str, str]) -> None:
    body = vector["json"].encode()
    cls = next(cls for cls in BY_TYPE_BYTE.values() if cls.__name__ == vector["name"])
    assert encode_body(decode_body(cls, body)) == body


def test_map_keys_are_sorted_and_signs_escaped() -> None:
    metas = {"b": "<&>", "a": "\u2028\u2029\u2030", "é": '"\\/\x01\x7f'}
    body = '"metas":{"a":"\\u2028\\u2029\u2030","b":"\\u003c\\u0026\\u003e","é":"\\"\\\\/\\u0001\x7f"}'
    assert body in encode_body(Login(metas=metas)).decode()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"null", NewProxy()),
        (b'{"metas":null,"custom_domains":null,"sk":null,"remote_port":null}', NewProxy()),
        (b'{"metas":{"a":null},"locations":[null,"/"]}', NewProxy(metas={"a": ""}, locations=("", "/"))),
        (
            b'{"r":{"IP":null,"Port":null,"x":null},"c":"aGk="}',
            UDPPacket(content=b"hi", remote_addr=UDPAddress()),
        ),
        (b'{"l":null}', UDPPacket()),
        (b'{"client_spec":null}', Login()),
        (
            b'{"detect_behavior":{"candidate_ports":[null,{"from":null,"to":3}],"role":null}}',
            NatHoleResp(
                detect_behavior=NatHoleDetectBehavior(
                    candidate_ports=(CandidatePortsRange(), CandidatePortsRange(end=3))
                )
            ),
        ),
        (b'{"new":{"in":[null,1e999]},"hostname":"h","os":null}', Login(hostname="h")),
        (
            b'{"hostname":"a\xff","os":"\\ud800b","metas":{"\\udfff":"v"}}',
            Login(hostname="a\ufffd", os="\ufffdb", metas={"\ufffd": "v"}),
        ),
    ],
)
def test_lenient_reading(body: bytes, message: Message) -> None:
    assert decode_body(type(message), body) == message


@pytest.mark.parametrize("body", [b"", b"{", b"7", b'{"hostname":{}}', b'{"metas":[]}', b'{"metas":{"a":1}}'])
def test_wrong_json_is_refused(body: bytes) -> None:
    with pytest.raises(RemoteProtocolError, match=r"^Login: "):
        decode_body(Login, body)

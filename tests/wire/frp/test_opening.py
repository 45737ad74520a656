"""How connections open: recorded sessions in both roles, both versions, cuts, refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.codec2 import CLIENT_HELLO, MAGIC, SERVER_HELLO, V2, encode_frame
from aiofrp.wire.frp.hello import Bootstrap, ClientHello
from aiofrp.wire.frp.jsonbody import decode_body, encode_body
from aiofrp.wire.frp.messages import Login, LoginResp, Message, NewWorkConn, Ping, Pong
from aiofrp.wire.frp.opening import LoginExchange, LoginV1, LoginV2, NegotiatedV2, Opening, opening_of
from aiofrp.wire.transforms.aead import ALGORITHMS
from aiofrp.wire.transforms.aescfb import AesCfb
from tests.wire.cuts import chunks
from tests.wire.test_recordings import shown, streams
from tests.wire.vectors import load

SESSIONS = ["session_v2_plain", "session_v2_tcpmux", "session_v2_udp"]
LOGIN = Login(version="0.70.1", privilege_key="k", timestamp=1)
REPLY = LoginResp(version="0.70.1", run_id="r")


def control_of(name: str) -> tuple[dict[str, Any], dict[str, Any], tuple[bytes, bytes]]:
    """A recorded session, what is known of its control connection, and the bytes both ways."""
    session = load(name)
    wires = streams(session["events"], session["tcp_mux"])
    (entry,) = [entry for entry in session["decoded"]["events"] if "client_hello" in entry]
    return session, entry, wires[entry["conn"], entry.get("stream", 0)]


def opened(wire: bytes, cuts: list[int] | None = None) -> tuple[Opening, Message | None, bytes]:
    """The accepting side after ``wire``: itself, the message, what it answered."""
    opening = opening_of(wire[0])
    message, answered = None, b""
    for chunk in chunks(wire, cuts or []):
        found = opening.receive_data(chunk)
        answered += opening.data_to_send()
        message = message or found
    return opening, message, answered


def recorded_client(hello: str) -> LoginV2:
    """The dialling side as if it had sent a recorded hello."""
    client = LoginV2(Bootstrap())
    client._hello_payload = hello.encode()
    client._hello = decode_body(ClientHello, client._hello_payload)
    return client


# Recorded sessions


@pytest.mark.parametrize("name", SESSIONS)
def test_a_recorded_session_as_its_server(name: str) -> None:
    session, entry, (up, _) = control_of(name)
    opening, message, answered = opened(up)
    assert shown(message) == entry["first"]
    assert answered[:2] == SERVER_HELLO.to_bytes(2, "big")
    assert isinstance(opening.codec, NegotiatedV2)
    assert opening.codec.algorithm == entry["algorithm"]
    codec = NegotiatedV2(entry["algorithm"], entry["client_hello"].encode(), entry["server_hello"].encode())
    plain = codec.control_layer(session["token"], server=True).decode(opening.leftover())
    assert [shown(message) for message in codec.decoder().receive_data(plain)] == entry["c2s_messages"]


@pytest.mark.parametrize("name", SESSIONS)
def test_a_recorded_session_as_its_client(name: str) -> None:
    session, entry, (up, down) = control_of(name)
    client = recorded_client(entry["client_hello"])
    login = decode_body(Login, json.dumps(entry["first"]["body"]).encode())
    assert up.startswith(client.first_bytes(login))
    assert shown(client.receive_data(down)) == entry["answer"]
    plain = client.codec.control_layer(session["token"], server=False).decode(client.leftover())
    assert [shown(message) for message in client.codec.decoder().receive_data(plain)] == entry["s2c_messages"]


@pytest.mark.parametrize("name", SESSIONS)
def test_recorded_work_connections_as_their_server(name: str) -> None:
    session = load(name)
    wires = streams(session["events"], session["tcp_mux"])
    entries = [e for e in session["decoded"]["events"] if e.get("first", {}).get("type") == "NewWorkConn"]
    assert entries
    for entry in entries:
        opening, message, answered = opened(wires[entry["conn"], entry.get("stream", 0)][0])
        assert shown(message) == entry["first"]
        assert opening.codec is V2
        assert answered == b""


# Our two sides


def talk(client: LoginExchange, cuts: list[int], token: str) -> None:
    """A login in any cuts, then one message each way."""
    up = client.first_bytes(LOGIN)
    opening, message, answered = opened(up + b"rest", cuts)
    assert message == LOGIN
    server_layer = opening.codec.control_layer(token, server=True)
    down = answered + opening.codec.encode(REPLY) + server_layer.encode(opening.codec.encode(Pong()))
    reply, late = None, b""
    for chunk in chunks(down, cuts):
        if reply is None:
            reply = client.receive_data(chunk)
        else:
            late += chunk
    assert reply == REPLY
    client_layer = client.codec.control_layer(token, server=False)
    plain = client_layer.decode(client.leftover() + late)
    assert client.codec.decoder().receive_data(plain) == [Pong()]
    plain = server_layer.decode(client_layer.encode(client.codec.encode(Ping())))
    assert opening.codec.decoder().receive_data(plain) == [Ping()]


@given(cuts=st.lists(st.integers(0, 600), max_size=5), token=st.sampled_from(["", "secret"]))
@pytest.mark.parametrize("algorithms", [ALGORITHMS, ALGORITHMS[1:], ALGORITHMS[::-1]])
def test_a_login_in_version_2(algorithms: tuple[str, ...], cuts: list[int], token: str) -> None:
    client = LoginV2(Bootstrap(transport="tcp", tls=True), algorithms)
    talk(client, cuts, token)
    assert isinstance(client.codec, NegotiatedV2)
    assert client.codec.algorithm == algorithms[0]


@given(cuts=st.lists(st.integers(0, 200), max_size=5))
def test_a_login_in_version_1(cuts: list[int]) -> None:
    talk(LoginV1(), cuts, "secret")


def test_byte_by_byte() -> None:
    talk(LoginV2(Bootstrap()), list(range(2000)), "secret")


def test_version_1_keeps_its_encryption() -> None:
    assert isinstance(V1.control_layer("t", server=True), AesCfb)


def test_what_follows_the_first_message_is_left() -> None:
    opening, message, _ = opened(MAGIC + V2.encode(NewWorkConn(run_id="r")) + b"raw")
    assert message == NewWorkConn(run_id="r")
    assert opening.leftover() == b"raw"
    opening, message, _ = opened(V1.encode(NewWorkConn(run_id="r")) + b"raw")
    assert (message, opening.codec, opening.leftover()) == (NewWorkConn(run_id="r"), V1, b"raw")


# Refusals


def test_a_login_without_a_hello_has_no_encryption() -> None:
    opening, message, answered = opened(MAGIC + V2.encode(LOGIN))
    assert (message, answered) == (LOGIN, b"")
    with pytest.raises(RemoteProtocolError, match=r"^missing v2 crypto negotiation$"):
        opening.codec.control_layer("t", server=True)


@pytest.mark.parametrize(
    ("hello", "error"),
    [
        ({}, "unsupported message codec"),
        ({"message": {"codecs": ["json"]}}, "invalid crypto client random length 0, want 32"),
        (
            {
                "message": {"codecs": ["json"]},
                "crypto": {"clientRandom": "AAAA" * 10 + "AAA=", "algorithms": ["rot13"]},
            },
            "no supported crypto algorithm",
        ),
    ],
)
def test_a_hello_that_is_refused(hello: dict[str, Any], error: str) -> None:
    """The client is told, in a hello, and its own reading of it is the same text."""
    payload = json.dumps({"capabilities": hello}).encode()
    opening = opening_of(MAGIC[0])
    with pytest.raises(RemoteProtocolError, match=f"^{error}$"):
        opening.receive_data(MAGIC + encode_frame(CLIENT_HELLO, payload) + V2.encode(LOGIN))
    answer = opening.data_to_send()
    told = json.loads(answer[8:])
    assert told == {"selected": {"message": {"codec": "json"}, "crypto": {}}, "error": error}
    with pytest.raises(RemoteProtocolError, match=f"^{error}$"):
        LoginV2(Bootstrap()).receive_data(answer)


@pytest.mark.parametrize(
    "wire",
    [
        b"FRP\0\2\r\r",  # not the magic
        b"FOO",
        MAGIC + MAGIC + b"\0",
        MAGIC + encode_frame(SERVER_HELLO, b"{}"),
        MAGIC + encode_frame(CLIENT_HELLO, b"nonsense"),
        b"x",
        b"o" + b"\xff" * 8,
    ],
)
def test_what_is_no_opening_gets_no_answer(wire: bytes) -> None:
    for cuts in ([], list(range(len(wire)))):
        opening = opening_of(wire[0])
        with pytest.raises(RemoteProtocolError):
            any(opening.receive_data(chunk) for chunk in chunks(wire, cuts) if chunk)
        assert opening.data_to_send() == b""


def test_a_server_that_answers_without_a_hello() -> None:
    with pytest.raises(RemoteProtocolError, match="without a hello"):
        LoginV2(Bootstrap()).receive_data(V2.encode(REPLY))


def test_a_server_that_speaks_version_1_only() -> None:
    """It hangs up on the magic; one that answers in version 1 is no partner either."""
    with pytest.raises(RemoteProtocolError, match="unexpected frame type"):
        LoginV2(Bootstrap()).receive_data(V1.encode(REPLY))


def test_the_hello_a_client_sends() -> None:
    sent = LoginV2(Bootstrap(transport="websocket", tls=True, tcp_mux=True)).first_bytes(LOGIN)
    assert sent.startswith(MAGIC + CLIENT_HELLO.to_bytes(2, "big") + b"\0\0")
    size = int.from_bytes(sent[11:15], "big")
    hello = json.loads(sent[15 : 15 + size])
    assert hello["bootstrap"] == {"transport": "websocket", "tls": True, "tcpMux": True}
    assert hello["capabilities"]["crypto"]["algorithms"] == ["aes-256-gcm", "xchacha20-poly1305"]
    assert encode_body(decode_body(ClientHello, sent[15 : 15 + size])) == sent[15 : 15 + size]

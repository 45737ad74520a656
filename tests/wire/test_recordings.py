"""Whole sessions recorded between two reference programs, decoded layer by layer."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from aiofrp.wire.frp.auth import derive_key, matches, token_digest
from aiofrp.wire.frp.codec import V1, Codec, MessageDecoder
from aiofrp.wire.frp.codec2 import CLIENT_HELLO, SERVER_HELLO, V2, DecoderV2
from aiofrp.wire.frp.hello import ClientHello, accept_server_hello
from aiofrp.wire.frp.jsonbody import decode_body, encode_body
from aiofrp.wire.frp.messages import Login, Message, NewVisitorConn
from aiofrp.wire.transforms.aead import AeadStream, control_keys, transcript_hash
from aiofrp.wire.transforms.aescfb import AesCfb
from aiofrp.wire.transforms.base import Transform
from aiofrp.wire.transforms.snappy import Snappy
from tests.wire.vectors import FOLDER, load

Pair = tuple[bytes, bytes]  # client to server, server to client
SESSIONS = sorted(path.stem for path in FOLDER.glob("session_v*.json"))
CASES = [case for case in load("error_replies")["cases"] if case["decoded"]]


def streams(events: list[dict[str, Any]], tcp_mux: bool) -> dict[tuple[int, int], Pair]:
    """Bytes by (connection, yamux stream or 0) and direction."""
    collected: dict[tuple[int, int, str], bytes] = defaultdict(bytes)
    for event in events:
        if event["event"] == "data":
            collected[event["conn"], 0, event["dir"]] += bytes.fromhex(event["hex"])
    if tcp_mux:
        for (conn, _, direction), data in list(collected.items()):
            for stream, payload in yamux_payloads(data):
                collected[conn, stream, direction] += payload
    keys = {(conn, stream) for conn, stream, _ in collected}
    return {key: (collected[*key, "c2s"], collected[*key, "s2c"]) for key in keys}


def yamux_payloads(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        stream, length = int.from_bytes(data[4:8], "big"), int.from_bytes(data[8:12], "big")
        end = 12 + length if data[1] == 0 else 12
        yield stream, data[12:end]
        data = data[end:]


def shown(message: Message | None) -> dict[str, Any] | None:
    if message is None:
        return None
    return {"type": type(message).__name__, "body": json.loads(encode_body(message))}


def first_decoder(codec: Codec, hello: int) -> MessageDecoder:
    return codec.decoder() if codec is V1 else DecoderV2(hello)


def rests(session: dict[str, Any], entry: dict[str, Any], codec: Codec, wire: Pair) -> Iterator[bytes]:
    """Check the first message each way; the bytes that follow, still with their layers."""
    assert wire[0].startswith(codec.preamble)
    received = (wire[0][len(codec.preamble) :], wire[1])
    decoders = first_decoder(codec, CLIENT_HELLO), first_decoder(codec, SERVER_HELLO)
    for name, decoder, data in zip(("first", "answer"), decoders, received, strict=True):
        message = decoder.receive_one(data)
        assert shown(message) == entry.get(name)
        if isinstance(message, Login) and session["token"] != "bad-token":
            assert matches(message.privilege_key, token_digest(session["token"], message.timestamp))
        if isinstance(message, NewVisitorConn):
            assert matches(message.sign_key, token_digest(session["secret_key"], message.timestamp))
    if "client_hello" in entry:
        check_hellos(entry, decoders)
    return (decoder.leftover() for decoder in decoders)


def check_hellos(entry: dict[str, Any], decoders: tuple[MessageDecoder, ...]) -> None:
    payloads = [decoder.hello for decoder in decoders if isinstance(decoder, DecoderV2)]
    assert payloads == [entry["client_hello"].encode(), entry["server_hello"].encode()]
    sent = decode_body(ClientHello, entry["client_hello"].encode())
    assert accept_server_hello(sent, entry["server_hello"].encode()) == entry["algorithm"]


def layers(session: dict[str, Any], entry: dict[str, Any], direction: str) -> list[Transform]:
    """What the receiver of ``direction`` undoes, from the wire inwards."""
    if "algorithm" in entry:
        up, down = keys(session, entry)
        return [AeadStream(entry["algorithm"], *((up, down) if direction == "s2c" else (down, up)))]
    if entry["role"] == "control":
        return [AesCfb(derive_key(session["token"]))]
    secret = session["secret_key"] if entry["role"] == "visitor" else session["token"]
    return [AesCfb(derive_key(secret)), Snappy()] if session["layered"] else []


def keys(session: dict[str, Any], entry: dict[str, Any]) -> tuple[bytes, bytes]:
    transcript = transcript_hash(entry["client_hello"].encode(), entry["server_hello"].encode())
    assert transcript.hex() == entry["transcript_hash"]
    up, down = control_keys(session["token"], entry["algorithm"], transcript)
    assert (up.hex(), down.hex()) == (entry["key_c2s"], entry["key_s2c"])
    return up, down


def check_connection(session: dict[str, Any], entry: dict[str, Any], wire: Pair) -> None:
    codec = V2 if session.get("wire_protocol") == "v2" else V1
    up, down = rests(session, entry, codec, wire)
    if "role" not in entry or "answer" not in entry:
        assert up == down == b""
        return
    for direction, data in (("c2s", up), ("s2c", down)):
        for layer in layers(session, entry, direction):
            data = layer.decode(data)
        if f"{direction}_payload_hex" in entry:
            assert data.hex() == entry[f"{direction}_payload_hex"]
        else:
            messages = [shown(message) for message in codec.decoder().receive_data(data)]
            assert messages == entry[f"{direction}_messages"]


@pytest.mark.parametrize("name", SESSIONS)
def test_session(name: str) -> None:
    session = load(name)
    options = session.get("proxy", {}).get("options", "")
    session["layered"] = "useEncryption=true" in options or name == "session_v1_stcp"
    for events, entries in session["decoded"].items():
        wires = streams(session[events], session["tcp_mux"])
        checked = [entry for entry in entries if "first" in entry]
        assert checked
        for entry in checked:
            check_connection(session, entry, wires[entry["conn"], entry.get("stream", 0)])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_error_reply(case: dict[str, Any]) -> None:
    case["layered"] = False
    wires = streams(case["events"], tcp_mux=False)
    for entry in case["decoded"]:
        check_connection(case, entry, wires[entry["conn"], 0])

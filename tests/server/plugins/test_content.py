"""What plugins are asked, byte for byte as recorded, and how their answers are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aiofrp.errors import RemoteProtocolError
from aiofrp.host.user import UserInfo
from aiofrp.server.hooks import ClientInfo, Op
from aiofrp.server.plugins.content import (
    MESSAGES,
    Content,
    decode_answer,
    encode_request,
    of_client,
    of_login,
    user_conn,
)
from aiofrp.wire.frp.messages import ClientSpec, CloseProxy, Login, NewProxy, NewWorkConn, Ping

VECTORS = Path(__file__).parents[2] / "vectors" / "api"


def recorded(name: str) -> bytes:
    """The body of a request that frp sent to a plugin."""
    return (VECTORS / f"plugin_{name}.txt").read_bytes().partition(b"\n\n")[2].strip()


def alice(run_id: str = "97114302f6a73d7b") -> ClientInfo:
    return ClientInfo("alice", {"env": "lab"}, run_id)


LOGIN = Login(
    version="0.70.1",
    hostname="vm",
    os="linux",
    arch="amd64",
    user="alice",
    privilege_key="94b02d0123761261db75d5458df84dae",
    timestamp=1795312562,
    client_id="laptop",
    metas={"env": "lab"},
    pool_count=2,
)
PROXY = NewProxy(
    proxy_name="alice.p-http",
    proxy_type="http",
    use_encryption=True,
    use_compression=True,
    bandwidth_limit="1MB",
    bandwidth_limit_mode="server",
    custom_domains=("web.test", "*.wild.test"),
    subdomain="sub",
    locations=("/", "/api"),
    http_user="u1",
    http_pwd="pw1",
    host_header_rewrite="rewritten.local",
    headers={"x-from-where": "frp"},
    response_headers={"x-resp": "rv"},
)


@pytest.mark.parametrize(
    ("name", "op", "content"),
    [
        ("Login", Op.LOGIN, of_login(LOGIN, "127.0.0.1:38708")),
        ("NewProxy", Op.NEW_PROXY, of_client(PROXY, alice())),
        (
            "NewProxy_tcp",
            Op.NEW_PROXY,
            of_client(
                NewProxy(
                    proxy_name="alice.p-tcp-g1",
                    proxy_type="tcp",
                    group="grp",
                    group_key="gk",
                    remote_port=16010,
                ),
                alice(),
            ),
        ),
        (
            "CloseProxy",
            Op.CLOSE_PROXY,
            of_client(CloseProxy(proxy_name="alice.p-http"), alice()),
        ),
        ("Ping", Op.PING, of_client(Ping(), alice())),
        (
            "NewWorkConn",
            Op.NEW_WORK_CONN,
            of_client(NewWorkConn(run_id="97114302f6a73d7b"), alice()),
        ),
        (
            "NewUserConn",
            Op.NEW_USER_CONN,
            of_client(
                user_conn(UserInfo("alice.p-tcp", "tcp", ("127.0.0.1", 37598))), alice("e9d9d0c4795a136e")
            ),
        ),
    ],
)
def test_a_request_is_written_as_recorded(name: str, op: Op, content: Content[Any]) -> None:
    assert encode_request(op, content) == recorded(name)
    assert type(content.message) is MESSAGES[op]


@pytest.mark.parametrize("path", sorted(VECTORS.glob("plugin_*.txt")), ids=lambda path: path.stem)
def test_a_recorded_content_is_read_and_written_the_same(path: Path) -> None:
    body = recorded(path.stem.removeprefix("plugin_"))
    request = json.loads(body)
    answer = decode_answer(MESSAGES[Op(request["op"])], json.dumps({"content": request["content"]}).encode())
    assert answer.content is not None
    assert encode_request(Op(request["op"]), answer.content) == body


def test_an_empty_client_and_user_are_written_in_full() -> None:
    body = encode_request(
        Op.NEW_USER_CONN, of_client(user_conn(UserInfo("p", "stcp", ("", 0))), ClientInfo("", {}, "r"))
    )
    assert body.endswith(
        b'{"user":{"user":"","metas":null,"run_id":"r"},"proxy_name":"p","proxy_type":"stcp","remote_addr":"pipe"}}'
    )
    body = encode_request(Op.LOGIN, of_login(Login(metas={"b": "<&>", "a": "1"}), "[::1]:7"))
    assert body.endswith(
        b'{"metas":{"a":"1","b":"\\u003c\\u0026\\u003e"},"client_spec":{},"client_address":"[::1]:7"}}'
    )


def test_what_plugins_cannot_see_of_a_login_stays() -> None:
    before = Login(user="a", max_message=65507)
    content = of_login(before, "127.0.0.1:1")
    assert b"aiofrp" not in encode_request(Op.LOGIN, content)
    answer = decode_answer(Login, b'{"content":{"user":"b","aiofrp_max_message":1}}')
    assert answer.content is not None
    assert answer.content.message.user == "b"


# Answers


def decided(body: str) -> tuple[bool, str, Any]:
    answer = decode_answer(NewProxy, body.encode())
    content = answer.content
    return answer.reject, answer.reason, None if content is None else content.message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"reject":false,"unchange":true}', (False, "", None)),
        ('{"unchange":true,"content":null}', (False, "", None)),
        ('{"unchange":true,"content":{"remote_port":5}}', (False, "", None)),
        ('{"reject":true,"reject_reason":"no"}', (True, "no", None)),
        ('{"reject":true,"content":null}', (True, "", None)),
        ('{"REJECT":true,"Reject_Reason":"no","more":[1]}', (True, "no", None)),
        ('{"reject":null,"reject_reason":null,"unchange":null,"content":{}}', (False, "", NewProxy())),
        ("{}", (False, "", NewProxy())),
        ("null", (False, "", NewProxy())),
        (
            '{"content":{"Remote_Port":5,"PROXY_NAME":"x","x":1}}',
            (False, "", NewProxy(proxy_name="x", remote_port=5)),
        ),
        (
            '{"content":{"user":{"USER":"u","metas":null},"metas":null,"custom_domains":["a",null]}}',
            (False, "", NewProxy(custom_domains=("a", ""))),
        ),
        ('{"reject":false,"reject":true}', (True, "", None)),
        ('{"reject":true,"Reject":false,"unchange":true}', (False, "", None)),
    ],
)
def test_an_answer_is_read_as_the_reference_reads_it(body: str, expected: object) -> None:
    assert decided(body) == expected


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        ("", "line 1 column 1"),
        ("no", "line 1 column 1"),
        ("[]", "no JSON object"),
        ('"x"', "no JSON object"),
        ('{"reject":false,"unchange":true} x', "Extra data"),
        ('{"content":null}', "the content of the answer is null"),
        ('{"content":[]}', "NewProxy: Expected `object`"),
        ('{"content":"x"}', "NewProxy: Expected `object`"),
        ('{"reject":"true"}', "Expected `bool`, got `str`"),
        ('{"reject":1}', "Expected `bool`"),
        ('{"unchange":true,"content":{"remote_port":"5"}}', "remote_port"),
        ('{"reject":true,"content":{"remote_port":1.5}}', "remote_port"),
        ('{"content":{"remote_port":1e99}}', "remote_port"),
        ('{"content":{"custom_domains":"a"}}', "custom_domains"),
        ('{"content":{"metas":{"a":1}}}', "metas"),
        ('{"content":{"user":5}}', "user"),
        ('{"content":{"remote_port":NaN}}', "NaN"),
        ('{"content":' + "[" * 100_000, "nested too deeply"),
        ('{"content":{"headers":' + '{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_a_wrong_answer_is_refused_with_the_cause(body: str, cause: str) -> None:
    with pytest.raises(RemoteProtocolError, match=cause):
        decided(body)


def test_text_that_is_no_utf8_loses_the_bad_characters() -> None:
    answer = decode_answer(NewProxy, b'{"content":{"proxy_name":"a\xff"}}')
    assert answer.content is not None
    assert answer.content.message.proxy_name == "a\ufffd"
    spec = decode_answer(Login, b'{"content":{"client_spec":{"Type":"x","always_auth_pass":true}}}')
    assert spec.content is not None
    assert spec.content.message.client_spec == ClientSpec(type="x", always_auth_pass=True)

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from aiofrp.config.golang.jsonnumber import JsonFloat
from aiofrp.config.models.types import (
    Bandwidth,
    Bool,
    Int,
    Int64,
    Secret,
    Str,
    WrongValue,
    kind,
    parse_ports,
)
from aiofrp.config.models.values import Wrong, read, shape_of
from aiofrp.errors import ConfigError
from tests.config.batch import every


def checked(annotation: Any, value: Any) -> Any:
    """What a field with this type takes for ``value``. Raises :class:`WrongValue` if it takes nothing."""
    wrongs: list[Wrong] = []
    taken = read(shape_of(annotation), value, (), wrongs)
    for wrong in wrongs:
        raise WrongValue(wrong.text, got=wrong.got or kind(value), want=wrong.want)
    return taken


# Numbers


@pytest.mark.parametrize(
    ("value", "number"), [(7, 7), (7.0, 7), (-0.0, 0), (2**63 - 1, 2**63 - 1), (-(2**63), -(2**63))]
)
def test_whole_numbers(value: Any, number: int) -> None:
    result = checked(Int, value)
    assert (result, type(result)) == (number, int)


@every(
    [
        ("7", "string"),
        (True, "bool"),
        (7.5, "number 7.5"),
        (2**63, "number 9223372036854775808"),
        (1e30, "number 1e+30"),
        (JsonFloat("7.0"), "number 7.0"),
        ([], "array"),
        ({}, "object"),
    ]
)
def test_no_whole_numbers(value: Any, got: str) -> None:
    with pytest.raises(WrongValue) as caught:
        checked(Int64, value)
    assert str(caught.value) == f"cannot unmarshal {got} into int64"


@pytest.mark.parametrize(("type_", "value"), [(Bool, 1), (Bool, "true"), (Str, 1), (Str, None), (Bool, None)])
def test_nothing_is_converted(type_: Any, value: Any) -> None:
    with pytest.raises(WrongValue):
        checked(type_, value)


def test_kinds() -> None:
    values: list[Any] = [None, True, "", 1, 1.5, {}, []]
    assert [kind(value) for value in values] == [
        "null", "bool", "string", "number", "number", "object", "array",
    ]  # fmt: skip


# Secrets


def test_secrets_do_not_print() -> None:
    secret = Secret("hunter2")
    printed = [f"{secret} {secret!r} {secret:>10}", str(secret), repr(secret), str([secret]), format(secret)]
    assert "hunter2" not in "".join(printed)
    assert str(secret) == "***"


def test_secrets_are_texts() -> None:
    secret = Secret("hunter2")
    assert secret == "hunter2"
    assert secret.encode() == b"hunter2"
    assert (secret.reveal(), type(secret.reveal())) == ("hunter2", str)
    assert json.dumps(secret) == '"hunter2"'


def test_an_empty_secret_shows_that_it_is() -> None:
    assert (str(Secret()), repr(Secret()), bool(Secret())) == ("", "''", False)


def test_secrets_are_made_from_texts_only() -> None:
    made = checked(Secret, "x")
    assert type(made) is Secret
    with pytest.raises(WrongValue):
        checked(Secret, 5)


# Bandwidth


@every(
    [
        ("", "", 0),
        (" 1MB ", "1MB", 1048576),
        ("100KB", "100KB", 102400),
        ("1.5MB", "1.5MB", 1572864),
        ("1e1KB", "1e1KB", 10240),
        ("0.0001KB", "0.0001KB", 0),
        ("-1KB", "-1KB", -1024),
        ("1e300MB", "1e300MB", 2**63 - 1),
        ("nanKB", "nanKB", 0),
    ]
)
def test_bandwidth(text: str, kept: str, rate: int) -> None:
    limit = Bandwidth.parse(text)
    assert (limit.text, limit.bytes, bool(limit)) == (kept, rate, bool(kept))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1mb", "unit not support"),
        ("100", "unit not support"),
        ("xMB", 'strconv.ParseFloat: parsing "x": invalid syntax'),
        ("1 MB", 'strconv.ParseFloat: parsing "1 ": invalid syntax'),
        ("KB", 'strconv.ParseFloat: parsing "": invalid syntax'),
    ],
)
def test_no_bandwidth(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        Bandwidth.parse(text)


def test_bandwidth_in_a_model() -> None:
    assert checked(Bandwidth, "1KB") == Bandwidth("1KB", 1024)
    assert checked(Bandwidth, Bandwidth("1KB", 1024)).bytes == 1024
    wrongs: list[Any] = [5, "1"]
    for wrong in wrongs:
        with pytest.raises(WrongValue):
            checked(Bandwidth, wrong)


# Ports


def test_ports() -> None:
    assert parse_ports(" 1-2,5 , 7 - 9") == ((1, 2), (5, 5), (7, 9))


@pytest.mark.parametrize("text", ["", "a", "1-", "2-1", "1-2-3", "1,,2", "-1"])
def test_no_ports(text: str) -> None:
    with pytest.raises(ConfigError, match="range number is invalid"):
        parse_ports(text)

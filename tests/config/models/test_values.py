from __future__ import annotations

from typing import Annotated, Any

import pytest

from aiofrp.config.models.shared import HttpHeader
from aiofrp.config.models.types import Bool, Int, Secret, Str, StrList, StrMap, Want
from aiofrp.config.models.values import Shape, Table, Wrong, read, shape_of


def test_the_shapes_of_annotations() -> None:
    assert shape_of(Int) == Shape("scalar", int, "int")
    assert shape_of(Bool | None) == Shape("scalar", bool, "bool", nullable=True)
    assert shape_of(Secret) == Shape("scalar", Secret, "string")
    assert shape_of(StrList) == Shape("list", tuple, "[]string", Shape("scalar", str, "string"))
    assert shape_of(StrMap).element == Shape("scalar", str, "string")
    assert shape_of(HttpHeader) == Shape("table", HttpHeader, "v1.HTTPHeader")
    headers = shape_of(Annotated[tuple[HttpHeader, ...], Want("[]v1.Other")])
    assert headers == Shape("list", tuple, "[]v1.Other", Shape("table", HttpHeader, "v1.Other"))


@pytest.mark.parametrize(
    ("annotation", "value", "taken"),
    [
        (StrList, ["a", "b"], ("a", "b")),
        (StrMap, {"a": "b"}, {"a": "b"}),
        (Int | None, None, None),
        (HttpHeader, {"name": "n", "value": "v"}, HttpHeader(name="n", value="v")),
        (HttpHeader, HttpHeader(name="n"), HttpHeader(name="n")),
        (tuple[HttpHeader, ...], [{}], (HttpHeader(),)),
    ],
)
def test_values_that_fit(annotation: Any, value: Any, taken: Any) -> None:
    wrongs: list[Wrong] = []
    assert read(shape_of(annotation), value, ("at",), wrongs) == taken
    assert not wrongs


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        (StrList, "a", "at: cannot unmarshal string into []string"),
        (StrList, ["a", 5], "at.1: cannot unmarshal number into string"),
        (StrMap, [], "at: cannot unmarshal array into map[string]string"),
        (StrMap, {5: "a"}, "at: cannot unmarshal object into map[string]string"),
        (Str, None, "at: cannot unmarshal null into string"),
        (HttpHeader, "x", "at: cannot unmarshal string into v1.HTTPHeader"),
        (HttpHeader, {"name": True}, "at.name: cannot unmarshal bool into string"),
        (HttpHeader, {"nmae": ""}, "at.nmae: unknown key"),
    ],
)
def test_values_that_do_not_fit(annotation: Any, value: Any, text: str) -> None:
    wrongs: list[Wrong] = []
    assert read(shape_of(annotation), value, ("at",), wrongs) is None or len(wrongs) == 1
    assert [str(wrong) for wrong in wrongs] == [text]


def test_all_that_is_wrong_in_a_list_of_tables_is_named() -> None:
    wrongs: list[Wrong] = []
    read(shape_of(tuple[HttpHeader, ...]), [{"name": 1}, {}, {"value": []}], (), wrongs)
    assert [wrong.path for wrong in wrongs] == [(0, "name"), (2, "value")]


def test_a_table_that_says_nothing_cannot_be_read() -> None:
    with pytest.raises(NotImplementedError):
        Table.read({}, (), [])

"""The types of configuration values in a simple form, and the check that a value has its type.

The forms are used for decoding, the JSON Schema and the TOML writer as well.
"""

from __future__ import annotations

from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Final, Literal, Self, Union, get_args, get_origin

from msgspec import Struct

from aiofrp.config.models.types import Bandwidth, Secret, Want, WrongValue, kind, text, truth, whole

Path = tuple[str | int, ...]


class Shape(Struct, frozen=True):
    """The type of a value in a configuration file."""

    kind: Literal["table", "list", "map", "scalar"]
    type: type  #: the model of a table, the Python type of any other value
    want: str  #: the reference's name of the type, part of its error texts
    item: Shape | None = None  #: the shape of the items of a list or a map
    nullable: bool = False  #: ``None`` is a value, too

    @property
    def element(self) -> Shape:
        """The shape of the items of a list or a map; only for those."""
        assert self.item is not None
        return self.item


class Wrong(Struct, frozen=True):
    """One value of a table that is not what its field takes, or a key that the table does not have."""

    path: Path  #: the keys and indices that lead to it
    value: Any
    text: str = ""  #: what is wrong; empty for a wrong type
    got: str = ""  #: the reference's name of the type of the value, where it is not that of :func:`kind`
    want: str = ""  #: that of the wanted type, where it is not that of the shape

    def __str__(self) -> str:
        where = ".".join(map(str, self.path))
        return f"{where}: {self.text or f'cannot unmarshal {self.got or kind(self.value)} into {self.want}'}"


class Table:
    """What is known here of a model: it can be read from a dictionary."""

    __slots__ = ()

    #: The reference's name of the type: part of the paths in its error texts where it embeds one in another.
    reference_name: ClassVar[str] = ""

    @classmethod
    def read(cls, tree: dict[str, Any], path: Path, wrongs: list[Wrong]) -> Self | None:
        """The model that ``tree`` describes; ``None`` after adding to ``wrongs`` what is wrong in it. ``path`` leads to
        the table."""
        raise NotImplementedError


def shape_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    """The shape of the values that a field with this annotation takes."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return shape_of(inner, (*more, *metadata))
    if get_origin(annotation) in (Union, UnionType):
        (inner,) = (arm for arm in get_args(annotation) if arm is not NoneType)
        form = shape_of(inner, metadata)
        return Shape(form.kind, form.type, form.want, form.item, nullable=True)
    wants = [mark.name for mark in metadata if isinstance(mark, Want)]
    return _container(annotation, wants[-1] if wants else "")


def _container(annotation: Any, want: str) -> Shape:
    origin, arms = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return Shape("list", tuple, want, _renamed(shape_of(arms[0]), want.removeprefix("[]")))
    if origin is dict:
        return Shape("map", dict, want, shape_of(arms[1]))
    if issubclass(annotation, Table):
        return Shape("table", annotation, want or f"v1.{annotation.reference_name or annotation.__name__}")
    return Shape("scalar", annotation, want or "string")


def _renamed(shape: Shape, want: str) -> Shape:
    return Shape(shape.kind, shape.type, want or shape.want, shape.item)


# The check


def read(shape: Shape, value: Any, path: Path, wrongs: list[Wrong]) -> Any:
    """The value of a field with this shape; what is wrong with it is added to ``wrongs``. ``path`` leads to it."""
    if value is None and shape.nullable:
        return None
    try:
        return _READERS[shape.kind](shape, value, path, wrongs)
    except WrongValue as error:
        wrongs.append(Wrong(path, value, error.text, error.got, error.want or shape.want))
        return None


def _table(shape: Shape, value: Any, path: Path, wrongs: list[Wrong]) -> Any:
    if isinstance(value, shape.type):
        return value
    if not isinstance(value, dict):
        raise WrongValue
    return shape.type.read(value, path, wrongs)  # type: ignore[attr-defined]  # it is a Table


def _list(shape: Shape, value: Any, path: Path, wrongs: list[Wrong]) -> Any:
    if not isinstance(value, list | tuple):
        raise WrongValue
    item = shape.element
    return tuple(read(item, each, (*path, index), wrongs) for index, each in enumerate(value))


def _map(shape: Shape, value: Any, path: Path, wrongs: list[Wrong]) -> Any:
    if not isinstance(value, dict):
        raise WrongValue
    item = shape.element
    return {text(key): read(item, each, (*path, key), wrongs) for key, each in value.items()}


def _scalar(shape: Shape, value: Any, _path: Path, _wrongs: list[Wrong]) -> Any:
    return _SCALARS[shape.type](value)


_READERS: Final[dict[str, Callable[[Shape, Any, Path, list[Wrong]], Any]]] = {
    "table": _table,
    "list": _list,
    "map": _map,
    "scalar": _scalar,
}
_SCALARS: Final[dict[type, Callable[[Any], Any]]] = {
    int: whole,
    str: text,
    bool: truth,
    Secret: Secret.read,
    Bandwidth: Bandwidth.read,
}

"""Marks for mypyc, which compiles the modules that ``hatch_compile.py`` names from the same source that runs as Python
elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr as mypyc_attr
else:
    _T = TypeVar("_T")

    def mypyc_attr(**_: bool) -> Callable[[_T], _T]:
        """A mark for the compiler. ``allow_interpreted_subclasses``: classes that are not compiled may inherit from
        this one."""
        return lambda marked: marked

"""Templates: the part of Go's ``text/template`` that configuration files use.

:func:`render` is the whole of it. A lexer, a parser and an evaluator make it up. They read no files and
no environment, and know nothing of frp. A construct outside the supported part is refused by
name, never rendered differently. No library for Python reads this language, so it is written by hand.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiofrp.config.golang.literals import to_bytes
from aiofrp.config.golang.template.errors import TemplateError
from aiofrp.config.golang.template.evaluate import execute
from aiofrp.config.golang.template.functions import Function
from aiofrp.config.golang.template.syntax.parse import parse_text
from aiofrp.config.golang.template.values import Struct

__all__ = ["TemplateError", "render"]


def render(name: str, text: str, functions: Mapping[str, Function], root: Struct) -> str:
    """The text that the template ``text`` makes of ``root``, its ``$``; it may call ``functions``.

    ``name`` stands for the template in error messages. Raises :exc:`TemplateError`. Bytes that are not
    UTF-8 may be given as surrogate escapes and come out as such.
    """
    try:
        to_bytes(text)
    except UnicodeEncodeError:
        raise TemplateError(f"template: {name}: text is not Unicode") from None
    return execute(parse_text(name, text, functions), functions, root)

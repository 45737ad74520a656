"""Templates in configuration files: the part of Go's ``text/template`` that frp users write.

:func:`render` is the whole of it. Below are a lexer, a parser and an evaluator; none of them reads files or
the environment. A construct outside the supported part is refused by name, never rendered differently.
"""

from __future__ import annotations

from collections.abc import Mapping

from aiofrp.config.literals import to_bytes
from aiofrp.config.template.errors import TemplateError
from aiofrp.config.template.evaluate import execute
from aiofrp.config.template.functions import BUILTINS, NUMBER_RANGES
from aiofrp.config.template.parse import parse_text
from aiofrp.config.template.values import Environment, Root

__all__ = ["TemplateError", "render"]


def render(text: str, envs: Mapping[str, str], *, number_ranges: bool = True) -> str:
    """Render a configuration file's text.

    ``envs`` is what ``.Envs`` holds. ``number_ranges`` offers ``parseNumberRange`` and
    ``parseNumberRangePair``, which INI files do not have. Raises :exc:`TemplateError`. Bytes that are not
    UTF-8 may be given as surrogate escapes and come out as such.
    """
    try:
        to_bytes(text)
    except UnicodeEncodeError:
        raise TemplateError("template: frp: text is not Unicode") from None
    functions = {**BUILTINS, **NUMBER_RANGES} if number_ranges else BUILTINS
    root = Root(Environment.of(envs), "*config.Values" if number_ranges else "*legacy.Values")
    return execute(parse_text(text, functions), functions, root)

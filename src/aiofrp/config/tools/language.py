"""Titles and descriptions of configuration fields in other languages than English.

A language is the file ``texts.LANGUAGE.json`` beside the models: the English titles and sentences of the declarations,
each with its translation. What a file does not have, such as the texts of a new type, is shown in English.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final

#: The languages that there are, besides English.
LANGUAGES: Final = ("zh",)

#: A name in a sentence: sentences that differ in one name share a translation, in which ``*`` stands for it.
_NAME: Final = re.compile(r"(?<=`)[^`]+(?=`)")
_SHOWN: Final = ("title", "description", "x-group")


@cache
def texts(language: str) -> dict[str, str]:
    """The translations into one of :data:`LANGUAGES`, by the English text."""
    file = files("aiofrp.config.models").joinpath(f"texts.{language}.json")
    read = json.loads(file.read_text(encoding="utf-8"))
    return {**read["titles"], **read["sentences"]}


def translated(schema: Any, language: str) -> Any:
    """``schema`` (JSON Schema) with its titles, descriptions and groups in ``language``."""
    if isinstance(schema, list):
        return [translated(item, language) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: translated(value, language) for key, value in schema.items()}
    for key in _SHOWN:
        if isinstance(made.get(key), str):
            made[key] = _translation(made[key], language) or made[key]
    return made


def untranslated(schema: Any, language: str) -> Iterator[str]:
    """The titles, descriptions and groups in ``schema`` that have no translation."""
    if isinstance(schema, list):
        for item in schema:
            yield from untranslated(item, language)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key in _SHOWN and isinstance(value, str):
                if not _translation(value, language):
                    yield value
            else:
                yield from untranslated(value, language)


def _translation(text: str, language: str) -> str:
    """The translation of ``text``; empty where there is none."""
    if text.islower() and text.isalnum():
        return text  # the name of a type, which is the same everywhere
    known = texts(language)
    if text in known:
        return known[text]
    names = _NAME.findall(text)
    found = known.get(_NAME.sub("*", text), "") if len(names) == 1 else ""
    return found.replace("*", names[0]) if found else ""

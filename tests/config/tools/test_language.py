"""Titles and descriptions of fields in other languages: which there are, and English where there is none."""

from __future__ import annotations

import pytest

from aiofrp.config.tools.forms import forms
from aiofrp.config.tools.language import LANGUAGES, texts, translated, untranslated


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_field_of_a_form_is_translated(language: str) -> None:
    missing = sorted(set(untranslated(forms(), language)))
    assert not missing, (
        f"config/models/texts.{language}.json has no translation of these titles and sentences; what nobody can"
        f" translate now may stand there in English: {missing}"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_left_over(language: str) -> None:
    marked = translated(forms(), language)
    english = str(forms())
    for text, shown in texts(language).items():
        parts = text.split("*") if "`*`" in text and text not in english else [text]
        assert all(part in english for part in parts), f"nothing has the text {text!r} any more"
        assert shown.count("`") == text.count("`"), text
    assert marked != forms()


def test_texts_without_a_translation_stay() -> None:
    schema = {
        "title": "Quite new",
        "properties": {"localPort": {"title": "Local port", "default": "Local port"}},
    }
    assert translated(schema, "zh") == {
        "title": "Quite new",
        "properties": {"localPort": {"title": "本地端口", "default": "Local port"}},
    }
    assert list(untranslated(schema, "zh")) == ["Quite new"]
    assert translated({"description": "Kind of the proxy: `new`."}, "zh") == {
        "description": "代理类型：`new`。"
    }

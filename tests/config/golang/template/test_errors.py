"""Messages are no longer than a reader."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template import TemplateError
from aiofrp.config.load.template import render


def test_messages_stay_short() -> None:
    with pytest.raises(TemplateError) as caught:
        render("{{ " + "x" * 1_000_000 + " }}", {})
    assert len(str(caught.value)) < 1100


def test_an_error_never_shows_the_whole_environment() -> None:
    with pytest.raises(TemplateError) as caught:
        render("{{ range . }}{{ end }}", {f"V{i}": "secret" for i in range(1000)})
    assert len(str(caught.value)) < 400

"""Whatever the text is: a result or a TemplateError, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiofrp.config.golang.template import TemplateError
from aiofrp.config.load.template import render

PIECES = """
{{ }} {{-_ _-}} {{/* */}} {{if_ {{else}} {{else_if_ {{end}} {{range_ {{with_ {{define_"a"}} {{template_"a"_
{{block_"b"_ {{break}} {{continue}} .Envs.A . $ $x _:=_ _=_ ,_ _|_ ( ) "%d_%5.2f" `r` 'c' 1 0x1f -2.5 true nil
print_ printf_ len_ index_ slice_ eq_ lt_ and_ html_ parseNumberRange_"1-3" parseNumberRangePair_"1-2"_"3-4"
text é \\ "
"""
MIX = st.lists(
    st.sampled_from([*(piece.replace("_", " ") for piece in PIECES.split()), " ", "\n", "\udcff", "\x00"]),
    max_size=25,
).map("".join)


def problem(text: str, envs: dict[str, str]) -> TemplateError | None:
    try:
        render(text, envs)
    except TemplateError as error:
        return error
    return None


@given(MIX)
def test_any_mix_of_pieces(text: str) -> None:
    error = problem(text, {"A": "a\udce9", "B": "\ud800"})
    assert error is None or str(error).startswith("template: frp:")


@given(st.text(st.characters(exclude_categories=())))
def test_any_text(text: str) -> None:
    try:
        result = render(text, {})
    except TemplateError:
        return
    assert "{{" in text or result.encode("utf-8", "surrogateescape") == text.encode(
        "utf-8", "surrogateescape"
    )


@given(st.text())
def test_any_action(text: str) -> None:
    error = problem("{{" + text + "}}", {})
    assert error is None or (error.line >= 1 and error.column >= 1)


@given(st.text(st.characters(exclude_characters="{", exclude_categories=["Cs"])))
def test_text_without_actions_stays_as_it_is(text: str) -> None:
    assert render(text, {}) == text


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_variable_is_inserted_as_it_is(value: str) -> None:
    assert render("<{{ .Envs.X }}>", {"X": value}) == f"<{value}>"

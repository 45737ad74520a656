"""What must hold so that the modules in ``hatch_compile.py`` compile and mean the same; scripts/wheel compiles them."""

from __future__ import annotations

import ast
import runpy
from functools import cache
from pathlib import Path

import pytest

from aiofrp.compiled.marks import mypyc_attr

ROOT = Path(__file__).parent.parent.parent
HOOK = runpy.run_path(str(ROOT / "hatch_compile.py"), run_name="hatch_compile")
COMPILED = HOOK["modules"](ROOT / "src")


@cache
def classes() -> list[tuple[str, ast.ClassDef]]:
    """Every class of package and tests with its file, those of the package relative to ``src``."""
    files = {file.relative_to(ROOT / "src").as_posix(): file for file in (ROOT / "src").rglob("*.py")}
    files |= {str(file): file for file in (ROOT / "tests").rglob("*.py")}
    texts = {name: file.read_text(encoding="utf-8") for name, file in files.items()}
    return [
        (name, node)
        for name, text in texts.items()
        if "class " in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ClassDef)
    ]


def bases(node: ast.ClassDef) -> set[str]:
    """As they are written; those with a module's name in front are none of ours."""
    return {ast.unparse(base).partition("[")[0] for base in node.bases}


def test_a_class_that_others_inherit_from_is_marked() -> None:
    inherited = {base for file, node in classes() if file not in COMPILED for base in bases(node)}
    plain = [
        f"{file}: {node.name}"
        for file, node in classes()
        if file in COMPILED and node.name in inherited and "Protocol" not in bases(node)
        if "allow_interpreted_subclasses=True" not in "".join(map(ast.unparse, node.decorator_list))
    ]
    assert not plain, "mark them with @mypyc_attr(allow_interpreted_subclasses=True), or do not compile them"


def test_no_class_between_two_compiled_ones_is_python() -> None:
    """mypyc does not find the attributes of such a class, and ends with an error of its own."""
    ours = {node.name: (file, node) for file, node in classes() if file.startswith("aiofrp/")}

    def ancestors(name: str) -> set[str]:
        direct = bases(ours[name][1]) & set(ours)
        return direct.union(*map(ancestors, direct))

    between = [
        f"{name} > {base}"
        for name, (file, _) in ours.items()
        if file in COMPILED
        for base in ancestors(name)
        if ours[base][0] not in COMPILED and any(ours[above][0] in COMPILED for above in ancestors(base))
    ]
    assert not between, "compile all of them, or not the first"


def test_a_class_inherits_from_one_class_and_protocols() -> None:
    """Two compiled bases cannot be joined, and neither can a compiled one and an enumeration with a constructor."""
    ours = {node.name: node for file, node in classes() if file in COMPILED}
    several = [
        node.name
        for _, node in classes()
        if len([base for base in bases(node) & set(ours) if "Protocol" not in bases(ours[base])]) > 1
    ]
    assert not several


@pytest.mark.parametrize("name", COMPILED)
def test_a_generator_expression_is_not_stepped_by_hand(name: str) -> None:
    """mypyc makes a list of it, which ``next`` refuses."""
    tree = ast.parse((ROOT / "src" / name).read_text(encoding="utf-8"))
    held = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.GeneratorExp)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "next":
            stepped = node.args[0]
            assert not isinstance(stepped, ast.GeneratorExp)
            assert not (isinstance(stepped, ast.Name) and stepped.id in held)


@pytest.mark.parametrize("name", COMPILED)
def test_no_protocol_is_asked_for_at_run_time(name: str) -> None:
    """What mypyc makes of it is no Protocol, which ``typing`` refuses when the module is loaded."""
    assert "runtime_checkable" not in (ROOT / "src" / name).read_text(encoding="utf-8")


#: What changes nothing, however often it is called.
_PURE = {"bisect_left", "len", "line.end", "max", "min", "rest.index"}


@pytest.mark.parametrize("name", COMPILED)
def test_a_bound_of_a_slice_changes_nothing(name: str) -> None:
    """mypyc may work it out twice: for ``bytes`` and for ``memoryview``."""
    tree = ast.parse((ROOT / "src" / name).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Slice):
            calls = [
                call for call in ast.walk(node) if isinstance(call, ast.Call | ast.Await | ast.NamedExpr)
            ]
            assert all(ast.unparse(call).partition("(")[0] in _PURE for call in calls)


def test_the_places_of_log_lines_are_those_of_the_source() -> None:
    places = HOOK["places"](ROOT / "src", COMPILED)
    file, line = places["get a user connection [%s]"]
    assert file == "aiofrp/host/relay.py"
    assert "get a user connection" in (ROOT / "src" / file).read_text(encoding="utf-8").splitlines()[line - 1]


def test_a_text_of_two_files_has_no_place(tmp_path: Path) -> None:
    (tmp_path / "aiofrp").mkdir()
    for name in ("one", "two"):
        (tmp_path / "aiofrp" / f"{name}.py").write_text("log.info('the same text')\n")
    assert HOOK["places"](tmp_path, ["aiofrp/one.py"]) == {}


def test_a_pattern_without_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HOOK["NotCompiled"], match=r"aio\.py"):
        HOOK["modules"](tmp_path)


def test_what_cannot_be_compiled_has_a_reason_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(HOOK["NotCompiled"], match=r"^[^\n]*no file is like [^\n]*$"):
        HOOK["build"](tmp_path / "source", tmp_path / "made")
    assert "no file is like" in (tmp_path / "made" / "log.txt").read_text()


def test_what_was_compiled_from_the_same_source_is_taken_again(tmp_path: Path) -> None:
    source, place = tmp_path / "source", tmp_path / "made"
    source.mkdir()
    (source / "one.py").write_text("1")
    made = place / HOOK["_fingerprint"](source)
    made.mkdir(parents=True)
    assert HOOK["build"](source, place) == made
    (source / "one.py").write_text("2")
    with pytest.raises(HOOK["NotCompiled"]):
        HOOK["build"](source, place)
    assert not made.exists()


def test_the_wheel_gets_the_libraries_and_the_facts(tmp_path: Path) -> None:
    for name in ("group.so", "aiofrp/aio.so", "aiofrp/aio.py", "aiofrp/compiled/_made.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    places = HOOK["for_wheel"](tmp_path)
    assert sorted(places.values()) == ["aiofrp/aio.so", "aiofrp/compiled/_made.py", "group.so"]
    assert all(Path(file) == tmp_path / place for file, place in places.items())


def test_a_wheel_is_compiled_where_one_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIOFRP_COMPILE", raising=False)
    assert not HOOK["wanted"]()
    monkeypatch.setenv("AIOFRP_COMPILE", "1")
    assert HOOK["wanted"]()


def test_a_mark_changes_nothing() -> None:
    @mypyc_attr(allow_interpreted_subclasses=True)
    class Marked:
        pass

    class Further(Marked):
        pass

    assert isinstance(Further(), Marked)

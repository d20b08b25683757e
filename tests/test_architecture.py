"""The law of three floors and the house rules, read off the syntax tree of every module."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from connectors import plugins
from twin.site import AssetType

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("twin", "connectors", "dashboards")
MODULES = sorted(
    path
    for floor in FLOORS
    for path in (ROOT / floor).rglob("*.py")
    if "node_modules" not in path.relative_to(ROOT).parts
)
PURE = {
    "__future__", "bisect", "collections", "contextlib", "dataclasses", "datetime", "difflib", "enum", "fractions",
    "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "statistics", "string", "struct",
    "typing", "unicodedata", "zlib", "zoneinfo",
}  # fmt: skip
ALLOWED_IN_TWIN = PURE | {"twin", "numpy", "scipy"}
ALLOWED_BY_FOLDER = {"simulation": {"simpy"}, "episodes": {"ruptures"}}
WALL_CLOCKS = {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow", "date.today", "datetime.today"}
IMPURE_CALLS = {"open", "input", "print", "exec", "eval", "__import__", "breakpoint"}
FORBIDDEN_WORDS = {
    "manager", "handler", "helper", "helpers", "util", "utils", "processor", "service", "thing", "entity", "info",
}  # fmt: skip
MAX_LINES = 500


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> set[str]:
    """Every absolute module that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module if node.level == 0 and node.module else "." * node.level)
    return found


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def uses(tree: ast.Module) -> set[str]:
    """Every dotted name, its last two parts (``time.time_ns``), and the names that imports bring in."""
    names = {".".join(dotted(node).split(".")[-2:]) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module.split('.')[-1]}.{alias.name}" for alias in node.names}
    return names


def calls(tree: ast.Module) -> set[str]:
    return {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}


def words_of(name: str) -> set[str]:
    """``JobManager`` and ``job_manager`` → job, manager."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])", name)}


def modules_of(floor: str) -> list[Path]:
    return [path for path in MODULES if path.relative_to(ROOT).parts[0] == floor]


@pytest.mark.parametrize("path", modules_of("twin"), ids=name_of)
def test_the_twin_imports_nothing_but_the_allowed(path):
    allowed = ALLOWED_IN_TWIN | ALLOWED_BY_FOLDER.get(path.relative_to(ROOT / "twin").parts[0], set())
    wrong = {module for module in imported(tree_of(path)) if module.partition(".")[0] not in allowed}
    assert not wrong, f"{name_of(path)} imports {sorted(wrong)}"


@pytest.mark.parametrize("path", modules_of("twin"), ids=name_of)
def test_the_twin_does_no_input_or_output_and_reads_no_clock(path):
    tree = tree_of(path)
    assert not calls(tree) & IMPURE_CALLS
    assert not uses(tree) & WALL_CLOCKS
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not attributes & {"read_text", "write_text", "read_bytes", "write_bytes", "mkdir", "environ"}


def test_the_wall_clock_is_read_in_one_file_only():
    readers = {name_of(path) for path in MODULES if uses(tree_of(path)) & WALL_CLOCKS}
    assert readers == {"connectors/wall_clock.py"}


@pytest.mark.parametrize(
    ("floor", "above"), [("twin", ("connectors", "dashboards")), ("connectors", ("dashboards",))], ids=str
)
def test_no_floor_imports_a_higher_one(floor, above):
    for path in modules_of(floor):
        assert not {module.partition(".")[0] for module in imported(tree_of(path))} & set(above), name_of(path)


def test_import_linter_keeps_the_contract():
    program = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [str(program), "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "1 kept, 0 broken" in ran.stdout


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_is_short_and_says_what_it_is_for(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES, f"{name_of(path)} is longer than {MAX_LINES} lines"
    assert ast.get_docstring(ast.parse(text)), f"{name_of(path)} has no docstring"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_module_or_class_bears_an_empty_word(path):
    named = {path.stem} | {node.name for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)}
    wrong = {name for name in named if words_of(name) & FORBIDDEN_WORDS}
    assert not wrong


def test_the_word_check_would_find_an_empty_word():
    assert words_of("JobManager") & FORBIDDEN_WORDS
    assert words_of("mqtt_utils") & FORBIDDEN_WORDS
    assert not words_of("Everything") & FORBIDDEN_WORDS


def test_folders_with_modules_are_packages():
    for folder in {path.parent for path in MODULES}:
        assert (folder / "__init__.py").exists() or folder.name == "demo", folder


def test_the_tests_are_no_packages():
    assert not list((ROOT / "tests").rglob("__init__.py")), "an __init__.py here would shadow our packages"


@pytest.mark.parametrize("name", plugins.names("decoders"))
def test_a_decoder_module_exports_its_options_and_its_decoder(name):
    module = plugins.load("decoders", name)
    assert issubclass(module.Options, msgspec.Struct)
    assert module.Options.__struct_config__.frozen
    assert module.Options.__struct_config__.forbid_unknown_fields, "a misspelt option must be a mistake"
    for port in ("decode", "state", "restore"):
        assert callable(getattr(module.Decoder, port))


@pytest.mark.parametrize("name", plugins.names("sources"))
def test_a_source_module_exports_its_source(name):
    module = plugins.load("sources", name)
    for port in ("start", "acknowledge", "stop"):
        assert callable(getattr(module.Source, port))


@pytest.mark.parametrize("name", plugins.names("assets"))
def test_an_asset_type_is_named_as_its_file(name):
    kind = plugins.load("assets", name).ASSET_TYPE
    assert isinstance(kind, AssetType)
    assert kind.name == name
    assert kind.label.ko
    assert kind.label.en
    assert kind.streams
    for stream in kind.streams:
        names = [signal.name for signal in stream.signals]
        assert len(names) == len(set(names)), f"{name}:{stream.name} names a signal twice"


def test_our_own_plugins_are_found_by_their_file_names():
    assert {"json_object", "json_topic", "ros_json"} <= set(plugins.names("decoders"))
    assert {"mqtt", "capture"} <= set(plugins.names("sources"))
    files = {path.stem for path in (ROOT / "twin/assets").glob("*.py") if path.stem != "__init__"}
    assert files <= set(plugins.names("assets"))

"""Imports run along the sentence of the grammar, and the heavy packages wait until they are needed."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "tussle"
FILES = sorted(SOURCE.rglob("*.py"))
HEAVY = ("jax", "torch", "matplotlib", "scipy")

# Readers of records, and the other parts of the library that may import each of them.
READERS = {
    "plots": {"cli", "demo", "lab", "report", "page", "shown"},
    "report": {"cli", "demo", "lab", "page", "shown"},
    "lab": {"cli", "demo"},
    "cli": {"__main__", "demo"},
}

# Who may name an engine: a file, or a folder with all that is in it.
ENGINES = {
    "jax": {"autodiff"},
    "torch": {"autodiff", "data", "doctor", "game_optimizer", "live", "metrics", "networks", "training"},
}


# What a process loads ---------------------------------------------------------------------------------------

IMPORT = "import tussle"
HELP = """
import sys
from tussle.cli import main
sys.argv = ["tussle", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


@pytest.mark.parametrize("code", [IMPORT, HELP], ids=["import tussle", "tussle --help"])
def test_heavy_packages_are_not_loaded_before_they_are_needed(code):
    tail = f"\nimport json, sys\nprint('\\n' + json.dumps(sorted(set({HEAVY}) & set(sys.modules))))"
    result = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout.splitlines()[-1]) == []


# What the files say -----------------------------------------------------------------------------------------


def module_name(file, root=SOURCE):
    """The dotted name of a file: `tussle.rules.alternating`, or `tussle.rules` for its `__init__.py`."""
    parts = (root.name, *file.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_for_types_only(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def nodes_that_run(tree):
    """Every node of the file, inside functions too, except what stands under `if TYPE_CHECKING:`."""
    yield tree
    for child in tree.orelse if is_for_types_only(tree) else ast.iter_child_nodes(tree):
        yield from nodes_that_run(child)


def imports(text, module, is_package):
    """The dotted names that a file imports; `from a import b` gives `a` and `a.b`: b may be a module."""
    names = set()
    for node in nodes_that_run(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            up = node.level - is_package
            parts = module.split(".")
            above = parts[: len(parts) - up] if node.level else []
            base = ".".join(above + ([node.module] if node.module else []))
            names |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return names


def forbidden(text, module, is_package=False):
    """The imports of a file that run against the grammar."""
    own = set(module.split(".")[1:])
    found = set()
    for name in imports(text, module, is_package):
        first, *rest = name.split(".")
        allowed = ENGINES.get(first)
        if allowed is not None and not own & allowed:
            found.add(name)
        if first == "tussle":
            found |= {name for part in rest if part in READERS and not own & (READERS[part] | {part})}
    return sorted(found)


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_imports_run_along_the_sentence(file):
    assert forbidden(file.read_text(encoding="utf-8"), module_name(file), file.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("module", "text", "expected"),
    [
        ("tussle.game", "import tussle.plots", ["tussle.plots"]),
        ("tussle.game", "def f():\n    from tussle.plots import draw", ["tussle.plots", "tussle.plots.draw"]),
        ("tussle.rules.extragradient", "from .. import cli", ["tussle.cli"]),
        ("tussle.doctor.checks", "from .. import report", ["tussle.report"]),
        ("tussle.plots.portrait", "from tussle.cli import main", ["tussle.cli", "tussle.cli.main"]),
        ("tussle.cli.analyze", "from tussle import plots\nfrom . import tables", []),
        ("tussle.plots.portrait", "from . import style", []),
        ("tussle.autodiff", "def f():\n    import jax, torch", []),
        ("tussle.special", "import jax.numpy as jnp", ["jax.numpy"]),
        ("tussle.networks.norms", "import torch\nimport jax", ["jax"]),
        ("tussle.field", "from torch.func import jvp", ["torch.func", "torch.func.jvp"]),
        ("tussle.field", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch", []),
        ("tussle.field", "if not TYPE_CHECKING:\n    import torch", ["torch"]),
        ("tussle.field", "if TYPE_CHECKING:\n    pass\nelse:\n    import torch", ["torch"]),
    ],
)
def test_the_walk_sees_what_it_should(module, text, expected):
    assert forbidden(text, module) == expected

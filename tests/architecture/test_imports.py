"""Importing gradus costs little: what takes long to load is loaded where it is used."""

import subprocess
import sys

import pytest

from tests.architecture.source import ROOT, imports, modules, parse

HEAVY = {"matplotlib", "sklearn", "polars", "scipy"}


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh process holds after running ``code``."""
    told = f"{code}\nimport sys\nprint()\nprint(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return {name.split(".")[0] for name in ended.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize(
    "code", ["import gradus", "from gradus.cli.main import main\nmain(['--help'])", "import gradus.cli.main"]
)
def test_help_needs_no_torch(code):
    assert loaded_after(code) & (HEAVY | {"torch", "numpy", "tyro", "rich"}) == set()


def test_the_jobs_load_without_the_heavy_libraries():
    code = "import gradus.cli.main\nfrom gradus.jobs import TABLE, find\nfor name in TABLE: find(name)"
    loaded = loaded_after(code)
    assert "torch" in loaded
    assert loaded & HEAVY == set()


def heavy_at_the_top(module) -> list[str]:
    """Each import of a heavy library outside a function."""
    found = [i for i in imports(module) if i.target.split(".")[0] in HEAVY and not i.inside_function]
    return [f"{module.path}:{i.line}: imports {i.target} when it is loaded" for i in found]


def test_heavy_libraries_are_imported_inside_functions():
    assert [offender for module in modules() for offender in heavy_at_the_top(module)] == []
    assert heavy_at_the_top(parse("gradus/data/a.py", "from sklearn import metrics")) != []
    assert heavy_at_the_top(parse("gradus/data/a.py", "def f():\n    import polars")) == []

"""What the documentation takes from the source is what the source says."""

import ast
import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import pytest

from gradus.cli import records
from gradus.core.findings import PAGES
from tests.architecture.source import Module, modules, parse
from tests.docs.documents import ROOT
from tests.made_up import record, scores

CODE = re.compile(r"GR-[A-Z]+-\d{3}")


def load():
    """docs/generate.py as a module: docs is no package."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate = load()


def test_nothing_would_change(capsys):
    status = generate.main(["--check"])
    assert status == 0, f"run  python docs/generate.py\n{capsys.readouterr().out}"


def codes_in(module: Module) -> set[str]:
    """The codes that stand alone as a string: those that are raised or told."""
    values = [node.value for node in ast.walk(module.tree) if isinstance(node, ast.Constant)]
    return {value for value in values if isinstance(value, str) and CODE.fullmatch(value)}


def test_every_code_has_a_page_and_every_page_is_used():
    raised = {
        code for m in modules() if not m.path.startswith("gradus/core/findings/") for code in codes_in(m)
    }
    assert (raised - PAGES.keys(), PAGES.keys() - raised) == (set(), set())


def test_codes_are_found_where_they_are_raised():
    source = '"""See GR-RUN-003."""\nraise A("GR-RUN-001" if full else "GR-RUN-002", where="in GR-RUN-004")'
    assert codes_in(parse("gradus/core/a.py", source)) == {"GR-RUN-001", "GR-RUN-002"}


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A small repository in a temporary folder, generated once."""
    for name, place in {"ROOT": "", "FINDINGS": "docs/findings", "RECORDS": "bench/records"}.items():
        monkeypatch.setattr(generate, name, tmp_path / place)
    (tmp_path / "README.md").write_text(
        "# A\n\n<!-- generated: verbs -->\nbefore\n<!-- end generated -->\n\nb\n"
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/plain.md").write_text("nothing made here\n")
    assert generate.main([]) == 0
    return tmp_path


def test_writing_twice_changes_nothing(repository, capsys):
    capsys.readouterr()
    assert generate.main(["--check"]) == 0
    assert capsys.readouterr().out == ""
    text = (repository / "README.md").read_text()
    assert "| `gradus train JOB[/RECIPE]` | train a recipe" in text
    assert "before" not in text
    assert text.startswith("# A\n\n<!-- generated: verbs -->\n|")
    assert text.endswith("|\n<!-- end generated -->\n\nb\n")


@pytest.mark.parametrize("name", ["README.md", "docs/findings/GR-RUN-001.md", "docs/findings/README.md"])
def test_a_change_by_hand_is_found_and_undone(repository, name, capsys):
    path = repository / name
    right = path.read_text()
    path.write_text(right.replace("|", "!", 1) if "|" in right else right + "more\n")
    capsys.readouterr()
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().out == f"would change {name}\n"
    assert path.read_text() != right
    assert generate.main([]) == 0
    assert path.read_text() == right


def test_the_page_of_a_code_that_is_gone_goes(repository):
    stale = repository / "docs/findings/GR-RUN-999.md"
    stale.write_text("# Once\n")
    assert generate.main(["--check"]) == 1
    assert stale.exists()
    assert generate.main([]) == 0
    assert not stale.exists()


@pytest.mark.parametrize(
    "text",
    [
        "<!-- generated: verbs -->\n",
        "<!-- end generated -->\n",
        "<!-- end generated -->\n<!-- generated: verbs -->\n",
        "<!-- generated: verbs -->\n<!-- generated: verbs -->\n<!-- end generated -->\n",
        "<!-- generated: nothing_such -->\n<!-- end generated -->\n",
    ],
)
def test_a_marker_without_a_partner_or_a_table_is_refused(text):
    with pytest.raises(ValueError, match=r"a\.md: "):
        generate.filled(text, Path("a.md"))


def test_an_unknown_option_is_refused(capsys):
    assert generate.main(["--chekc"]) == 2
    assert "usage" in capsys.readouterr().err


def test_bars_do_not_break_a_table():
    assert generate.table(["a", "b"], [["x|y", "z"]]) == "| a | b |\n| --- | --- |\n| x\\|y | z |"


def test_results_show_the_newest_record_of_each_recipe(repository):
    newest = record()
    older = replace(newest, date="2026-01-30T12:00:00Z", mean=0.5, sd=0.0, values=(0.5, 0.5))
    other = record(scores(0.25, seconds=1.0, recipe="other"))
    (repository / "bench/records").mkdir(parents=True)
    for one in (older, newest, other):
        records.write(one, repository / "bench/records")
    rows = generate.results(None, repository / "docs").splitlines()[2:]
    assert len(rows) == 2
    assert rows[0].startswith(
        "| toy/other | accuracy (higher is better) | 0.2500 (1 seed) | 0.1000 | 1.0 s |"
    )
    assert rows[1] == (
        "| toy/smoke | accuracy (higher is better) | 0.8000 ± 0.1414 (2 seeds) | 0.1000 | 3.0 s | 2 threads "
        "| [2026-01-31](../bench/records/2026-01-31-toy-smoke.json) |"
    )
    assert generate.results("another", repository) == "No recipe has been measured yet."


def test_recipes_say_what_they_expect():
    rows = generate.recipes(None, ROOT).splitlines()[2:]
    assert rows
    assert all(
        re.match(r"\| `gradus train \w+/\w+` \| .+ \| \w+ at (least|most) [\d.e-]+ \| ", row) for row in rows
    )

"""Every command and every program in the documentation runs, in the order in which it stands."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import ROOT, RUN, SHELL, SHOWN, Block, blocks, documents

FAST_SECONDS, SLOW_SECONDS = 600, 3600


def programs() -> dict[str, str]:
    """What ``gradus`` and ``python`` are in a block: those of this test run, installed or not."""
    return {
        "gradus": f'exec "{sys.executable}" -m gradus "$@"',
        "python": f'exec "{sys.executable}" "$@"',
        "python3": f'exec "{sys.executable}" "$@"',
    }


@pytest.fixture(scope="session")
def environment(tmp_path_factory) -> dict[str, str]:
    """The variables of a block: everything of ours, and our programs first on the path."""
    folder = tmp_path_factory.mktemp("bin")
    for name, text in programs().items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    source = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": source}


def run_block(block: Block, folder: Path, environment: dict[str, str], *, seconds: float) -> None:
    """Run one block in a folder; the test fails with what it printed if its exit status is not 0."""
    command = (
        ["bash", "-e", "-c", block.script()]
        if block.language in SHELL
        else [sys.executable, "-c", block.script()]
    )
    ended = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    if ended.returncode:
        pytest.fail(
            f"{block.where} ended with {ended.returncode}\n\n{block.script()}\n\n{ended.stdout}",
            pytrace=False,
        )


def cases(*, slow: bool) -> list:
    """The documents with something to run; as slow cases, those that have a slow block."""
    chosen = [p for p in documents() if any(b.runs and (b.slow or not slow) for b in blocks(p))]
    if not slow:
        chosen = [p for p in chosen if any(b.runs and not b.slow for b in blocks(p))]
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in chosen]


@pytest.fixture
def place(path, tmp_path) -> Path:
    """The folder where a document is followed; the page of a job has that job's folder beside it."""
    if path.parent.parent == ROOT / "gradus" / "jobs":
        shutil.copytree(
            path.parent, tmp_path / path.parent.name, ignore=shutil.ignore_patterns("__pycache__")
        )
    return tmp_path


@pytest.mark.parametrize("path", cases(slow=False))
def test_what_is_quick_runs(path, place, environment):
    for block in blocks(path):
        if block.runs and not block.slow:
            run_block(block, place, environment, seconds=FAST_SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("path", cases(slow=True))
def test_the_whole_document_runs(path, place, environment):
    for block in blocks(path):
        if block.runs:
            run_block(block, place, environment, seconds=SLOW_SECONDS)


def test_every_block_is_run_or_says_why_not():
    every = [block for path in documents() for block in blocks(path)]
    assert [b.where for b in every if b.language not in RUN | SHOWN] == [], f"languages are {RUN | SHOWN}"
    assert [b.where for b in every if b.not_run == ""] == [], "a block that is not run says why"


@pytest.mark.parametrize("word", ["gradus train", "pytest"])
def test_readme_has_one_block_with_one_command(word):
    """The README's two commands are read out of it by machines: each is the only command of its block."""
    found = [b for b in blocks(ROOT / "README.md") if b.language in SHELL and word in b.text]
    assert found, f"README.md has no shell block with {word!r}"
    lines = found[0].text.replace("\\\n", " ").strip().splitlines()
    assert len([line for line in lines if line.strip() and not line.startswith("#")]) == 1


def parsed(text: str) -> list[Block]:
    """The blocks of a document that is only in this file."""
    return blocks(ROOT / "made-up.md", text)


def test_blocks_are_found_with_their_marks():
    text = """
```sh
gradus jobs
```
<!-- slow -->
```console
$ gradus train a \\
    --out b
step 1
```
<!-- not run: needs a network -->
```sh
gradus data fetch x
```
1. In a list
   ````python
   print("```")
   ````
"""
    first, second, third, fourth = parsed(text)
    assert (first.language, first.line, first.script(), first.slow, first.runs) == (
        "sh",
        2,
        "gradus jobs",
        False,
        True,
    )
    assert second.slow
    assert second.script().split() == ["gradus", "train", "a", "--out", "b"]
    assert (third.not_run, third.runs) == ("needs a network", False)
    assert fourth.script() == 'print("```")\n'


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("pip install . && gradus train a", "gradus train a"),
        ("python -m pip install -e '.[test]' && pytest", ""),
        ("make check\ngradus jobs", "gradus jobs"),
        ("git clone x && cd gradus", ""),
        ("makers are not make", "makers are not make"),
        ("gradus jobs && gradus check a", "gradus jobs && gradus check a"),
    ],
)
def test_what_runs_elsewhere_is_left_out(text, script):
    (block,) = parsed(f"```sh\n{text}\n```\n")
    assert block.script() == script


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("sh", "false\ntrue"),
        ("sh", "gradus no-such-verb"),
        ("python", "raise SystemExit(3)"),
        ("python", "import nothing_such"),
    ],
)
def test_a_block_that_fails_fails_the_test(language, text, tmp_path, environment):
    (block,) = parsed(f"```{language}\n{text}\n```\n")
    with pytest.raises(pytest.fail.Exception, match=r"made-up.md:1 ended with"):
        run_block(block, tmp_path, environment, seconds=60)


def test_blocks_share_their_folder_and_know_gradus(tmp_path, environment):
    first = "```sh\ngradus --version > a.txt\n```\n"
    second = "```python\nfrom pathlib import Path\nPath('b.txt').write_text(Path('a.txt').read_text())\n```\n"
    for block in parsed(first + second):
        run_block(block, tmp_path, environment, seconds=60)
    assert (tmp_path / "b.txt").read_text().startswith("gradus ")

"""Where words go: streams that are closed, full, or of few letters; and the home folder in words."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradus.cli.main import main

PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
SHELL = """
exec "$0" -m gradus "$@" {redirected}
"""


def gradus(*given, redirected="", **variables):
    """A command line in a process of its own, with a shell's redirections."""
    command = ["sh", "-c", SHELL.format(redirected=redirected), sys.executable, *given]
    return subprocess.run(command, capture_output=True, check=False, env=os.environ | variables)


@pytest.mark.parametrize(
    "given", [["--help"], ["--version"], ["jobs"], ["data", "list"], ["train", "--help"]]
)
def test_a_closed_standard_output_takes_all(given):
    ended = gradus(*given, redirected=">&-")
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("redirected", "status"), [(">&-", 2), ("2>&-", 2), (">&- 2>&-", 2), ("2>/dev/full", 2), ("<&-", 2)]
)
def test_the_exit_status_is_that_of_the_error_wherever_it_is_told(redirected, status):
    ended = gradus("trian", redirected=redirected)
    assert ended.returncode == status
    assert b"Traceback" not in ended.stderr


@pytest.mark.parametrize("given", [["--help"], ["jobs"], ["data", "list"], ["train", "--help"]])
@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_full_standard_output_is_one_error(given, buffered):
    ended = gradus(*given, redirected=">/dev/full", PYTHONUNBUFFERED=buffered)
    said = ended.stderr.decode().splitlines()
    assert (ended.returncode, said[0], len(said)) == (1, "error GR-RUN-001: standard output", 5)


def test_an_error_with_a_full_standard_output_is_told_alone():
    ended = gradus("trian", redirected=">/dev/full")
    said = ended.stderr.decode().splitlines()
    assert (ended.returncode, said[0], len(said)) == (2, "error GR-CLI-001: gradus", 5)


def test_a_standard_output_that_nobody_may_write_is_one_error():
    ended = gradus("--help", redirected="1</dev/null")
    assert (ended.returncode, ended.stderr.split(b"\n")[0]) == (1, b"error GR-RUN-002: standard output")


@pytest.mark.parametrize("variables", [{"PYTHONIOENCODING": "ascii"}, PLAIN])
def test_escapes_stand_for_what_an_encoding_lacks(variables):
    code = (
        "import sys; from gradus.cli.main import main; from gradus.cli import jobs; jobs.run = lambda given:"
    )
    code += "print('für \u4e2d \\udcff') or 0; sys.exit(main(['jobs']))"
    command = [sys.executable, "-c", code.encode("ascii", "backslashreplace").decode()]
    ended = subprocess.run(command, capture_output=True, check=False, env=os.environ | variables)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout == rb"f\xfcr \u4e2d \udcff" + b"\n"


@pytest.mark.parametrize("given", [["jobs"], ["data", "list"], ["train", "image_classification", "--help"]])
def test_tables_and_help_are_printed_in_any_encoding(given, monkeypatch):
    file = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(file, encoding="ascii"))
    assert main(given) == 0
    assert file.getvalue().isascii()
    assert file.getvalue()


def test_nothing_of_a_file_is_where_standard_output_was(tmp_path):
    """A number that is free goes to the next file that is opened, and what is printed would go into it."""
    code = "import os, sys; from gradus.cli.main import main; from gradus.cli import jobs\n"
    code += "def run(given):\n"
    code += f"    file = open({str(tmp_path / 'a')!r}, 'w')\n    os.write(1, b'printed')\n    return 0\n"
    code += "jobs.run = run; sys.exit(main(['jobs']))"
    command = ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, code]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert (ended.returncode, (tmp_path / "a").read_bytes()) == (0, b""), ended.stderr


@pytest.mark.parametrize("given", [["report", "~/run"], ["train", "starter", "--out=~/run", "--data=~/x"]])
def test_a_tilde_is_the_home_folder_also_where_no_shell_saw_it(tmp_path, monkeypatch, capsys, given):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert main(given) != 0
    assert not Path("~").exists()
    assert "~" not in capsys.readouterr().err


def test_a_tilde_of_nobody_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    word = "~no-such-user/synonyms.txt"
    assert main(["train", "sentiment/smoke", "--augment.synonyms", word, "--train.steps", "1"]) == 1
    assert f"error GR-CLI-010: {word}" in capsys.readouterr().err


def test_no_empty_folder_is_left_in_the_temporary_folder(tmp_path):
    """torch makes one for its compiler with the first optimizer, whether anything is compiled or not."""
    code = """
import sys
from pathlib import Path
from tempfile import gettempdir
from gradus.cli import jobs
from gradus.cli.main import main
def run(given):
    import torch
    torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    assert list(Path(gettempdir()).iterdir())
    return 0
jobs.run = run
sys.exit(main(["jobs"]))
"""
    without = {name: value for name, value in os.environ.items() if name != "TORCHINDUCTOR_CACHE_DIR"}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        env=without | {"TMPDIR": str(tmp_path)},
        capture_output=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == []

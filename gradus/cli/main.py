"""The command line: picks the verb, shows its help, and turns errors into one clear message and a status."""

import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from signal import SIGINT

from gradus import __version__
from gradus.core.errors import GradusError, InputError, UsageError
from gradus.core.files import naming, remove_empty
from gradus.core.findings import PAGES
from gradus.engine.signals import Interrupted, raised

VERBS: dict[str, tuple[str, str]] = {
    "jobs": ("", "list jobs, their recipes and what each expects"),
    "train": ("JOB[/RECIPE]", "train a recipe, evaluate it against its baseline, and write a run folder"),
    "resume": ("RUN", "go on exactly where a run was stopped; with --train.steps, extend it"),
    "evaluate": ("RUN", "score a run again, or on other data"),
    "predict": ("RUN INPUT...", "answer for files, folders or arrays"),
    "report": ("RUN", "write a run's report.html again"),
    "data": ("list|fetch|check", "the data sets that gradus knows, and a look at your own data"),
    "check": ("JOB", "hold a job, yours or ours, to the contract"),
    "new": ("job NAME", "write a folder with a new job that passes its check"),
    "bench": ("JOB/RECIPE", "train a recipe over several seeds or folds and write the record"),
}
COMPILER_CACHE = "TORCHINDUCTOR_CACHE_DIR"
UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF)


def usage() -> str:
    """What ``gradus --help`` prints."""
    width = max(len(f"{verb} {takes}") for verb, (takes, _) in VERBS.items())
    verbs = [f"  gradus {f'{verb} {takes}'.ljust(width)}   {does}" for verb, (takes, does) in VERBS.items()]
    return "\n".join(
        [
            "gradus: one command from raw data to a trained, evaluated and explained model",
            "",
            *verbs,
            "",
            "  gradus VERB --help           what a verb takes",
            "  gradus train JOB --help      every setting of a recipe",
            "",
            "Exit status: 0 fine, 1 the run or its input failed, 2 usage.",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status."""
    steady_streams()
    cache = os.environ.get(COMPILER_CACHE)
    given = [at_home(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    try:
        status = carried_out(given)
        sys.stdout.flush()
    except GradusError as error:
        status = complain(error)
    except KeyboardInterrupt as stop:
        if "RANK" not in os.environ:  # of several processes the launcher speaks
            print(f"\n{stop or 'interrupted'}", file=sys.stderr)
        status = 128 + (stop.number if isinstance(stop, Interrupted) else SIGINT)
    except BrokenPipeError:  # the reader of a pipe had enough
        status = 0
    except OSError as error:
        status = complain(refusal(error, given))
    except RuntimeError as error:
        if "home directory" not in str(error):
            raise
        status = complain(homeless(given))
    let_go_of_output()
    if (
        cache is None and COMPILER_CACHE in os.environ
    ):  # torch makes the folder also where nothing is compiled
        remove_empty([Path(os.environ[COMPILER_CACHE])])
    return status


def carried_out(given: Sequence[str]) -> int:
    """Do what the words say; returns the exit status."""
    if not given or given[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if given[0] in ("-V", "--version"):
        print(f"gradus {__version__}")
        return 0
    if given[0] not in VERBS:
        from gradus.core.configs import nearest

        raise UsageError(
            "GR-CLI-001",
            where="gradus",
            wanted="a verb",
            got=repr(given[0]),
            remedy=nearest(given[0], list(VERBS)),
        )
    verb = importlib.import_module(f"gradus.cli.{given[0]}")
    try:
        with raised():
            return int(verb.run(list(given[1:])))
    except SystemExit as stop:  # the parser has shown its help
        return int(stop.code or 0)


# -- standard streams ------------------------------------------------------------------------------------


def steady_streams() -> None:
    """Let all be printable: escapes stand for what an encoding lacks, and a closed stream takes everything.

    What is opened instead of a closed stream takes its number too, which no other file may have: libraries
    write there on their own.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - for good
        elif isinstance(stream, io.TextIOWrapper) and mode == "w":
            stream.reconfigure(errors="backslashreplace")


def refusal(error: OSError, given: Sequence[str]) -> InputError:
    """The error for what the system refused: to take what is printed, or to use a path."""
    if error.filename is None and error.errno in UNWRITTEN:  # files that are written name themselves
        try:
            with naming(Path("standard output")):
                raise error
        except InputError as refused:
            return refused
    return InputError(  # a name that is too long, a folder that may not be looked into
        "GR-CLI-010",
        where=str(error.filename or f"gradus {given[0]}"),
        wanted="a path that the system can use",
        got=(error.strerror or str(error)).lower(),
        remedy="Check the path, and who may read and write there.",
    )


def let_go_of_output() -> None:
    """Leave nothing for the interpreter to write at its end, where a failure would be told once more."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# -- paths below the home folder -------------------------------------------------------------------------


def at_home(word: str) -> str:
    """A word with the home folder for a tilde, also in a setting: shells leave ``--out=~/run`` as it is."""
    name, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    return f"{name}{equals}{os.path.expanduser(value)}" if value.startswith("~/") else word  # noqa: PTH111


def homeless(given: Sequence[str]) -> InputError:
    """The error for a tilde that stands for nobody's home."""
    return InputError(
        "GR-CLI-010",
        where=next((word for word in given if "~" in word), f"gradus {given[0]}"),
        wanted="a path that the system can use",
        got="the home folder of nobody that it knows",
        remedy="Write the path out.",
    )


def complain(error: GradusError) -> int:
    """Print an error as where, wanted, got, what to do, and what its code means; returns its exit status."""
    lines = [
        f"error {error.code}: {error.where}",
        f"  wanted  {error.wanted}",
        f"  got     {error.got}",
        f"  do      {error.remedy}",
        f"  means   {PAGES[error.code].means}",
    ]
    with suppress(OSError):  # nowhere is left to say it
        print("\n".join(map(printable, lines)), file=sys.stderr)
    return error.exit_status


def printable(text: str, most: int = 500) -> str:
    """A text as a terminal may show it: one line, without control codes and signs that turn it around."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return shown if len(shown) <= most else f"{shown[:most]} ..."


if __name__ == "__main__":
    sys.exit(main())

"""Runs commands of gradus in forks of one process that has imported all of it: a start costs milliseconds.

For programs of one thread, ``python -m tests.slow.NAME``: not for pytest itself, whose torch has threads.
"""

import contextlib
import gc
import importlib
import io
import os
import re
import resource
import select
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

LIMIT_SECONDS = 30.0  # a hundred times what any of these commands takes
SPARE_BYTES = 4 * 2**30  # memory that a command may ask for beyond what its parent holds
HELD_BACK = (signal.SIGINT, signal.SIGTERM)
LATE_IMPORTS = (  # seconds, which the first optimizer, baseline or figure would cost every command
    "torch._dynamo",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
)


def warm() -> None:
    """Import whatever a command may need, and keep to one thread."""
    import torch

    from gradus.cli.main import VERBS
    from gradus.jobs import TABLE

    torch.set_num_threads(1)
    for module in (*(f"gradus.cli.{verb}" for verb in VERBS), *TABLE.values(), *LATE_IMPORTS):
        importlib.import_module(module)
    gc.freeze()  # a collection in a fork would copy all that it shares with its parent
    tasks = list(Path("/proc/self/task").iterdir())
    assert len(tasks) == 1, "threads do not survive a fork: set OMP_NUM_THREADS=1"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its exit status (less the signal that ended it), and what it said."""

    status: int
    out: str
    err: str
    late: bool = False
    """It was still running at its limit, and was ended."""

    def fault(self) -> str | None:
        """What no command may do, whatever it is given; None where it did nothing of the kind."""
        if self.late:
            return "hangs"
        if "Traceback (most recent call last)" in self.err:
            raised = re.findall(r"^[\w.]*(?:Error|Exception|Interrupt)\b.*", self.err, re.MULTILINE)
            return f"traceback {raised[-1] if raised else self.err[-80:]}"[:100]
        if self.status in (1, 2) and not is_one_error(self.err):
            return f"exit {self.status} without one error of five lines"
        return None


def is_one_error(text: str) -> bool:
    """Whether a command's standard error holds exactly one error, told in five lines."""
    lines = text.split("\n")
    heads = [place for place, line in enumerate(lines) if line.startswith("error ")]
    if len(heads) != 1 or not lines[heads[0]].startswith("error GR-"):
        return False
    words = [line.split(maxsplit=1)[:1] for line in lines[heads[0] + 1 : heads[0] + 5]]
    return words == [["wanted"], ["got"], ["do"], ["means"]]


def code_of(text: str) -> str:
    """The code of the error in a command's standard error; "" where it tells none."""
    return next((line.split()[1].rstrip(":") for line in text.split("\n") if line.startswith("error ")), "")


class Command:
    """``gradus GIVEN`` under way in the folder ``place``."""

    def __init__(self, given: list[str], *, place: Path, before: Callable[[], object] = bool) -> None:
        """``before`` is called in the new process, ahead of everything else."""
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)  # until the command would take them
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(self._out.fileno(), 1)
            os.dup2(self._err.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            _become(given, place, before)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
        self._end = os.pidfd_open(self.pid)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; one that has ended is past caring."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._end, number)

    def over(self, *, within_seconds: float = 0.0) -> bool:
        """Whether it has ended, or ends soon."""
        return bool(select.select([self._end], [], [], within_seconds)[0])

    def says(self, text: str, *, within_seconds: float = LIMIT_SECONDS) -> bool:
        """Wait until it has said something on standard output; False where it ends, or time does, before."""
        deadline = time.monotonic() + within_seconds
        while text not in _read(self._out.fileno()):
            if self.over(within_seconds=0.001) or time.monotonic() > deadline:
                return text in _read(self._out.fileno())
        return True

    def end(self, *, limit_seconds: float = LIMIT_SECONDS) -> Ended:
        """Wait for its end, and bring it about at the limit."""
        late = not self.over(within_seconds=limit_seconds)
        if late:
            self.send(signal.SIGKILL)
        _, state = os.waitpid(self.pid, 0)
        said = [_read(stream.fileno()) for stream in (self._out, self._err)]
        for stream in (self._out, self._err):
            stream.close()
        os.close(self._end)
        return Ended(os.waitstatus_to_exitcode(state), *said, late)


def run(given: list[str], place: Path) -> Ended:
    """A command from start to end."""
    return Command(given, place=place).end()


class Late(BaseException):
    """A command in this process was still running at its limit."""


def inside(given: list[str], place: Path) -> Ended:
    """A command in this very process, for fast tests; nothing can be done to it from outside."""
    from gradus.cli.main import main

    def stop(*_: object) -> None:
        raise Late

    out, err, status, late = io.StringIO(), io.StringIO(), 1, False
    kept = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, LIMIT_SECONDS)
    try:
        with contextlib.chdir(place), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = main(given)
            except Exception:
                traceback.print_exc()
    except Late:
        late = True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, kept)
    return Ended(status, out.getvalue(), err.getvalue(), late)


def opening(verb: str, out: str, *given: str, job: str) -> list[str]:
    """The command that opens a run; a job of one's own is named again, for only ours are found by name."""
    module = importlib.import_module(f"gradus.cli.{verb}")
    own = ["--job", job] if "/" in job and any(f.name == "job" for f in fields(module.Arguments)) else []
    return [verb, out, *given, *own]


@contextmanager
def work_folder() -> Iterator[Path]:
    """A folder for a while, in memory where the system has such a place: thousands of files are flushed."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as place:
        yield Path(place)


def _become(given: list[str], place: Path, before: Callable[[], object]) -> None:
    """Be ``python -m gradus GIVEN`` from here to the end of the process."""
    from gradus.cli.main import main

    status = 1
    try:
        os.chdir(place)
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + SPARE_BYTES, held + SPARE_BYTES))
        before()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        verb = importlib.import_module(f"gradus.cli.{given[0]}")
        verb.run = _open_to_signals(verb.run)
        status = main(given)
        for thread in threading.enumerate():  # as the interpreter does at its end
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    except SystemExit as left:
        status = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _open_to_signals(work: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
    """Signals reach a command while it works: one that reached the interpreter around it proves nothing."""

    def within(given: list[str]) -> int:
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
            return work(given)
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)

    return within


def _read(descriptor: int) -> str:
    return os.pread(descriptor, 2**20, 0).decode(errors="replace")

"""Whose a run folder is: one process makes it, one at a time trains in it, and nothing else is ever removed.

``.lock`` holds a mark and, while a process is at work, a lock of the operating system, which ends with the
process however that ends. A new run takes the lock before anything is read, in a folder that is absent or
empty: whatever is in it afterwards, gradus made.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from gradus.core.errors import InputError, UsageError
from gradus.core.files import naming, part_of, read_object, read_regular, remove_empty
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.journal import read_journal

LOCK, MARK = ".lock", b"gradus\n"
HEADER = ("job", "recipe", "gradus", "config")  # what config.json holds
# In the order in which a folder is emptied: as long as there is a config, there is a run.
BEFORE_TRAINING = ("journal.jsonl", "plan.json", "manifest.safetensors", "env.json", "config.json")
AFTER_TRAINING = ("metrics.json", "report.html")
TRIES = 20  # a folder may vanish while it is claimed, for another process that failed takes its own away


@dataclass(slots=True)
class Claim:
    """A run folder that this process makes, and holds until it lets go."""

    folder: Path
    made: list[Path]
    """The folders that were not there before, the innermost first."""
    descriptor: int

    def release(self) -> None:
        """Let other processes train the run: those of torchrun, say."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def forget_untrained(self) -> None:
        """Take away what was made, unless a checkpoint or the journal speaks of a step, or another trains."""
        if self.descriptor >= 0:
            self._forget_untrained()
            return
        with suppress(InputError, FileNotFoundError), held(self.folder, patience_seconds=0.0):
            self._forget_untrained()

    def _forget_untrained(self) -> None:
        checkpoints = Checkpoints(self.folder / "checkpoints")
        if any(checkpoints.steps()) or any(
            row["step"] for row in read_journal(self.folder / "journal.jsonl")
        ):
            return
        checkpoints.forget()
        for name in BEFORE_TRAINING:
            for path in (self.folder / name, part_of(self.folder / name)):
                path.unlink(missing_ok=True)
        self.remove_lock()

    def remove_lock(self) -> None:
        """Take the lock away, and the folders that were made if nothing else is in them."""
        (self.folder / LOCK).unlink(missing_ok=True)
        remove_empty(self.made)


@contextmanager
def claimed(folder: Path) -> Iterator[Claim]:
    """A folder for a new run, held by this process: absent or empty before, or UsageError.

    Of several that claim one folder at once exactly one has it.
    """
    claim = _claim(folder)
    try:
        yield claim
    finally:
        claim.release()


def _claim(folder: Path) -> Claim:
    for _ in range(TRIES):
        refuse_taken(folder)
        with naming(folder):
            made = list(takewhile(lambda one: not one.exists(), (folder, *folder.parents)))
            try:
                folder.mkdir(parents=True, exist_ok=True)
                descriptor = _take(folder / LOCK)
            except FileNotFoundError:
                continue
            except BaseException:
                remove_empty(made)
                raise
        if descriptor is None:
            raise _taken(folder, "one that another process is making")
        claim = Claim(folder, made, descriptor)
        try:
            refuse_taken(folder, locked=True)  # what came between the look and the lock
        except UsageError:
            if not (folder / "config.json").exists():  # a run needs its lock
                claim.remove_lock()
            claim.release()
            raise
        return claim
    raise _taken(folder, "one that other processes make and take away")


def _take(path: Path) -> int | None:
    """The lock of a folder, marked; None where another process has it, FileNotFoundError where it has gone.

    Who makes the file locks it and then marks it; nobody else locks one without a mark.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with suppress(FileExistsError):
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            os.write(descriptor, MARK)
        except BaseException:  # a disk without room for seven bytes, Ctrl-C
            path.unlink(missing_ok=True)
            os.close(descriptor)
            raise
        return descriptor
    descriptor = os.open(path, flags)
    try:
        if os.read(descriptor, 99) == MARK:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.lstat()):
                return descriptor  # that of a process that was killed before it wrote a config
            raise FileNotFoundError(path)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def refuse_taken(folder: Path, *, locked: bool = False) -> None:
    """Raise UsageError where a folder holds a run, or anything else that a run would be mixed up with.

    ``locked`` says that its lock is this process's own.
    """
    with naming(folder):
        names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set[str]()
    is_ours = locked or (LOCK in names and _is_ours(folder / LOCK))
    if is_ours:
        names -= {LOCK, part_of(folder / "config.json").name}
    if names and ((is_ours and not locked) or ("config.json" in names and _is_run(folder))):
        raise _taken(folder, "a run")
    if names:
        shown = ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
        raise UsageError(
            "GR-RUN-018",
            where=f"--out {folder}",
            wanted="a folder that is empty or not there yet",
            got=f"one that holds {shown}",
            remedy="Give another --out, such as a new folder inside it.",
        )


def _is_run(folder: Path) -> bool:
    """Whether there is a config as gradus writes it: runs of before locks had a mark."""
    with suppress(InputError):
        read_object(folder / "config.json", *HEADER)
        return True
    return False


def _is_ours(lock: Path) -> bool:
    """Whether a lock has the mark, now or in a moment, or has just gone: another process is at it."""
    for _ in range(TRIES):
        try:
            if lock.is_symlink() or lock.stat().st_size not in (0, len(MARK)):
                return False
            if read_regular(lock) == MARK:
                return True
        except FileNotFoundError:
            return True
        except OSError:
            return False
        time.sleep(0.01)
    return False


def _taken(folder: Path, got: str) -> UsageError:
    return UsageError(
        "GR-RUN-009",
        where=f"--out {folder}",
        wanted="a folder without a run",
        got=got,
        remedy=f"Go on with `gradus resume {folder}`, or give another --out.",
    )


@contextmanager
def held(folder: Path, *, patience_seconds: float = 5.0) -> Iterator[None]:
    """Hold a run that is there for this process: two that train one run would damage it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    with naming(folder):
        descriptor = os.open(folder / LOCK, flags, 0o666)
    try:
        deadline = time.monotonic() + patience_seconds  # a killed run lets go at once, not instantly
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise InputError(
                        "GR-RUN-012",
                        where=str(folder),
                        wanted="a run that nothing else is training",
                        got="one that another process holds",
                        remedy="Wait for that process to end, or stop it.",
                    ) from None
                time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)


def tidy(folder: Path) -> None:
    """Remove what a kill left half written in a run folder that this process holds."""
    for name in (*BEFORE_TRAINING, *AFTER_TRAINING):
        part_of(folder / name).unlink(missing_ok=True)
    Checkpoints(folder / "checkpoints").tidy()

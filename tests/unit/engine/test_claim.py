"""Claiming a run folder: what is taken, what is refused, and that nothing but one's own is ever removed."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gradus.core.errors import InputError, UsageError
from gradus.core.files import write_json
from gradus.engine import claim, folder
from gradus.engine.claim import LOCK, MARK, claimed, held
from tests.contract.toys import forecaster

HEADER = {"job": "x", "recipe": "y", "gradus": "0", "config": {}}


def contents(place: Path) -> dict[str, object]:
    return {
        str(path.relative_to(place)): path.read_bytes() if path.is_file() else None
        for path in place.rglob("*")
    }


def test_an_absent_folder_is_made_and_an_empty_one_is_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "a/b"):
        with claimed(tmp_path / name) as ours:
            assert (tmp_path / name / LOCK).read_bytes() == MARK
            ours.forget_untrained()
    assert contents(tmp_path) == {"empty": None}, "what was there stays, what was made goes"


USERS = {
    "checkpoints/step-4/state.json": "GR-RUN-018",
    "checkpoints/notes.txt": "GR-RUN-018",
    "plan.json": "GR-RUN-018",
    "env.json": "GR-RUN-018",
    "journal.jsonl": "GR-RUN-018",
    "manifest.safetensors": "GR-RUN-018",
    "config.json": "GR-RUN-018",
    "notes.txt": "GR-RUN-018",
    ".lock": "GR-RUN-018",
    ".config.json.part": "GR-RUN-018",
    ".hidden/x": "GR-RUN-018",
}


@pytest.mark.parametrize(("name", "code"), USERS.items())
@pytest.mark.parametrize("content", [b"mine", b""])
def test_a_folder_with_the_users_files_is_refused_untouched(
    tmp_path: Path, name: str, code: str, content: bytes
) -> None:
    (tmp_path / "out" / name).parent.mkdir(parents=True)
    (tmp_path / "out" / name).write_bytes(content)
    before = contents(tmp_path)
    config = forecaster.JOB.recipes["smoke"]().config
    with (
        pytest.raises(UsageError, match=code),
        folder.new_run(tmp_path / "out", reference="x", recipe="smoke", config=config),
    ):
        raise AssertionError("it was begun")
    assert contents(tmp_path) == before


def test_a_folder_with_a_run_is_refused_as_one(tmp_path: Path) -> None:
    write_json(tmp_path / "config.json", HEADER)
    before = contents(tmp_path)
    with pytest.raises(UsageError, match="GR-RUN-009"), claimed(tmp_path):
        pass
    assert contents(tmp_path) == before


def test_a_folder_that_is_claimed_is_refused(tmp_path: Path) -> None:
    with claimed(tmp_path / "run"):
        for _ in range(3):
            with pytest.raises(UsageError, match="GR-RUN-009"), claimed(tmp_path / "run"):
                pass
        assert (tmp_path / "run" / LOCK).read_bytes() == MARK


def test_a_claim_of_a_killed_process_is_taken_over(tmp_path: Path) -> None:
    """It wrote no config, so there is no run to go on with."""
    (tmp_path / LOCK).write_bytes(MARK)
    (tmp_path / ".config.json.part").write_bytes(b"{")
    with claimed(tmp_path) as ours:
        ours.forget_untrained()
    assert contents(tmp_path) == {}


def test_what_came_into_the_folder_meanwhile_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the user's that lands between the look and the lock: the lock goes again, the file stays."""
    take = claim._take

    def late(path: Path) -> int | None:
        (path.parent / "mine.txt").write_bytes(b"mine")
        return take(path)

    monkeypatch.setattr(claim, "_take", late)
    with pytest.raises(UsageError, match="GR-RUN-018"), claimed(tmp_path / "run"):
        pass
    assert contents(tmp_path) == {"run": None, "run/mine.txt": b"mine"}


def test_what_others_put_beside_a_run_that_failed_stays(tmp_path: Path) -> None:
    with claimed(tmp_path / "run") as ours:
        write_json(tmp_path / "run" / "config.json", HEADER)
        for name in ("checkpoints/mine.txt", "checkpoints/step-0/state.json", "figures/one.png", "plan.json"):
            (tmp_path / "run" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "run" / name).write_bytes(b"x")
        ours.forget_untrained()
    left = {name for name, content in contents(tmp_path).items() if content is not None}
    assert left == {"run/checkpoints/mine.txt", "run/figures/one.png"}


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(MARK)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOCK).symlink_to(tmp_path / "target")
    with pytest.raises(UsageError, match="GR-RUN-018"), claimed(tmp_path / "run"):
        pass
    write_json(tmp_path / "run" / "config.json", HEADER)
    with pytest.raises(InputError, match="GR-RUN-002"), held(tmp_path / "run"):
        pass


def test_a_disk_without_room_for_the_lock_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(claim.os, "write", full)
    with pytest.raises(InputError, match="GR-RUN-001"), claimed(tmp_path / "a" / "run"):
        pass
    assert contents(tmp_path) == {}


CLAIMER = """
import os, sys
from pathlib import Path
from gradus.core.errors import UsageError
from gradus.core.files import write_json
from gradus.engine.claim import claimed
sys.stdin.readline()
for number in range(80):
    place = Path(sys.argv[1]) / str(number % 4)
    try:
        with claimed(place) as ours:
            os.close(os.open(place / "journal.jsonl", os.O_CREAT | os.O_EXCL))  # nobody else is in here
            write_json(place / "config.json", {"job": "x", "recipe": "y", "gradus": "0", "config": {}})
            print(number, flush=True)
            ours.forget_untrained()
    except UsageError as error:
        assert error.code == "GR-RUN-009", error
"""


def test_of_processes_that_claim_at_once_one_has_the_folder(tmp_path: Path) -> None:
    """Three processes make and take away four folders, over and over."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert sum(len(output.split()) for output in outputs) >= 80, "there was always one that had it"
    assert all(not any(path.iterdir()) for path in tmp_path.iterdir())

"""Checkpoints: every kind of state comes back to the bit; no damage goes unseen or costs more than one."""

import errno
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gradus.core.errors import InputError
from gradus.engine import checkpoint
from gradus.engine.checkpoint import Checkpoints


def save(
    checkpoints: Checkpoints, step: int, state: dict[str, Any] | None = None, *, best: bool = False
) -> None:
    checkpoints.save(
        step, state or {"model": {"step": step, "weight": torch.full((300,), float(step))}}, best=best
    )
    checkpoints.wait()


def saved(folder: Path, *steps: int, best: int = 0) -> Checkpoints:
    checkpoints = Checkpoints(folder)
    for step in steps:
        save(checkpoints, step, best=step == best)
    return checkpoints


def assert_same(one: Any, other: Any, path: str = "") -> None:
    """Two nested states are alike, tensors to the bit; sequences come back as lists."""
    if isinstance(one, Tensor):
        assert isinstance(other, Tensor), path
        assert (one.dtype, one.shape) == (other.dtype, other.shape), path
        assert torch.equal(one, other), path
    elif isinstance(one, dict):
        assert list(one) == list(other), path
        for key in one:
            assert_same(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), path
        for place, pair in enumerate(zip(one, other, strict=True)):
            assert_same(*pair, f"{path}.{place}")
    else:
        assert (type(one), one) == (type(other), other), path


# -- what goes in comes out --------------------------------------------------------------------------------


TENSORS = {
    "float": torch.randn(3, 4),
    "bfloat": torch.randn(5).bfloat16(),
    "half": torch.randn(5).half(),
    "double": torch.randn(5, dtype=torch.float64),
    "bool": torch.tensor([True, False]),
    "byte": torch.arange(256, dtype=torch.uint8),
    "long": torch.tensor(2**62),
    "empty": torch.empty(0, 7),
    "empty_again": torch.empty(0, 7),
    "transposed": torch.randn(4, 6).T,
    "strided": torch.arange(20.0)[3::4],
    "expanded": torch.randn(1, 3).expand(5, 3),
    "channels_last": torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
    "learnt": torch.randn(3, requires_grad=True),
    "infinite": torch.tensor([float("inf"), -float("inf")]),
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_come_back(tmp_path: Path, name: str) -> None:
    checkpoints = Checkpoints(tmp_path / "c")
    save(checkpoints, 1, {"part": {"tensor": TENSORS[name]}})
    got = Checkpoints(tmp_path / "c").load()
    assert got is not None
    assert_same({"part": {"tensor": TENSORS[name].detach()}}, got)


def test_nested_states_come_back(tmp_path: Path) -> None:
    state = {
        "model": nn.BatchNorm1d(3).state_dict() | {"dotted.name": torch.ones(2)},
        "loader": {
            "epoch": 3,
            "cursor": 0,
            "seed": 2**62,
            "share": 0.1 + 0.2,
            "none": None,
            "yes": True,
            "text": "é\n",
        },
        "deep": {"list": [1, [torch.ones(1), {"a": torch.zeros(2)}], (2.5, "x")], "empty": {}, "nothing": []},
        "run": {"odd": [float("inf"), 1e-300]},
        "without": {},
    }
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1, state)
    got = checkpoints.load()
    assert_same(
        json.loads(json.dumps(state, default=lambda t: "tensor")),
        json.loads(json.dumps(got, default=lambda t: "tensor")),
    )
    assert_same(dict(state["model"]), got["model"])
    assert_same(state["deep"], got["deep"])


def test_shared_tensors_are_written_once_and_come_back_everywhere(tmp_path: Path) -> None:
    tied = torch.randn(1000)
    state = {
        "model": {"a": tied, "b": tied, "view": tied.view(10, 100), "part": tied[:10]},
        "other": {"c": tied},
    }
    checkpoints = Checkpoints(tmp_path)
    save(checkpoints, 1, state)
    assert_same(state, checkpoints.load())
    assert (tmp_path / "step-1" / "model.safetensors").stat().st_size < 1.5 * 2 * 4000


def test_a_save_is_a_copy_of_its_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training goes on while the background thread writes."""
    moved = threading.Event()
    write = checkpoint._write_synced

    def late(path: Path, content: bytes) -> None:
        assert moved.wait(10)
        write(path, content)

    monkeypatch.setattr(checkpoint, "_write_synced", late)
    weight = torch.ones(4)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, {"model": {"weight": weight}})
    weight.add_(1)
    assert checkpoints.steps() == [], "nothing is there before it is whole"
    moved.set()
    checkpoints.wait()
    assert_same(checkpoints.load(), {"model": {"weight": torch.ones(4)}})


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    st.builds(torch.full, st.tuples(st.integers(0, 3)), st.floats(width=32, allow_nan=False)),
)
keys = st.text(min_size=1, max_size=4).filter(lambda key: not key.startswith("$") and "." not in key)
states = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(state=st.dictionaries(keys, states, max_size=3))
def test_any_state_is_joined_as_it_was_separated(state: dict[str, Any]) -> None:
    plain, tensors = checkpoint._separate(state)
    assert_same(state, checkpoint._join(json.loads(json.dumps(plain)), tensors))


def test_a_state_that_json_would_change_is_refused(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(AssertionError, match="must be strings"):
        checkpoints.save(1, {"part": {3: 1}})
    with pytest.raises(AssertionError, match="two tensors"):
        checkpoints.save(1, {"part": {"a.b": torch.ones(1), "a": {"b": torch.zeros(1)}}})


# -- which ones are kept -----------------------------------------------------------------------------------


def test_the_newest_two_and_the_best_are_kept(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 5, 10, 15, 20, 25, best=10)
    assert checkpoints.steps() == [25, 20, 10]
    assert checkpoints.named("best") == 10
    assert checkpoints.load()["model"]["step"] == 25
    assert checkpoints.load("best")["model"]["step"] == 10
    assert (tmp_path / "last").read_text() == "step-25\n"
    save(checkpoints, 30, best=True)
    assert checkpoints.steps() == [30, 25]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best", "last", "step-25", "step-30"]


def test_without_a_best_the_last_is_taken(tmp_path: Path) -> None:
    assert saved(tmp_path, 1, 2).load("best")["model"]["step"] == 2


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "absent")
    assert checkpoints.load() is None
    assert checkpoints.load("best") is None
    assert checkpoints.steps() == []
    checkpoints.wait()


def test_what_a_kill_left_half_written_is_no_checkpoint_and_goes(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1)
    shutil.copytree(tmp_path / "step-1", tmp_path / ".step-2.part")
    (tmp_path / "step-notes").mkdir()
    assert checkpoints.steps() == [1]
    save(checkpoints, 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["last", "step-1", "step-3", "step-notes"]


# -- damage ------------------------------------------------------------------------------------------------


def flip(path: Path, *, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 4
    path.write_bytes(bytes(content))


def reseal(folder: Path, **changes: Any) -> None:
    """Change the body of a state.json as someone would who also corrects its hash."""
    body = json.loads((folder / "state.json").read_text())["body"] | changes
    seal = checkpoint.sha256(json.dumps(body, indent=1).encode())
    (folder / "state.json").write_text(json.dumps({"sha256": seal, "body": body}))


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "weights cut short": lambda f: (f / "model.safetensors").write_bytes(
        (f / "model.safetensors").read_bytes()[:-9]
    ),
    "weights empty": lambda f: (f / "model.safetensors").write_bytes(b""),
    "weights gone": lambda f: (f / "model.safetensors").unlink(),
    "a bit of the header": lambda f: flip(f / "model.safetensors", place=0.01),
    "a bit of the weights": lambda f: flip(f / "model.safetensors", place=0.9),
    "state gone": lambda f: (f / "state.json").unlink(),
    "state empty": lambda f: (f / "state.json").write_bytes(b""),
    "state cut short": lambda f: (f / "state.json").write_bytes((f / "state.json").read_bytes()[:-40]),
    "another number in the state": lambda f: (f / "state.json").write_text(
        (f / "state.json").read_text().replace('"step": 2', '"step": 9').replace('"step": 1', '"step": 9')
    ),
    "a bit of the state": lambda f: flip(f / "state.json", place=0.7),
    "state not text": lambda f: (f / "state.json").write_bytes(b"\xff\xfe\x00"),
    "state of another kind": lambda f: (f / "state.json").write_text("[1, 2]"),
    "state without a body": lambda f: (f / "state.json").write_text("{}"),
    "state null": lambda f: (f / "state.json").write_text("null"),
    "body null": lambda f: (f / "state.json").write_text('{"sha256": "", "body": null}'),
    "everything gone": lambda f: [p.unlink() for p in f.iterdir()],
    "a folder in a file's place": lambda f: ((f / "state.json").unlink(), (f / "state.json").mkdir()),
    "a later format": lambda f: reseal(f, format=2),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_and_told(tmp_path: Path, kind: str) -> None:
    checkpoints = saved(tmp_path, 1, 2)
    DAMAGES[kind](tmp_path / "step-2")
    assert checkpoints.load()["model"]["step"] == 1
    checkpoints.load()
    assert len(checkpoints.damaged) == 1, "told once, however often it is met"
    assert checkpoints.damaged[0].startswith("checkpoint step-2 is damaged (")
    save(checkpoints, 2)
    assert Checkpoints(tmp_path).load()["model"]["step"] == 2, "it is replaced when its step comes again"


@pytest.mark.parametrize("kind", DAMAGES)
def test_without_a_whole_one_it_is_an_error(tmp_path: Path, kind: str) -> None:
    checkpoints = saved(tmp_path, 1, 2)
    for step in (1, 2):
        DAMAGES[kind](tmp_path / f"step-{step}")
    with pytest.raises(InputError, match="GR-RUN-007") as caught:
        checkpoints.load()
    assert "step-1 is damaged" in caught.value.got
    assert "step-2 is damaged" in caught.value.got


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"step-", b"step-99", b"../../x", b"step-\xc2\xb2\n"])
def test_a_damaged_pointer_hides_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    checkpoints = saved(tmp_path, 1, 2, 3, best=1)
    for name in ("best", "last"):
        (tmp_path / name).write_bytes(content)
    assert checkpoints.load()["model"]["step"] == 3
    assert checkpoints.load("best")["model"]["step"] == 3
    save(checkpoints, 4, best=True)
    assert checkpoints.load("best")["model"]["step"] == 4


def test_a_damaged_best_gives_the_newest_and_is_told(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 1, 2, 3, best=1)
    DAMAGES["weights cut short"](tmp_path / "step-1")
    assert checkpoints.load("best")["model"]["step"] == 3
    assert "step-1" in checkpoints.damaged[0]


# -- a disk that refuses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("at", ["model.safetensors", "state.json"])
def test_a_full_disk_is_told_and_costs_no_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str, code: int
) -> None:
    checkpoints = saved(tmp_path, 1)
    write = checkpoint._write_synced

    def full(path: Path, content: bytes) -> None:
        write(path, content[: len(content) // 2] if path.name == at else content)
        if path.name == at:
            raise OSError(code, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_write_synced", full)
        checkpoints.save(2, {"model": {"weight": torch.ones(3)}}, best=True)
        with pytest.raises(InputError, match="GR-RUN-001") as caught:
            checkpoints.wait()
    assert caught.value.where == str(tmp_path / "step-2")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["last", "step-1"]
    assert checkpoints.load()["model"]["step"] == 1
    assert checkpoints.damaged == []
    save(checkpoints, 2)
    assert checkpoints.load()["model"]["step"] == 2


def test_the_failure_of_a_save_is_raised_by_the_next_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    checkpoints = Checkpoints(tmp_path / "file")
    checkpoints.save(1, {"model": {}})
    with pytest.raises(InputError, match="GR-RUN-002"):
        checkpoints.save(2, {"model": {}})
    checkpoints.wait()  # told once

"""Devices: what is picked, what is told of the machine, and sums over processes in one order."""

import pytest
import torch
from torch import Tensor

from gradus.core.errors import UsageError
from gradus.engine import devices
from gradus.engine.devices import World, environment, joined_world, memory_used_bytes, pick_device


def test_auto_takes_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for present, wanted, got in ((True, "auto", "cuda"), (False, "auto", "cpu"), (True, "cpu", "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda present=present: present)
        assert pick_device(wanted).type == got


def test_a_device_that_is_absent_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="GR-CONFIG-004"):
        pick_device("cuda")


def test_one_process_is_a_world_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (None, "1"):
        monkeypatch.delenv("WORLD_SIZE", raising=False)
        if size:
            monkeypatch.setenv("WORLD_SIZE", size)
        with joined_world(print) as world:
            assert world == World(0, 1)
    World().wait()


def test_sums_travel_by_data_type_in_an_order_that_all_processes_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Processes that send their messages in another order would add weights to counts, or wait forever."""
    sent: list[torch.dtype] = []

    def twice(flat: Tensor) -> None:
        sent.append(flat.dtype)
        flat.mul_(2)

    monkeypatch.setattr(devices.dist, "all_reduce", twice)
    kinds = [torch.float64, torch.float16, torch.int64, torch.bfloat16, torch.float32, torch.int32]
    tensors = [torch.full(shape, 3, dtype=kind) for kind in kinds for shape in ((2, 3), (), (0,))]
    last = torch.arange(24).reshape(1, 2, 3, 4).float().contiguous(memory_format=torch.channels_last)
    World(0, 2).sum_([*tensors, last])
    assert sent == kinds
    assert all(torch.equal(t, torch.full_like(t, 6)) for t in tensors)
    assert torch.equal(last, 2 * torch.arange(24).reshape(1, 2, 3, 4))


def test_the_environment_is_told_without_names_of_people_or_hosts() -> None:
    told = environment()
    assert set(told) == {"machine", "versions"}
    assert set(told["machine"]) == {"processor", "cores", "threads", "cuda", "system"}
    assert told["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert memory_used_bytes(torch.device("cpu")) > 2**20

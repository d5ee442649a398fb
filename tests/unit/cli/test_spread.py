"""Several processes: what torchrun is told, and what becomes of a process that fails."""

import logging
from pathlib import Path
from signal import Signals

import pytest
import torch
from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from gradus.cli.processes import spread
from gradus.core.errors import InputError
from gradus.engine import devices
from gradus.engine.devices import World
from gradus.engine.signals import Interrupted


@pytest.fixture
def told(monkeypatch):
    """What torchrun was told; nothing is started."""
    seen = []
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(torchrun, "main", seen.append)
    return seen


def test_each_process_runs_the_same_command(told):
    assert spread(3, ["resume", "run"], run=Path("run")) == 0
    ((*given, logs, module, name, verb, run),) = told
    assert given == ["--standalone", "--nproc-per-node", "3", "--log-dir"]
    assert (module, name, verb, run) == ("-m", "gradus", "resume", "run")
    assert not Path(logs).exists()


@pytest.mark.parametrize(("exitcode", "status"), [(2, 2), (1, 1)])
def test_the_first_failure_is_the_exit_status(told, monkeypatch, exitcode, status):
    def fail(given):
        failure = ProcessFailure(local_rank=0, pid=1, exitcode=exitcode, error_file="<N/A>")
        raise ChildFailedError("gradus", {0: failure})

    monkeypatch.setattr(torchrun, "main", fail)
    assert spread(2, ["resume", "run"], run=Path("run")) == status
    assert logging.root.manager.disable == logging.NOTSET


def failures(monkeypatch, **exitcodes):
    """Let torchrun end with these processes, in this order."""

    def fail(given):
        made = {
            int(rank.removeprefix("rank")): ProcessFailure(
                local_rank=0, pid=1, exitcode=exitcode, error_file="<N/A>"
            )
            for rank, exitcode in exitcodes.items()
        }
        for place, failure in enumerate(made.values()):
            failure.timestamp = place
        raise ChildFailedError("gradus", made)

    monkeypatch.setattr(torchrun, "main", fail)


@pytest.mark.parametrize(
    ("exitcodes", "said"),
    [
        ({"rank1": -9, "rank0": 1}, "SIGKILL in process 1"),
        ({"rank0": 1, "rank2": -6}, "SIGABRT in process 2"),
        ({"rank0": -15}, "SIGTERM in process 0"),
    ],
)
def test_a_process_that_was_killed_is_told(told, monkeypatch, exitcodes, said):
    failures(monkeypatch, **exitcodes)
    with pytest.raises(InputError, match=f"{said}.*GR-RUN-022"):
        spread(3, ["resume", "run"], run=Path("run"))


def test_processes_that_the_launcher_ends_after_an_error_are_not(told, monkeypatch):
    failures(monkeypatch, rank1=2, rank0=-15)
    assert spread(2, ["resume", "run"], run=Path("run")) == 2


@pytest.mark.parametrize("number", [Signals.SIGINT, Signals.SIGTERM])
def test_a_signal_is_an_interruption(told, monkeypatch, number):
    def stop(given):
        raise SignalException("stopped", number)

    monkeypatch.setattr(torchrun, "main", stop)
    with pytest.raises(Interrupted) as caught:
        spread(2, ["resume", "run"], run=Path("run"))
    assert caught.value.number == number


WORLD = World(1, 2)
TOGETHER = {
    "barrier": WORLD.wait,
    "all_reduce": lambda: WORLD.sum_([torch.ones(2)]),
    "all_gather_object": lambda: WORLD.union(["loss"]),
    "broadcast_object_list": lambda: WORLD.of_first(3),
}


@pytest.mark.parametrize("message", TOGETHER)
def test_a_process_whose_peer_is_gone_ends_quietly(monkeypatch, message):
    def fail(*_, **__):
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(devices.dist, message, fail)
    with pytest.raises(SystemExit) as ended:
        TOGETHER[message]()
    assert ended.value.code == 1


def test_an_error_of_our_own_is_not_taken_for_a_lost_peer(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("sizes of tensors must match")

    monkeypatch.setattr(devices.dist, "all_reduce", fail)
    with pytest.raises(RuntimeError, match="sizes"):
        WORLD.sum_([torch.ones(2)])

"""Several processes: what torchrun is told, and what becomes of a process that fails."""

import logging
from pathlib import Path
from signal import Signals

import pytest
from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from gradus.cli.processes import spread
from gradus.engine import devices
from gradus.engine.devices import World


@pytest.fixture
def told(monkeypatch):
    """What torchrun was told; nothing is started."""
    seen = []
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(torchrun, "main", seen.append)
    return seen


def test_each_process_runs_the_same_command(told):
    assert spread(3, ["resume", "run"]) == 0
    ((*given, logs, module, name, verb, run),) = told
    assert given == ["--standalone", "--nproc-per-node", "3", "--log-dir"]
    assert (module, name, verb, run) == ("-m", "gradus", "resume", "run")
    assert not Path(logs).exists()


@pytest.mark.parametrize(("exitcode", "status"), [(2, 2), (1, 1), (-9, 1)])
def test_the_first_failure_is_the_exit_status(told, monkeypatch, exitcode, status):
    def fail(given):
        failure = ProcessFailure(local_rank=0, pid=1, exitcode=exitcode, error_file="<N/A>")
        raise ChildFailedError("gradus", {0: failure})

    monkeypatch.setattr(torchrun, "main", fail)
    assert spread(2, ["resume", "run"]) == status
    assert logging.root.manager.disable == logging.NOTSET


def test_a_signal_is_an_interruption(told, monkeypatch):
    def stop(given):
        raise SignalException("stopped", Signals.SIGINT)

    monkeypatch.setattr(torchrun, "main", stop)
    with pytest.raises(KeyboardInterrupt):
        spread(2, ["resume", "run"])


def test_a_process_whose_peer_is_gone_ends_quietly(monkeypatch):
    def fail():
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(devices.dist, "barrier", fail)
    with pytest.raises(SystemExit) as ended:
        World(1, 2).wait()
    assert ended.value.code == 1

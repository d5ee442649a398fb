"""Several processes for one run: the same command again, under torchrun."""

import logging
import os
import tempfile


def spread(count: int, command: list[str]) -> int:
    """Run ``gradus COMMAND`` in ``count`` processes that share every batch; returns the exit status."""
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // count))
    logging.disable()  # a process that fails has said why: torchrun would say that it did, at length
    try:
        with tempfile.TemporaryDirectory() as logs:  # torchrun would leave one of its own behind
            started = ["--standalone", "--nproc-per-node", str(count), "--log-dir", logs]
            torchrun.main([*started, "-m", "gradus", *command])
    except ChildFailedError as failed:
        _, first = failed.get_first_failure()
        return max(1, first.exitcode)  # below 0 where a signal ended it
    except SignalException as stopped:
        raise KeyboardInterrupt from stopped
    finally:
        logging.disable(logging.NOTSET)
    return 0

"""Two that make one run folder at the same moment; tests/slow/races.py does it with whole trainings."""

import threading
from pathlib import Path

import pytest

from gradus.core.errors import GradusError
from gradus.engine import folder
from tests.contract.toys import forecaster


@pytest.mark.parametrize("pair", range(10))
def test_one_of_two_makes_the_folder_and_the_other_is_refused(tmp_path: Path, pair: int) -> None:
    """The one that is refused leaves before the one that works is done, and takes nothing of it away."""
    start, refusals, begun = threading.Barrier(2), [], []
    refused = threading.Event()

    def train(seed: int) -> None:
        config = forecaster.Config(width=4 + seed)
        start.wait(5.0)
        try:
            with folder.new_run(tmp_path / "run", reference="toy", recipe="smoke", config=config):
                refused.wait(1.0)
                begun.append(seed)
                (tmp_path / "run" / "journal.jsonl").write_text('{"fact": "saved", "step": 1}\n')
        except GradusError as error:
            refusals.append(error.code)
            refused.set()

    threads = [threading.Thread(target=train, args=(seed,)) for seed in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refusals == ["GR-RUN-009"]
    assert folder.header(tmp_path / "run")["config"]["width"] == 4 + begun[0]

"""Real data for the tests that want them: the folder that GRADUS_DATA names, else those tests are skipped."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def real_data() -> Path:
    folder = os.environ.get("GRADUS_DATA")
    if not folder:
        pytest.skip("GRADUS_DATA is not set")
    return Path(folder)

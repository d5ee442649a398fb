"""Every test checks the shapes in gradus' type hints: jaxtyping's import hook with beartype."""

import os

import torch
from jaxtyping import install_import_hook

import tests.typechecker  # noqa: F401 - the hook below finds it as an attribute of tests

install_import_hook("gradus", "tests.typechecker.checked")

torch.set_num_threads(int(os.environ.get("GRADUS_TEST_THREADS", "2")))

"""Every test checks the shapes in gradus' type hints: jaxtyping's import hook with beartype."""

import os

import torch
from jaxtyping import install_import_hook

install_import_hook("gradus", "beartype.beartype")

torch.set_num_threads(int(os.environ.get("GRADUS_TEST_THREADS", "2")))

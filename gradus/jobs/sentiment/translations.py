"""Training texts in other words, by two translation models of the user's, made once before training."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from gradus.core.errors import UsageError
from gradus.data.text_augment import TextAugmentConfig
from gradus.data.texts import key_of
from gradus.data.translate import Translations, back_translations, translator
from gradus.engine.run import Run
from gradus.jobs.sentiment.data import DataConfig, load


def translations_of(data: DataConfig, augment: TextAugmentConfig, run: Run) -> Translations:
    """The training texts in other words, where the settings name models that translate there and back."""
    folders = [augment.translate_there, augment.translate_back]
    if folders == [None, None]:
        return []
    if None in folders:
        missing = "translate_back" if augment.translate_there else "translate_there"
        raise UsageError(
            "GR-CONFIG-003",
            where=f"--augment.{missing}",
            wanted="a model for each of the two ways",
            got="none",
            remedy="Give both --augment.translate_there and --augment.translate_back, or neither.",
        )
    found: dict[str, Any] = run.decide(
        "translations",
        lambda: translated(data, *map(str, folders), device=run.device),
        "training texts by their place, translated there and back once",
    )
    return [(place, text) for place, text in found["texts"]]


@lru_cache(maxsize=1)  # probes build a job several times; texts are translated once
def translated(data: DataConfig, there: str, back: str, *, device: torch.device) -> dict[str, Any]:
    """The training texts in other words, by the models in two folders."""
    splits = load(data).texts.splits
    elsewhere = {key_of(text) for name, part in splits.items() if name != "train" for text in part.texts}
    one, other = (translator(Path(folder).expanduser(), device=device) for folder in (there, back))
    return back_translations(splits["train"].texts, there=one, back=other, elsewhere=elsewhere)

"""Back-translation: a text said in other words, by way of another language and back.

Papers: Sennrich et al. 2016, arXiv 1511.06709, section 3; for classifiers, Xie et al. 2020, arXiv 1904.12848,
section 2.2. Departures: the likeliest next word is always taken (greedy), so that the same models and texts
give the same translations.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from gradus.core.errors import InputError, UsageError
from gradus.data.texts import Texts, key_of

Translate = Callable[[Sequence[str]], list[str]]
Translations = Sequence[tuple[int, str]]
"""Texts in other words, each with the place of the text that it was made of."""
AT_ONCE = 32  # texts
ROOM = 16  # tokens that a translation may have beyond twice those of its text


def back_translations(
    texts: Sequence[str], *, there: Translate, back: Translate, elsewhere: set[str]
) -> dict[str, Any]:
    """Each text in other words, with its place, as plain JSON values.

    Left out and counted are those that came back empty (a model leaves out what is too long for it), those
    that came back as they went, and those that another split has: ``elsewhere`` are the keys of its texts.
    """
    kept, left = list[tuple[int, str]](), {"empty_or_too_long": 0, "unchanged": 0, "as_in_another_split": 0}
    for place, (text, other) in enumerate(zip(texts, back(there(texts)), strict=True)):
        if not key_of(other):
            left["empty_or_too_long"] += 1
        elif key_of(other) == key_of(text):
            left["unchanged"] += 1
        elif key_of(other) in elsewhere:
            left["as_in_another_split"] += 1
        else:
            kept.append((place, other))
    return {"texts": kept, "translated": len(kept), **left}


def with_translations(texts: Texts, made: Translations) -> Texts:
    """The texts, and after them those that were made of them, with the labels of what they were made of."""
    return Texts(
        [*texts.texts, *(other for _, other in made)],
        [*texts.labels, *(texts.labels[place] for place, _ in made)],
        [*texts.names, *(f"{texts.names[place]}, translated" for place, _ in made)],
    )


def translator(folder: Path, *, device: torch.device) -> Translate:
    """The translations of a sequence-to-sequence model in Hugging Face's format, in a folder.

    A text that is empty, or longer than the model reads, comes back empty. Only safetensors are read, and no
    code of the folder is run. UsageError where the library transformers is not installed, InputError where
    the folder is no such model.
    """
    try:
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
    except ImportError as error:
        raise UsageError(
            "GR-TEXT-022",
            where="--augment.translate_there",
            wanted="the library transformers",
            got="none",
            remedy="Run `pip install 'gradus[translate]'`.",
        ) from error
    if not folder.is_dir():
        raise _no_model(folder, "no folder")
    try:
        # Weights that are missing would be drawn at random: what else is drawn must not change by it.
        with torch.random.fork_rng(devices=[]):
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = AutoModelForSeq2SeqLM.from_pretrained(folder, local_files_only=True, use_safetensors=True)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise _no_model(folder, (str(error).splitlines() or [""])[0][:200]) from error
    model = model.to(device).eval()

    def translate(texts: Sequence[str]) -> list[str]:
        said = [""] * len(texts)
        lengths = [len(tokenizer(text)["input_ids"]) for text in texts]
        readable = [i for i, text in enumerate(texts) if text and lengths[i] <= tokenizer.model_max_length]
        readable.sort(key=lengths.__getitem__)
        for start in range(0, len(readable), AT_ONCE):
            places = readable[start : start + AT_ONCE]
            given = tokenizer([texts[i] for i in places], return_tensors="pt", padding=True)
            given = {name: given[name].to(device) for name in ("input_ids", "attention_mask")}
            most = 2 * given["input_ids"].shape[1] + ROOM
            with torch.no_grad():
                made = model.generate(**given, do_sample=False, num_beams=1, max_new_tokens=most)
            for place, text in zip(
                places, tokenizer.batch_decode(made, skip_special_tokens=True), strict=True
            ):
                said[place] = text.strip()
        return said

    return translate


def _no_model(folder: Path, got: str) -> InputError:
    return InputError(
        "GR-TEXT-038",
        where=str(folder),
        wanted="a translation model with its tokenizer, its weights in model.safetensors",
        got=got,
        remedy="Give the folder of such a model, in Hugging Face's format.",
    )

"""How long the bag of n-grams takes to learn the film sentences, beside fastText, and what each scores.

Both begin with the sentences in memory or in a file, cut them into words, count, and train; one thread each,
in turn. Seconds are of the processor, so that a busy machine changes them little. fastText reads the words
as our tokeniser cuts them, and has the settings that were best on the validation sentences.

    pip install fasttext-numpy2
    python bench/speed/bag.py [--rounds 5] [--out bench/speed/bag.json]
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import fasttext
import torch

from gradus.data.tokenise import split_words
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.devices import environment
from gradus.engine.loop import Training, measure
from gradus.engine.run import Run
from gradus.jobs import find
from gradus.jobs.sentiment.config import Config
from gradus.jobs.sentiment.data import load
from gradus.models.text_bag import TextBagConfig

FASTTEXT = {"lr": 0.5, "epoch": 5, "wordNgrams": 2, "bucket": 200_000, "thread": 1, "verbose": 0}


def bag_configs() -> dict[str, Config]:
    """Our bag of words and pairs, as fastText's is, and that of the recipe sst2 with pieces of words too."""
    config = find("sentiment").recipes["sst2"]().config
    assert isinstance(config.model, TextBagConfig)
    few = replace(config.train, batch=512, steps=41, rate=1.2e-2)  # three epochs
    words = replace(config, model=replace(config.model, letters=0), train=few)
    return {"words and pairs": words, "the recipe sst2": config}


def with_gradus(config: Config, *, seed: int) -> tuple[float, float]:
    """Seconds and accuracy on the test sentences."""
    config = replace(config, train=replace(config.train, seed=seed))
    job = find("sentiment")
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(sys.stderr):
        start = time.process_time()
        run = Run(config.train, device=torch.device("cpu"), folder=Path(place))
        unscored = replace(job, evaluate=lambda *_: {})
        training = Training(unscored, config, run, checkpoints=Checkpoints(Path(place) / "checkpoints"))
        training.train()
        seconds = time.process_time() - start
        return seconds, measure(job, config, training.parts, run, split="test")["accuracy"]


def with_fasttext(config: Config) -> tuple[float, float]:
    """The same of fastText."""
    splits = load(config.data).texts.splits
    with tempfile.TemporaryDirectory() as place:
        files = {split: Path(place) / f"{split}.txt" for split in ("train", "test")}
        for split, file in files.items():
            some = splits[split]
            lines = [
                f"__label__{labels[0]} {' '.join(split_words(text.lower()))}\n"
                for text, labels in zip(some.texts, some.labels, strict=True)
            ]
            file.write_text("".join(lines), encoding="utf-8")
        start = time.process_time()
        model = fasttext.train_supervised(str(files["train"]), **FASTTEXT)
        return time.process_time() - start, model.test(str(files["test"]))[1]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--out", type=Path, help="write the record to this file")
    asked = options.parse_args()
    torch.set_num_threads(1)
    configs = bag_configs()
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ("fasttext", *configs)}
    for turn in range(asked.rounds + 1):
        one = {"fasttext": with_fasttext(configs["the recipe sst2"])}
        one |= {name: with_gradus(config, seed=max(0, turn - 1)) for name, config in configs.items()}
        for name in found:
            found[name] += [one[name]] if turn else []  # the first round warms up
    record = {}
    for name, runs in found.items():
        seconds, accuracy = map(list, zip(*runs, strict=True))
        ratio = statistics.median(
            s / theirs for s, (theirs, _) in zip(seconds, found["fasttext"], strict=True)
        )
        record[name] = {"seconds": seconds, "accuracy": accuracy, "ratio": ratio}
        print(
            f"{name:16s} {statistics.median(seconds):.2f} CPU seconds, {ratio:.2f} times fastText's, "
            f"accuracy {statistics.mean(accuracy):.4f}"
        )
    if asked.out:
        told = {"runs": record, "fasttext_settings": FASTTEXT, **environment()}
        asked.out.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()

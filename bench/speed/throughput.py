"""What whole trainings take in a second, beside a plain PyTorch loop of the same model on the same data.

Sentences are tokenised and learnt, windows of series are cut and learnt, sounds are turned to spectra and
learnt. The engine runs whole (journal, progress line, ten checkpoints); the plain loop has a Dataset, a
DataLoader and an optimizer, and nothing else. Files are read before the clocks start, the same number of
batches of one size is learnt, without augmentation, and the two are timed in turn.

    python bench/speed/throughput.py [--only sentiment forecasting speech] [--rounds 5]
"""

import argparse
import contextlib
import json
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from gradus.cli.progress import Line
from gradus.data.sound_augment import SoundAugmentConfig
from gradus.data.text_augment import TextAugmentConfig
from gradus.engine.checkpoint import Checkpoints
from gradus.engine.devices import environment
from gradus.engine.journal import Journal
from gradus.engine.loop import Training
from gradus.engine.run import Run
from gradus.jobs import find
from gradus.jobs.forecasting.inputs import load as load_series
from gradus.jobs.sentiment.data import load as load_texts
from gradus.jobs.speech.config import DecodeConfig
from gradus.jobs.speech.data import load as load_sounds
from gradus.models.text_cnn import TextCnn, TextCnnConfig

CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A job's training, and the same by hand."""

    unit: str
    job: str
    config: Any
    size: float
    """Units in an item of a batch."""
    by_hand: Callable[[], int]
    """Trains and returns the number of steps that it took."""


def with_gradus(work: Workload) -> int:
    unscored = {"evaluate": lambda *_: {}, "settle": lambda *_: None}  # as the plain loop is
    job = replace(find(work.job), **unscored)
    with tempfile.TemporaryDirectory() as place, contextlib.redirect_stdout(sys.stderr):
        run = Run(work.config.train, device=CPU, folder=Path(place))
        training = Training(job, work.config, run, checkpoints=Checkpoints(Path(place) / "checkpoints"))
        journal = Journal(Path(place) / "journal.jsonl")
        journal.listen(run.listeners)
        line = Line(job.headline)
        line.live = False
        line.listen(run.listeners)
        training.train()
        journal.close()
    return run.step


def learn(model: nn.Module, loader: DataLoader, config: Any, loss: Callable[[Any], Tensor]) -> int:
    """The plain loop: as many epochs as make the wanted steps."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.train.rate, weight_decay=0.0, fused=True)
    model.train()
    steps = 0
    while steps < config.train.steps:
        for batch in loader:
            optimizer.zero_grad()
            loss(batch).backward()
            optimizer.step()
            steps += 1
    return steps


def plain(config: Any, *, epochs: int, items: int) -> Any:
    """The config with whole epochs in single precision, and nothing that the plain loop does not do."""
    steps = epochs * (items // config.train.batch)
    train = replace(config.train, steps=steps, precision="fp32", warmup=0, keep="last")
    return replace(config, train=replace(train, optim=replace(train.optim, ema=None, clip_norm=None)))


def sentiment(epochs: int) -> Workload:
    config = find("sentiment").recipes["sst2"]().config
    config = replace(config, model=TextCnnConfig(), members=1, augment=TextAugmentConfig())
    train = load_texts(config.data).texts.splits["train"]
    config = plain(config, epochs=epochs, items=len(train))

    def by_hand() -> int:
        words = [re.findall(r"\w+|[^\w\s]", text.lower()) for text in train.texts]
        counts = Counter(word for text in words for word in text)
        number = {word: place for place, (word, _) in enumerate(counts.most_common(), start=2)}
        encoded = [torch.tensor([number[word] for word in text] or [1]) for text in words]
        classes = sorted({labels[0] for labels in train.labels})
        labels = [classes.index(labels[0]) for labels in train.labels]

        def collate(items: list[tuple[Tensor, int]]) -> tuple[Tensor, Tensor]:
            texts, some = zip(*items, strict=True)
            return pad_sequence(list(texts), batch_first=True), torch.tensor(some)

        items = list(zip(encoded, labels, strict=True))
        loader = DataLoader(items, config.train.batch, shuffle=True, drop_last=True, collate_fn=collate)
        model = TextCnn(config.model, num_words=len(number) + 2, num_classes=len(classes))
        return learn(model, loader, config, lambda b: F.cross_entropy(model(b[0], b[0] != 0), b[1]))

    return Workload(unit="sentences", job="sentiment", config=config, size=1, by_hand=by_hand)


class Windows(Dataset):
    """Every window of the training rows, as a Dataset is usually written."""

    def __init__(self, rows: Tensor, *, past: int, future: int) -> None:
        self.rows, self.past, self.future = rows, past, future

    def __len__(self) -> int:
        return len(self.rows) - self.past - self.future + 1

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor]:
        now = place + self.past
        return self.rows[place:now], self.rows[now : now + self.future]


def forecasting(epochs: int) -> Workload:
    job = find("forecasting")
    config = replace(job.recipes["ett_h1_96"]().config, members=1)
    count = len(job.build(config, Run(config.train, device=CPU)).series.starts("train"))
    config = plain(config, epochs=epochs, items=count)
    steps = {"past": config.data.input_steps, "future": config.data.horizon}
    rows = torch.from_numpy(load_series(config.data)[0][0].inputs).float()
    rows = rows[: count + sum(steps.values()) - 1]  # those of the training windows

    def by_hand() -> int:
        model = job.build(config, Run(config.train, device=CPU)).model
        loader = DataLoader(Windows(rows, **steps), config.train.batch, shuffle=True, drop_last=True)

        def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
            past, future = batch
            error = (model(past)["forecast"] - future[:, :, : model.targets]) / model.std[: model.targets]
            return error.square().mean()

        return learn(model, loader, config, loss)

    return Workload(unit="windows", job="forecasting", config=config, size=1, by_hand=by_hand)


def speech(epochs: int) -> Workload:
    job = find("speech")
    alone = {"augment": SoundAugmentConfig(), "decode": DecodeConfig(), "committee": ()}
    config = replace(job.recipes["fsdd"]().config, **alone)
    train = load_sounds(config.data).splits["train"]
    config = plain(config, epochs=epochs, items=len(train))
    sounds = [train.sounds[place] for place in range(len(train))]
    seconds = sum(map(len, sounds)) / len(sounds) / config.data.rate_hz

    def by_hand() -> int:
        letters = sorted(set("".join(train.texts)))
        texts = [torch.tensor([letters.index(letter) + 1 for letter in text]) for text in train.texts]

        def collate(items: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, ...]:
            some, text = zip(*items, strict=True)
            lengths = (torch.tensor([len(item) for item in each]) for each in (some, text))
            return pad_sequence(list(some), batch_first=True), pad_sequence(list(text), True), *lengths

        items = list(zip(sounds, texts, strict=True))
        loader = DataLoader(items, config.train.batch, shuffle=True, drop_last=True, collate_fn=collate)
        model = job.build(config, Run(config.train, device=CPU)).model

        def loss(batch: tuple[Tensor, ...]) -> Tensor:
            sound, text, samples, length = batch
            output = model(sound, samples)
            return F.ctc_loss(output["log_probs"].transpose(0, 1), text, output["steps"], length)

        return learn(model, loader, config, loss)

    return Workload(unit="audio seconds", job="speech", config=config, size=seconds, by_hand=by_hand)


WORKLOADS = {"sentiment": (sentiment, 2), "forecasting": (forecasting, 2), "speech": (speech, 1)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--threads", type=int, help="of torch; all cores unless told")
    options.add_argument("--out", type=Path, help="write the record to this file")
    asked = options.parse_args()
    if asked.threads:
        torch.set_num_threads(asked.threads)
    record = {}
    for name in asked.only:
        make, epochs = WORKLOADS[name]
        work = make(epochs)
        loops = {"plain loop": work.by_hand, "gradus": lambda work=work: with_gradus(work)}
        speeds: dict[str, list[float]] = {loop: [] for loop in loops}
        for turn in range(asked.rounds + 1):
            for loop, train in loops.items():
                start = time.perf_counter()
                items = train() * work.config.train.batch * work.size
                if turn:  # the first round warms up
                    speeds[loop].append(items / (time.perf_counter() - start))
        medians = {loop: statistics.median(column) for loop, column in speeds.items()}
        ratio = statistics.median(g / p for g, p in zip(speeds["gradus"], speeds["plain loop"], strict=True))
        print(
            f"{name:12s} {work.unit} a second: gradus {medians['gradus']:,.0f}, "
            f"plain loop {medians['plain loop']:,.0f}, ratio {ratio:.2f}",
            flush=True,
        )
        record[name] = {"unit": f"{work.unit} a second", "values": speeds, "medians": medians, "ratio": ratio}
    if asked.out:
        asked.out.write_text(json.dumps(record | environment(), indent=2) + "\n")


if __name__ == "__main__":
    main()

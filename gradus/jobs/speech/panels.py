"""What the report of a recogniser shows: clips as said and as heard, confusions, a batch, streaming."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gradus.data.characters import Spelling
from gradus.data.sound_sets import Clips
from gradus.engine.job import Panel
from gradus.engine.run import Batch
from gradus.jobs.speech.answer import coloured, spectrogram
from gradus.jobs.speech.streaming import Latency, can_stream, measure_latency
from gradus.metrics.transcripts import TranscriptScore, word_errors

SHOWN, COLUMNS = 12, 3
WORST, CONFUSED, STREAMED = 20, 20, 40


@dataclass(frozen=True, slots=True)
class Heard:
    """A split, and what a model heard in it."""

    clips: Clips
    texts: list[str]
    best_paths: list[str]
    """By the likeliest token of each step, whatever the decoder."""

    def score(self) -> TranscriptScore:
        """The score of the whole split."""
        score = TranscriptScore()
        score.update(self.clips.texts, self.texts)
        return score


def panels(config: Any, parts: Any, heard: Heard, *, batch: Batch) -> list[Panel]:
    """The panels of a run, from its test split and a training batch."""
    rate_hz = config.data.rate_hz
    return [
        _clips(heard, rate_hz),
        _worst(heard),
        _confusions(heard.score()),
        _batch(batch, parts.splits.spelling, rate_hz),
        *_streaming(config, parts, heard),
    ]


def _clips(heard: Heard, rate_hz: int) -> Panel:
    """Spectrograms of clips spread over the test split."""
    count = min(SHOWN, len(heard.clips))
    places = [place * len(heard.clips) // count for place in range(count)]
    captions = [f"said: {heard.clips.texts[i]}\nheard: {heard.texts[i]}" for i in places]
    return Panel(
        title="Said and heard",
        sentence=f"{count} of {len(heard.clips)} test recordings; time goes right, frequency up.",
        figure=spectrograms_figure([heard.clips.sounds[i] for i in places], captions, rate_hz=rate_hz),
    )


def _worst(heard: Heard) -> Panel:
    """The clips with the most errors for their length."""
    clips = heard.clips
    wrong = [i for i in range(len(clips)) if clips.texts[i].split() != heard.texts[i].split()]
    rated = sorted((-word_errors(clips.texts[i], heard.texts[i]), clips.names[i], i) for i in wrong)
    return Panel(
        title="Worst recordings",
        sentence=f"{len(wrong)} of {len(clips)} transcripts have an error; wrong transcripts show here."
        if wrong
        else "Every test transcript is right.",
        columns=("recording", "said", "heard", "word error rate") if wrong else (),
        rows=[(name, clips.texts[i], heard.texts[i], -rate) for rate, name, i in rated[:WORST]],
    )


def _confusions(score: TranscriptScore) -> Panel:
    """The words that were most often heard as others."""
    common = score.confusions.most_common(CONFUSED)
    words = score.words
    return Panel(
        title="Confusions of words",
        sentence=f"{words.substitutions} substituted, {words.deletions} missed, {words.insertions} made up "
        f"of {words.hits + words.substitutions + words.deletions} words.",
        columns=("said", "heard", "times") if common else (),
        rows=[(said or "(nothing)", heard or "(nothing)", times) for (said, heard), times in common],
    )


def _batch(batch: Batch, spelling: Spelling, rate_hz: int) -> Panel:
    """Training recordings after augmentation."""
    count = min(SHOWN, len(batch["sound"]))
    sounds = [batch["sound"][i, : batch["sound_length"][i]].cpu() for i in range(count)]
    texts = [spelling.decode(batch["text"][i, : batch["text_length"][i]].tolist()) for i in range(count)]
    hidden = [f"bands hidden: {int((~batch['bands_left'][i]).sum())}" for i in range(count)]
    captions = [f"{text}\n{gap}" for text, gap in zip(texts, hidden, strict=True)]
    return Panel(
        title="A batch as the model heard it",
        sentence="Training recordings after augmentation, with their transcripts; gaps are not drawn.",
        figure=spectrograms_figure(sounds, captions, rate_hz=rate_hz),
    )


def _streaming(config: Any, parts: Any, heard: Heard) -> list[Panel]:
    """What streaming costs, where the model can stream."""
    spectra, net = parts.model.spectra, parts.model.net
    one_alone = not config.decode.warps and not config.committee
    if not one_alone or not can_stream(spectra, net) or parts.splits.device.type != "cpu":
        return []
    places = list(range(min(STREAMED, len(heard.clips))))
    latency = measure_latency(
        spectra,
        net,
        spelling=parts.splits.spelling,
        clips=heard.clips.select(places),
        whole=[heard.best_paths[i] for i in places],
        steps=config.stream_chunk_steps,
    )
    return [
        Panel(
            title="Streaming",
            sentence=f"{latency.same} of {latency.clips} recordings give the same text in chunks as whole.",
            columns=("what", "value"),
            rows=latency_rows(latency),
        )
    ]


def latency_rows(latency: Latency) -> list[tuple[str, str]]:
    """A measurement as a table."""
    return [
        ("chunk", f"{1000 * latency.chunk_seconds:.0f} ms"),
        ("window ahead", f"{1000 * latency.window_seconds:.0f} ms"),
        ("steps ahead", f"{1000 * latency.ahead_seconds:.0f} ms"),
        ("computing a chunk, median", f"{1000 * latency.compute_seconds:.1f} ms"),
        ("computing a chunk, slowest", f"{1000 * latency.slowest_seconds:.1f} ms"),
        ("from sound to text at most, by the median", f"{1000 * latency.most_seconds:.0f} ms"),
        ("real-time factor", f"{latency.real_time_factor:.3f}"),
    ]


def spectrograms_figure(sounds: Sequence[Tensor], captions: Sequence[str], *, rate_hz: int) -> Any:
    """A grid of spectrograms, each with its caption."""
    from matplotlib.figure import Figure

    rows = -(-len(sounds) // COLUMNS)
    figure = Figure(figsize=(3.2 * COLUMNS, 1.75 * rows), layout="constrained")
    for place, (sound, caption) in enumerate(zip(sounds, captions, strict=True)):
        axes = figure.add_subplot(rows, COLUMNS, place + 1)
        seconds = len(sound) / rate_hz
        shown = coloured(spectrogram(sound, rate_hz=rate_hz))
        axes.imshow(shown, aspect="auto", extent=(0, seconds, 0, 1))
        axes.set_title("\n".join(cut(line) for line in caption.split("\n")), fontsize=7, loc="left")
        axes.set_yticks([])
        axes.set_xticks([0, seconds], ["0", f"{seconds:.2f} s"], fontsize=6)
    return figure


def cut(text: str, most: int = 48) -> str:
    """A text as a figure has room for it."""
    return text if len(text) <= most else text[: most - 1] + "…"

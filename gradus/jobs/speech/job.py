"""Speech recognition: text from sound. Headline: word error rate over the whole test split.

The loss is CTC's, summed over utterances and counted in letters (tokens).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from gradus.core.errors import UsageError
from gradus.data.characters import Spelling
from gradus.data.ngrams import Ngrams
from gradus.data.ragged import BucketBatches, padded
from gradus.data.sound_augment import augment_sounds, gaps, warps
from gradus.data.sound_sets import Clips
from gradus.data.sounds import SUFFIXES
from gradus.data.spectra import Spectra
from gradus.engine.job import Deployable, Headline, Job, Panel, Split, supervised
from gradus.engine.loss import Loss
from gradus.engine.optim import Optim
from gradus.engine.run import Batch, Run
from gradus.jobs.speech.answer import Transcript
from gradus.jobs.speech.baseline import nearest_baseline
from gradus.jobs.speech.config import MODELS, Config, DecodeConfig
from gradus.jobs.speech.data import SpokenSplits, read_input, survey
from gradus.jobs.speech.examine import examine
from gradus.jobs.speech.panels import Heard, panels
from gradus.jobs.speech.recipes import RECIPES
from gradus.layers.ctc import ctc_loss_sum, greedy, prefix_beam
from gradus.metrics.transcripts import TranscriptScore

EVALUATION_BATCH = 32
LEAST_LOG_PROB = -10.0  # a token less likely at a step is not tried there


class Recogniser(nn.Module):
    """Log-probabilities of tokens from samples, and how many steps of each sound are real.

    Recognisers ``beside`` it have a say in what it gives: the mean is of probabilities, not logarithms,
    for each may name a token at a step of its own.
    """

    def __init__(
        self,
        spectra: Spectra,
        net: nn.Module,
        *,
        warps: tuple[float, ...] = (),
        beside: Sequence["Recogniser"] = (),
    ) -> None:
        super().__init__()
        self.spectra, self.net, self.warps = spectra, net, warps
        self.beside = nn.ModuleList(beside)

    def forward(self, sound: Float[Tensor, "B S"], sound_length: Int64[Tensor, "B"]) -> dict[str, Tensor]:
        factors = [sound.new_full(sound.shape[:1], warp) for warp in self.warps] or [None]
        energies = [self.spectra.energies(sound, sound_length, factor) for factor in factors]
        each, steps = [], sound_length
        for one in (self, *self.beside):
            heard = []
            for energy in energies:
                log_probs, steps = one.net(*one.spectra.of_energies(energy, sound_length))
                heard.append(log_probs)
            each.append(torch.stack(heard).mean(dim=0).log_softmax(dim=2) if self.warps else heard[0])
        log_probs = each[0]
        if self.beside:
            log_probs = torch.stack(each).logsumexp(dim=0) - math.log(len(each))  # (M, B, t, V) -> (B, t, V)
        return {"log_probs": log_probs, "steps": steps}

    def with_gaps(
        self, batch: Batch, frames_left: Bool[Tensor, "B T"], bands_left: Bool[Tensor, "B M"]
    ) -> tuple[list[Float[Tensor, "B t V"]], Int64[Tensor, "B"]]:
        """The same for training, of each by itself: warped, and with gaps of zero, the mean of each band."""
        energy = self.spectra.energies(batch["sound"], batch["sound_length"], batch.get("warp"))
        left = frames_left[:, :, None] & bands_left[:, None, :]  # (B, T, M)
        each, steps = [], batch["sound_length"]
        for one in (self, *self.beside):
            frames, count = one.spectra.of_energies(energy, batch["sound_length"])
            log_probs, steps = one.net(frames * left, count)
            each.append(log_probs)
        return each, steps


class Decoder:
    """Text from log-probabilities, by the likeliest tokens or by a search."""

    def __init__(self, config: DecodeConfig, *, spelling: Spelling, language: Ngrams | None) -> None:
        self.config, self.spelling, self.language = config, spelling, language

    def best_path(self, output: dict[str, Tensor]) -> list[str]:
        """The text of the likeliest token at each step."""
        return [self.spelling.decode(tokens) for tokens in greedy(output["log_probs"], output["steps"])]

    def __call__(self, output: dict[str, Tensor]) -> list[str]:
        """The text of each utterance, as the config wants it found."""
        if not self.config.beam:
            return self.best_path(output)
        texts = []
        for log_probs, steps in zip(output["log_probs"], output["steps"].tolist(), strict=True):
            found = prefix_beam(
                log_probs[:steps],
                beam=self.config.beam,
                next_log_probs=self.language.next_log_probs if self.language else None,
                weight=self.config.weight,
                bonus=self.config.bonus,
                least_log_prob=LEAST_LOG_PROB,
            )
            texts.append(self.spelling.decode(found[0][0]))
        return texts


@dataclass
class Parts:
    """The state of a run: the recogniser, its optimizer, where the training batches are, and the decoder."""

    model: Recogniser
    optim: Optim
    train: BucketBatches
    splits: SpokenSplits
    decoder: Decoder


def build(config: Config, run: Run) -> Parts:
    """Read nothing that the plan knows: a run that is opened to predict needs no data."""
    about = run.decide(
        "data",
        lambda: survey(
            config.data,
            features=config.hearings,
            strides=config.model.strides,
            augment=config.augment,
            merges=config.merges,
        ),
        "measured on the training split",
    )
    splits = SpokenSplits(config.data, about=about, run=run)
    model = run.place(recogniser(config, scales=about["scales"], num_tokens=len(splits.spelling.tokens)))
    language = None
    if config.decode.order:
        plan = run.decide(
            "language_model",
            lambda: count_language(splits, order=config.decode.order),
            "counted on the training transcripts",
        )
        language = Ngrams.of_plan(plan)
    return Parts(
        model=model,
        optim=Optim(model, config.train),
        train=BucketBatches(splits.columns, batch=config.train.batch, seed=config.train.seed),
        splits=splits,
        decoder=Decoder(config.decode, spelling=splits.spelling, language=language),
    )


def recogniser(config: Config, *, scales: Sequence[dict[str, list[float]]], num_tokens: int) -> Recogniser:
    """The recogniser of a config with its committee, each by the scale of its features."""
    if config.committee and config.features.form == "mfcc":
        _refuse_committee(
            "features of bands, as the others have", "--features.form mfcc", "--features.form mel"
        )
    if config.committee and not config.decode.beam:
        _refuse_committee("a search, for each may write at steps of its own", "none", "--decode.beam 8")

    def made(place: int) -> tuple[Spectra, nn.Module]:
        spectra = Spectra(config.hearings[place], rate_hz=config.data.rate_hz, **scales[place])
        return spectra, MODELS[type(config.model)](config.model, bands=spectra.width, num_tokens=num_tokens)

    beside = [Recogniser(*made(place)) for place in range(1, len(config.hearings))]
    spectra, net = made(0)
    return Recogniser(spectra, net, warps=config.decode.warps, beside=beside)


def _refuse_committee(wanted: str, got: str, setting: str) -> NoReturn:
    remedy = f"Give {setting}, or no committee."
    raise UsageError("GR-CONFIG-003", where="--committee", wanted=wanted, got=got, remedy=remedy)


def count_language(splits: SpokenSplits, *, order: int) -> dict[str, object]:
    """The n-grams of the training transcripts, as the plan keeps them."""
    clips = splits.clips("train")
    assert clips is not None
    texts = splits.spelling.encode(clips.texts)
    return Ngrams.fit(texts, order=order, num_tokens=len(splits.spelling.tokens)).to_plan()


def stream(config: Config, parts: Parts, run: Run) -> Iterator[Batch]:
    """Augmented batches without end, with the gaps that training hears through."""
    spectra = parts.model.spectra
    while True:
        batch = parts.train.next_batch()
        rng = run.rng("augment")
        sound, length = augment_sounds(
            batch["sound"],
            batch["sound_length"],
            config.augment,
            rate_hz=config.data.rate_hz,
            generator=rng,
        )
        frames_left, bands_left = gaps(
            spectra.count(length),
            config.augment,
            num_frames=int(spectra.count(length).max()),
            num_bands=spectra.width,
            generator=rng,
        )
        warp = warps(len(length), config.augment, generator=rng)
        yield {
            "sound": sound,
            "sound_length": length,
            "mask": torch.arange(sound.shape[1], device=sound.device) < length[:, None],
            "text": batch["text"],
            "text_length": batch["text_length"],
            "frames_left": frames_left,
            "bands_left": bands_left,
        } | ({} if warp is None else {"warp": warp})


def loss(config: Config, parts: Parts, batch: Batch) -> Loss:
    """CTC's negative log-likelihood, by the letter; the mean over a committee."""
    each, steps = parts.model.with_gaps(batch, batch["frames_left"], batch["bands_left"])
    losses = [ctc_loss_sum(one, steps, batch["text"], batch["text_length"]) for one in each]
    return Loss(torch.stack([total for total, _ in losses]).mean(), losses[0][1])


def evaluate(config: Config, parts: Parts, run: Run, split: Split) -> dict[str, float]:
    """Error rates over a whole split, and the letters in it that training never saw."""
    clips = parts.splits.clips(split)
    if clips is None:
        return {}
    heard = hear(parts, clips)
    scores = heard.score().compute()
    if config.decode.beam and not config.committee:  # members write at steps of their own: no path is best
        score = TranscriptScore()
        score.update(clips.texts, heard.best_paths)
        scores["wer_best_path"] = score.words.rate
    return scores | {"unseen_letters": float(sum(parts.splits.spelling.unknown(clips.texts).values()))}


def hear(parts: Parts, clips: Clips) -> Heard:
    """What the model hears in each clip; clips of about one length are computed together."""
    order = clips.sounds.lengths.argsort(stable=True)
    texts, best_paths = [""] * len(clips), [""] * len(clips)
    device = parts.splits.device
    for places in order.split(EVALUATION_BATCH):
        batch = padded({"sound": clips.sounds}, places)
        with torch.no_grad():
            output = parts.model(batch["sound"].to(device), batch["sound_length"].to(device))
        decoded = zip(places.tolist(), parts.decoder(output), parts.decoder.best_path(output), strict=True)
        for place, text, best_path in decoded:
            texts[place], best_paths[place] = text, best_path
    return Heard(clips, texts, best_paths)


def baseline(config: Config, parts: Parts) -> dict[str, float]:
    """The transcript of the training recording that sounds most alike, and the most frequent one."""
    train, test = parts.splits.clips("train"), parts.splits.clips("test")
    assert train is not None
    assert test is not None
    return nearest_baseline(train, test, rate_hz=config.data.rate_hz)


def deploy(config: Config, parts: Parts) -> Deployable:
    """The recogniser; its input is one channel of any length at the training rate."""
    device, rate_hz = parts.splits.device, config.data.rate_hz
    length = rate_hz  # a second
    sound = torch.rand(2, length, generator=torch.Generator().manual_seed(0)) - 0.5

    def answer(output: dict[str, Tensor], raw: object) -> Transcript:
        return Transcript.of(output, decode=parts.decoder, raw=raw, rate_hz=rate_hz)

    return Deployable(
        module=parts.model,
        example={
            "sound": sound.to(device),
            "sound_length": torch.tensor([length, length * 3 // 4], device=device),
        },
        axes={"sound": {0: "batch", 1: "samples"}, "sound_length": {0: "batch"}},
        endings=SUFFIXES,
        read=lambda raw: {
            name: tensor.to(device) for name, tensor in read_input(raw, rate_hz=rate_hz).items()
        },
        answer=answer,
    )


def show(config: Config, parts: Parts, run: Run) -> list[Panel]:
    """What was said and heard, confusions, the worst clips, a training batch, and streaming."""
    with run.aside("report"):
        clips = parts.splits.clips("test")
        assert clips is not None
        return panels(config, parts, hear(parts, clips), batch=next(stream(config, parts, run)))


JOB = Job(
    name="speech",
    headline=Headline("wer", higher=False),
    recipes=RECIPES,
    build=build,
    stream=stream,
    step=supervised(loss),
    evaluate=evaluate,
    baseline=baseline,
    deploy=deploy,
    panels=show,
    items=lambda config, parts: parts.splits.manifest(),
    examine=examine,
)

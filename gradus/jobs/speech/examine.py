"""A look at one's own recordings before training: splits, lengths, speakers, letters, what is broken."""

from dataclasses import replace

from gradus.core.errors import GradusError
from gradus.data.characters import Spelling, steps_needed
from gradus.data.sound_sets import Clips, SoundSet
from gradus.data.spectra import Spectra
from gradus.engine.job import Panel
from gradus.jobs.speech.config import Config
from gradus.jobs.speech.data import DataConfig, load, read_all, read_further, too_short
from gradus.jobs.speech.joining import duplicates, joined_from

FASTEST_TALK = 0.03  # seconds a letter: who has less in a clip cannot have said its transcript


def examine(config: Config) -> list[Panel]:
    """What the recordings of a config are, and all that is wrong; InputError where none can be read."""
    data = replace(config.data, skip_bad=True)
    refused = ""
    try:
        found = load(data)
    except GradusError as error:
        read_further(data)  # what is wrong there is raised
        found, refused = read_all(data), f". They cannot be divided: {error}"
    splits = found.splits
    learnt = splits["train"] if "train" in splits else next(iter(splits.values()))
    spelling = Spelling.learn(learnt.texts, merges=config.merges)
    unseen = {split: spelling.unknown(part.texts) for split, part in splits.items()}
    twice = duplicates(found) if "train" in splits else []
    return [
        Panel(
            title="Recordings",
            sentence=f"{sum(map(len, splits.values()))} with transcripts{_layout(found)}, written with "
            f"{len(spelling.tokens) - 1} letters: {' '.join(spelling.tokens[1:]).strip()}{refused}",
            columns=("split", "recordings", "minutes", "shortest (s)", "longest (s)", "words", "speakers"),
            rows=[_row(split, part, data.rate_hz) for split, part in (splits | _joined(found, data)).items()],
        ),
        _broken(found, str(data.path)),
        *_about_lengths(config, splits, spelling),
        Panel(
            title="Letters that training never sees",
            sentence="They count as errors, for no token writes them." if any(unseen.values()) else "None.",
            columns=("split", "letter", "times"),
            rows=[(split, letter, times) for split, some in unseen.items() for letter, times in some.items()],
        ),
        Panel(
            title="The same recording in two splits",
            sentence=f"{len(twice)} recordings; a score on them says little." if twice else "None.",
            columns=("recording", "also in train as"),
            rows=twice,
        ),
        Panel(title="Notes", sentence="; ".join(found.notes) + "." if found.notes else "None."),
    ]


def _layout(found: SoundSet) -> str:
    return f" in the layout of {found.layout}" if found.layout else ""


def _joined(found: SoundSet, data: DataConfig) -> dict[str, Clips]:
    """What the training split has from each further path."""
    if "train" not in found.splits:
        return {}
    train = found.splits["train"]
    places = {path: joined_from(train, path) for path in data.train_also}
    return {f"of train, from {path}": train.select(some) for path, some in places.items() if some}


def _row(split: str, part: Clips, rate_hz: int) -> tuple[object, ...]:
    seconds = part.sounds.lengths / rate_hz
    return (
        split,
        len(part),
        round(seconds.sum().item() / 60, 2),
        round(seconds.min().item(), 2),
        round(seconds.max().item(), 2),
        sum(len(text.split()) for text in part.texts),
        len(set(part.speakers) - {""}) or "not said",
    )


def _broken(found: SoundSet, path: str) -> Panel:
    said = f"{len(found.skipped)} cannot be used; --skip-bad trains without them."
    return Panel(
        title="Broken files and lines",
        sentence=said if found.skipped else "None.",
        columns=("what",),
        rows=[(fault.removeprefix(f"{path}/"),) for fault in found.skipped],
    )


def _about_lengths(config: Config, splits: dict[str, Clips], spelling: Spelling) -> list[Panel]:
    """Recordings that are too short to be what they say, and those in which CTC has no room to write it."""
    rate_hz = config.data.rate_hz
    hurried = [
        (
            split,
            part.names[place],
            part.texts[place],
            round(part.sounds.lengths[place].item() / rate_hz, 2),
        )
        for split, part in splits.items()
        for place, tokens in enumerate(spelling.encode(part.texts))
        if part.sounds.lengths[place] < FASTEST_TALK * rate_hz * steps_needed(tokens)
    ]
    panels = [
        Panel(
            title="Too short for their transcripts",
            sentence=f"{len(hurried)} have under {FASTEST_TALK:g} s a letter: the transcript of another file?"
            if hurried
            else "None.",
            columns=("split", "recording", "transcript", "seconds"),
            rows=hurried,
        )
    ]
    if "train" in splits:
        train, spectra = splits["train"], Spectra(config.features, rate_hz=rate_hz)
        strides, fastest = config.model.strides, config.augment.fastest
        short = too_short(train, spelling, spectra, strides=strides, fastest=fastest)
        said = f"{len(short)} at the fastest speed of training; --skip-bad trains without them, "
        said += "--augment.speed 1 or smaller strides (--model.strides) may give them room."
        panels.append(
            Panel(
                title="Too few steps to write their transcripts",
                sentence=said if short else "None.",
                columns=("recording", "transcript", "steps", "needed"),
                rows=[(train.names[place], train.texts[place], has, needs) for place, has, needs in short],
            )
        )
    return panels

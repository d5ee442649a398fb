"""A look at one's own recordings before training: splits, lengths, speakers, letters, what is broken."""

from gradus.data.characters import Spelling, steps_needed
from gradus.data.sound_sets import Clips
from gradus.engine.job import Panel
from gradus.jobs.speech.data import DataConfig, duplicates, load

SHOWN = 10
FASTEST_TALK = 0.03  # seconds a letter: who has less in a clip cannot have said its transcript


def examine(path: str) -> list[Panel]:
    """What is at ``path``, as it would be trained on; InputError where it cannot be."""
    config = DataConfig(path=path, skip_bad=True)
    found = load(config)
    splits = found.splits
    twice = duplicates(found)
    spelling = Spelling.learn(splits["train"].texts)
    unseen = {split: spelling.unknown(part.texts) for split, part in splits.items()}
    hurried = [
        (
            split,
            part.names[place],
            part.texts[place],
            round(part.sounds.lengths[place].item() / config.rate_hz, 2),
        )
        for split, part in splits.items()
        for place, tokens in enumerate(spelling.encode(part.texts))
        if part.sounds.lengths[place] < FASTEST_TALK * config.rate_hz * steps_needed(tokens)
    ]
    return [
        Panel(
            title="Recordings",
            sentence=f"{sum(map(len, splits.values()))} with transcripts, written with "
            f"{len(spelling.tokens) - 1} letters: {' '.join(spelling.tokens[1:]).strip()}",
            columns=("split", "recordings", "minutes", "shortest (s)", "longest (s)", "words", "speakers"),
            rows=[_row(split, part, config.rate_hz) for split, part in splits.items()],
        ),
        Panel(
            title="Broken files and lines",
            sentence=f"{len(found.skipped)} cannot be used; --data.skip-bad trains without them."
            if found.skipped
            else "None.",
            columns=("what",),
            rows=[(fault,) for fault in found.skipped[:SHOWN]],
        ),
        Panel(
            title="Too short for their transcripts",
            sentence=f"{len(hurried)} have under {FASTEST_TALK:g} s a letter: the transcript of another file?"
            if hurried
            else "None.",
            columns=("split", "recording", "transcript", "seconds"),
            rows=hurried[:SHOWN],
        ),
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
            rows=twice[:SHOWN],
        ),
        Panel(title="Notes", sentence="; ".join(found.notes) + "." if found.notes else "None."),
    ]


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

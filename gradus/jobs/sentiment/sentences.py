"""The synthetic twin: sentences of a small grammar in which a word's sense depends on where "not" stands.

Every sentence speaks of two things, one judged (good, dull) and one described (long, loud), and says "not"
once: of the judged one, which turns its sentiment, or of the other, which changes nothing. A bag of single
words is the same either way; where an adverb stands between, so is a bag of pairs.
"""

from collections.abc import Iterator
from random import Random

from gradus.core.randomness import seed_from
from gradus.data.texts import Text

JUDGED = ("story", "acting", "ending", "music", "script", "cast")
DESCRIBED = ("film", "trailer", "credits", "hall", "crowd", "poster")
GOOD = ("good", "moving", "funny", "clever", "lovely", "fresh")
BAD = ("bad", "dull", "stale", "clumsy", "awful", "boring")
PLAIN = ("long", "loud", "old", "french", "dark", "short")
ADVERBS = ("very", "really", "all that", "so")
JOINTS = ("and", "but", "while", ",")
SIZES = {"train": 1.0, "validation": 0.5, "test": 0.5}


def sentences(count: int) -> Iterator[Text]:
    """``count`` sentences to train on, and half as many to select and to test by; always the same ones."""
    for split, share in SIZES.items():
        rng = Random(seed_from("sentences", split))
        for number in range(round(count * share)):
            yield _sentence(rng, split, f"{split} sentence {number + 1}")


def _sentence(rng: Random, split: str, name: str) -> Text:
    good, denied, apart, judged_first = (rng.random() < 0.5 for _ in range(4))
    adverb = f"{rng.choice(ADVERBS)} " if apart else ""
    mood = rng.choice(GOOD if good else BAD)
    judged = f"the {rng.choice(JUDGED)} was {'not ' if denied else ''}{adverb}{mood}"
    described = f"the {rng.choice(DESCRIBED)} was {'' if denied else 'not '}{adverb}{rng.choice(PLAIN)}"
    first, second = (judged, described) if judged_first else (described, judged)
    label = "positive" if good != denied else "negative"
    return Text(split, (label,), f"{first} {rng.choice(JOINTS)} {second}", name)

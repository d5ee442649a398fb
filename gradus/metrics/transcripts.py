"""Error rates of transcripts over a whole set, counted by jiwer.

Convention: substitutions, deletions and insertions of all utterances over the words (letters) of all
references: not a mean of rates, in which a short utterance would weigh as much as a long one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from gradus.core.errors import UsageError


@dataclass(slots=True)
class Edits:
    """What it takes to turn what was said into what was heard."""

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def rate(self) -> float:
        """Errors over what was said; above 1 where much was made up."""
        said = self.hits + self.substitutions + self.deletions
        assert said > 0, "nothing was added to the score"
        return (self.substitutions + self.deletions + self.insertions) / said


@dataclass(slots=True)
class TranscriptScore:
    """Adds up what batches saw of a split, and scores it as a whole."""

    words: Edits = field(default_factory=Edits)
    letters: Edits = field(default_factory=Edits)
    count: int = 0
    right: int = 0
    """Transcripts without any error."""
    confusions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often a word was heard as another; "" stands for none."""

    def update(self, said: Sequence[str], heard: Sequence[str]) -> None:
        """Add utterances: what was said, never empty, and what the model heard."""
        try:
            import jiwer
        except ImportError as error:
            raise UsageError(
                "GR-SOUND-007",
                where="jiwer",
                wanted="jiwer to be installed",
                got="transcripts to score",
                remedy="Run `pip install 'gradus[audio]'`.",
            ) from error
        assert all(said), "an error rate needs words to count"
        words = jiwer.process_words(list(said), list(heard))
        letters = jiwer.process_characters(list(said), list(heard))
        for edits, output in ((self.words, words), (self.letters, letters)):
            edits.hits += output.hits
            edits.substitutions += output.substitutions
            edits.deletions += output.deletions
            edits.insertions += output.insertions
        for one, other, chunks in zip(words.references, words.hypotheses, words.alignments, strict=True):
            for chunk in chunks:
                if chunk.type != "equal":
                    self._confuse(
                        one[chunk.ref_start_idx : chunk.ref_end_idx],
                        other[chunk.hyp_start_idx : chunk.hyp_end_idx],
                    )
        self.count += len(said)
        self.right += sum(one.split() == other.split() for one, other in zip(said, heard, strict=True))

    def _confuse(self, said: Sequence[str], heard: Sequence[str]) -> None:
        size = max(len(said), len(heard))
        pad = [""] * size
        for one, other in zip([*said, *pad][:size], [*heard, *pad][:size], strict=True):
            self.confusions[one, other] += 1

    def compute(self) -> dict[str, float]:
        """The scores of everything added so far."""
        return {
            "wer": self.words.rate,
            "cer": self.letters.rate,
            "word_accuracy": 1 - self.words.rate,
            "transcript_accuracy": self.right / self.count,
        }


def word_errors(said: str, heard: str) -> float:
    """The word error rate of one utterance."""
    score = TranscriptScore()
    score.update([said], [heard])
    return score.words.rate

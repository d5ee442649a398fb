"""A language model that counts: how likely each token is after the few before it.

Paper: Witten and Bell 1991, The Zero-Frequency Problem, IEEE Transactions on Information Theory 37(4), method
C, interpolated as in Chen and Goodman 1999, Computer Speech and Language 13(4), section 2.4.
Letters: V tokens; 0 is no token of the language: it stands for the edge, the beginning and the end of a text.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

EDGE = 0


class Ngrams:
    """The probability of each token after at most ``order - 1`` others, none of them zero.

    After a context that was seen c times, followed by n different tokens, the estimate is the count of the
    token plus n times the estimate after the shorter context, over c + n; after no context at all the
    shorter one is the uniform distribution.
    """

    def __init__(self, order: int, *, num_tokens: int, counts: dict[tuple[int, ...], dict[int, int]]) -> None:
        assert order >= 1
        self.order, self.num_tokens, self.counts = order, num_tokens, counts
        self._known: dict[tuple[int, ...], list[float]] = {}

    @classmethod
    def fit(cls, texts: Iterable[Sequence[int]], *, order: int, num_tokens: int) -> "Ngrams":
        """Counts of every context in the texts, the edges among them."""
        counts: dict[tuple[int, ...], Counter[int]] = {}
        for text in texts:
            tokens = (EDGE, *text, EDGE)
            for place in range(1, len(tokens)):
                for length in range(min(order, place + 1)):
                    context = tokens[place - length : place]
                    counts.setdefault(context, Counter())[tokens[place]] += 1
        return cls(order, num_tokens=num_tokens, counts={c: dict(n) for c, n in counts.items()})

    @classmethod
    def of_plan(cls, plan: dict[str, Any]) -> "Ngrams":
        """What ``to_plan`` gave."""
        counts = {
            tuple(int(token) for token in context.split()): {int(t): n for t, n in following.items()}
            for context, following in plan["counts"].items()
        }
        return cls(plan["order"], num_tokens=plan["num_tokens"], counts=counts)

    def to_plan(self) -> dict[str, Any]:
        """As plain JSON values."""
        counts = {
            " ".join(map(str, context)): {str(t): n for t, n in following.items()}
            for context, following in self.counts.items()
        }
        return {"order": self.order, "num_tokens": self.num_tokens, "counts": counts}

    def next_log_probs(self, text: Sequence[int]) -> list[float]:
        """For each token the logarithm of its probability after the text so far; at 0 that of its end."""
        context = (EDGE, *text)[max(0, len(text) + 2 - self.order) :] if self.order > 1 else ()
        while context and context not in self.counts:
            context = context[1:]  # what was never seen adds nothing to the shorter context
        if context not in self._known:
            self._known[context] = [math.log(p) for p in self._probabilities(context)]
        return self._known[context]

    def _probabilities(self, context: tuple[int, ...]) -> list[float]:
        """The interpolated estimate, from the shortest context to this one."""
        estimate = [1 / self.num_tokens] * self.num_tokens
        for length in range(len(context) + 1):
            following = self.counts.get(context[len(context) - length :], {})
            seen, kinds = sum(following.values()), len(following)
            if seen:
                estimate = [
                    (following.get(token, 0) + kinds * lower) / (seen + kinds)
                    for token, lower in enumerate(estimate)
                ]
        return estimate

    def log_prob(self, text: Sequence[int]) -> float:
        """The logarithm of the probability of a whole text, its end among it."""
        following = [*text, EDGE]
        return sum(self.next_log_probs(text[:place])[token] for place, token in enumerate(following))

    def perplexity(self, texts: Iterable[Sequence[int]]) -> float:
        """How many tokens the model is in doubt among, on average, at each place of some texts."""
        given = list(texts)
        places = sum(len(text) + 1 for text in given)
        return math.exp(-sum(map(self.log_prob, given)) / places)

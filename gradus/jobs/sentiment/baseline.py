"""The naive answers: logistic regression on TF-IDF of words and pairs of words, and the largest class."""

import torch
from torch import Tensor

from gradus.data.clean import CleanConfig, clean
from gradus.data.texts import label_tensor
from gradus.data.tokenise import split_words
from gradus.jobs.sentiment.data import TextSplits
from gradus.jobs.sentiment.scores import scores_of

SCORED = ("accuracy", "macro_f1")


def tfidf_baseline(splits: TextSplits, cleaning: CleanConfig) -> dict[str, float]:
    """Test scores of logistic regression (C = 10) on TF-IDF of cleaned words and pairs, and of the largest
    class; with several labels one regression each, and none said."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    train, test = splits.texts("train"), splits.texts("test")
    assert train is not None
    assert test is not None
    several = splits.config.labels == "several"
    target, truth = (label_tensor(part.labels, splits.classes, several=several) for part in (train, test))
    vectors = TfidfVectorizer(
        preprocessor=lambda text: clean(text, cleaning),
        tokenizer=split_words,
        token_pattern=None,
        ngram_range=(1, 2),
        sublinear_tf=True,
    )
    seen, asked = vectors.fit_transform(train.texts), vectors.transform(test.texts)
    learner = LogisticRegression(C=10.0, max_iter=1000)
    chances = torch.zeros(len(test), len(splits.classes))
    if several:
        fitted = OneVsRestClassifier(learner).fit(seen, target.numpy().astype(int))
        chances[:] = torch.from_numpy(fitted.predict_proba(asked))
        naive = torch.zeros_like(chances)
    else:
        fitted = learner.fit(seen, target.numpy())
        chances[:, torch.from_numpy(fitted.classes_)] = torch.from_numpy(fitted.predict_proba(asked)).float()
        naive = _largest(target, len(test), len(splits.classes))
    scores, majority = scores_of(chances, truth), scores_of(naive, truth)
    return {name: scores[name] for name in SCORED} | {"majority_accuracy": majority["accuracy"]}


def _largest(target: Tensor, count: int, num_classes: int) -> Tensor:
    """All probability on the most frequent class, for each of ``count`` texts."""
    chances = torch.zeros(count, num_classes)
    chances[:, target.bincount(minlength=num_classes).argmax()] = 1.0
    return chances

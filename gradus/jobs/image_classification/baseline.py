"""The naive answers: a linear classifier on the pixels, and the most frequent class."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from gradus.jobs.image_classification.data import PictureSplits, as_float
from gradus.metrics.classification import ClassificationScore

LONGEST_SIDE = 32  # larger pictures are averaged down: the baseline must stay cheap
SCORED = ("accuracy", "macro_f1", "balanced_accuracy")


def linear_baseline(pictures: PictureSplits) -> dict[str, float]:
    """Test scores of ridge regression on the pixels (one against all), and of the largest class."""
    from sklearn.linear_model import RidgeClassifier

    train, test = pictures.tensors("train"), pictures.tensors("test")
    labels = test["label"].cpu()
    model = RidgeClassifier(alpha=10.0).fit(pixels(train["image"]), train["label"].cpu().numpy())
    score = ClassificationScore(len(pictures.classes))
    guessed = torch.from_numpy(model.predict(pixels(test["image"])))
    score.update(F.one_hot(guessed, len(pictures.classes)).float(), labels)
    scores = score.compute()
    largest = train["label"].bincount(minlength=len(pictures.classes)).argmax().cpu()
    majority = (labels == largest).float().mean().item()
    return {name: scores[name] for name in SCORED} | {"majority_accuracy": majority}


def pixels(image: UInt8[Tensor, "N C H W"]) -> Float[np.ndarray, "N P"]:
    """Each picture as one row of numbers."""
    shrunk = as_float(image.cpu())
    factor = -(-max(image.shape[2:]) // LONGEST_SIDE)
    if factor > 1:
        shrunk = F.avg_pool2d(shrunk, factor, ceil_mode=True)
    return shrunk.flatten(1).numpy()  # (N, C, h, w) -> (N, C h w)

"""The naive answers: an isolation forest, and what principal components cannot draw.

Source: Liu, Ting and Zhou 2008, Isolation Forest, ICDM.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from gradus.jobs.anomaly.data import RowSplits
from gradus.metrics.ranking import alarm_scores, auroc, average_precision, threshold_at

TREES = 100
KEPT_VARIANCE = 0.9


def shallow_baselines(rows: RowSplits, *, false_alarm_rate: float) -> dict[str, float]:
    """Test scores of both on the encoded rows that the model has; of a window they see the last row."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest

    train, held, test = (rows.part(split) for split in ("train", "validation", "test"))
    assert train is not None
    assert held is not None
    assert test is not None
    normal = train.row[train.ends].cpu().numpy()
    forest = IsolationForest(n_estimators=TREES, random_state=0).fit(normal)
    components = PCA(KEPT_VARIANCE, svd_solver="full").fit(normal)

    def isolation(row: Float[Tensor, "N F"]) -> Float[Tensor, "N"]:
        return torch.from_numpy(-forest.score_samples(row.cpu().numpy()))

    def distance(row: Float[Tensor, "N F"]) -> Float[Tensor, "N"]:
        values = row.cpu().numpy()
        drawn = components.inverse_transform(components.transform(values))
        return torch.from_numpy(((values - drawn) ** 2).sum(1))

    scores: dict[str, float] = {}
    for prefix, score in (("", isolation), ("pca_", distance)):
        found, sound = score(test.row[test.ends]), score(held.row[held.ends][~held.anomalous])
        threshold = threshold_at(sound, false_alarm_rate=false_alarm_rate)
        scores |= {
            f"{prefix}auroc": auroc(found, test.anomalous),
            f"{prefix}auprc": average_precision(found, test.anomalous),
            f"{prefix}f1": alarm_scores(found, test.anomalous, threshold=threshold).f1,
        }
    return scores

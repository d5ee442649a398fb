"""Word vectors as a recipe: the corpus, the pairs, what people say, and a run that others start from."""

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gradus.cli.finish import print_judgement
from gradus.core.errors import InputError
from gradus.engine import folder
from gradus.engine.job import scored_for
from gradus.engine.probes import Scratch
from gradus.engine.settings import TrainConfig
from gradus.jobs.sentiment import JOB
from gradus.jobs.sentiment.config import VectorsConfig
from gradus.jobs.sentiment.corpus import CorpusConfig, read_analogies, read_brown, read_corpus, read_pairs
from gradus.jobs.sentiment.data import DataConfig
from gradus.jobs.sentiment.recipes import RECIPES
from gradus.jobs.sentiment.similarity import (
    analogy_accuracy,
    count_vectors,
    ranks,
    similarity_scores,
    spearman,
    unit,
)
from gradus.jobs.sentiment.word_vectors import WordVectorsConfig
from gradus.models.skipgram import SkipgramConfig
from gradus.models.text_cnn import TextCnnConfig


@pytest.fixture
def config(tmp_path):
    read_corpus.cache_clear()
    (tmp_path / "corpus.txt").write_text("the king rules the land\nthe queen rules the sea\n" * 30)
    return WordVectorsConfig(
        data=CorpusConfig(path=str(tmp_path / "corpus.txt"), min_count=2),
        model=SkipgramConfig(width=8, window=2, frequent=0.0),
        train=TrainConfig(steps=3, batch=64, rate=1e-2, precision="fp32", device="cpu"),
    )


@pytest.fixture
def sets(tmp_path, monkeypatch):
    """What people say, made up, where the public sets would be."""
    place = tmp_path / "data" / "word_vectors_eval"
    place.mkdir(parents=True)
    for name in ("EN-WS-353-ALL.txt", "EN-SIMLEX-999.txt", "EN-RG-65.txt", "EN-MC-30.txt"):
        (place / name).write_text("King queen 9\nking sea 2\nland sea 8\nking absent 5\n")
    (place / "questions-words.txt").write_text(": made up\nking queen land sea\nking queen man woman\n")
    monkeypatch.setenv("GRADUS_DATA", str(tmp_path / "data"))
    return place


@pytest.mark.parametrize("algorithm", ["skip_gram", "cbow"])
def test_rows_hold_neighbours_and_noise(config, algorithm):
    config = replace(config, model=replace(config.model, algorithm=algorithm))
    made = Scratch(JOB, config, torch.device("cpu"))
    words = made.parts.vocabulary.words
    batch = next(made.batches)
    assert batch["candidate"].shape[1] == 1 + config.model.noise
    assert (batch["candidate"] > 1).all()
    beside = {("the", "king"), ("king", "the"), ("king", "rules"), ("rules", "king")}
    if algorithm == "skip_gram":
        pairs = {
            (words[a], words[b])
            for a, b in zip(batch["around"][:, 0].tolist(), batch["candidate"][:, 0].tolist(), strict=True)
        }
        assert beside <= pairs
        assert ("king", "sea") not in pairs
    made.step()
    loss = made.run.drain()["loss"]
    assert loss == pytest.approx((1 + config.model.noise) * torch.tensor(2.0).log().item(), rel=1e-3)


def test_a_run_is_scored_asked_and_started_from(config, sets, tmp_path, capsys):
    out = tmp_path / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(JOB.recipes, "word_vectors", RECIPES["word_vectors"])
        folder.begin(out, reference="sentiment", recipe="word_vectors", config=config)
        result = folder.execute(scored_for(JOB, "word_vectors"), out)
    assert result["metrics"]["known_ws353"] == 0.75
    assert set(result["baseline_metrics"]) == set(result["metrics"])
    print_judgement(scored_for(JOB, "word_vectors"), out, result)
    assert "baseline  Counts of neighbours: positive" in capsys.readouterr().out
    opened = folder.open_run(JOB, out)
    deployed = JOB.deploy(opened.config, opened.parts)
    answer = deployed.answer({"output": deployed.module(**deployed.read("King"))}, "King")
    assert "king" not in answer.to_dict()["nearest"]
    assert len(answer.to_dict()["nearest"]) == len(opened.parts.vocabulary) - 3
    with pytest.raises(InputError, match="GR-TEXT-037"):
        deployed.read("emperor")
    assert [raw for _, raw in deployed.lines(["king", "", "sea"], "a.txt")] == ["king", "sea"]
    assert JOB.panels(opened.config, opened.parts, opened.run)[0].rows[0][0] == "king"
    text = tmp_path / "texts.csv"
    text.write_text("text,label\n" + "".join(f"king sea{i},{i % 2}\n" for i in range(20)))
    started = replace(
        RECIPES["smoke"]().config,
        data=DataConfig(path=str(text)),
        model=TextCnnConfig(width=8, channels=4),
        vectors=VectorsConfig(path=str(out)),
    )
    started = replace(started, train=replace(started.train, batch=4))
    made = Scratch(JOB, started, torch.device("cpu"))
    place = made.parts.splits.reader.tokeniser.vocabulary.number["king"]
    learnt = opened.parts.model.inside.weight[opened.parts.vocabulary.number["king"]]
    torch.testing.assert_close(made.parts.model.members[0].embedding.weight[place], learnt)


def test_the_brown_corpus_is_read_without_its_tags(tmp_path):
    with zipfile.ZipFile(tmp_path / "brown.zip", "w") as archive:
        archive.writestr("brown/ca01", "\n\n\tThe/at Jury/nn said/vbd ./.\n\nAnd/or/cc it/pps\n")
        archive.writestr("brown/README", "not a text\n")
    assert list(read_brown(tmp_path / "brown.zip")) == [["the", "jury", "said", "."], ["and/or", "it"]]
    for content in (b"", b"PK\x03\x04", (tmp_path / "brown.zip").read_bytes()[:40]):
        (tmp_path / "bad.zip").write_bytes(content)
        with pytest.raises(InputError, match="GR-TEXT-036"):
            list(read_brown(tmp_path / "bad.zip"))


@pytest.mark.parametrize("line", ["king queen", "king queen high"])
def test_a_misshapen_pair_is_named(tmp_path, line):
    (tmp_path / "a.txt").write_text(f"king queen 3\n{line}\n")
    with pytest.raises(InputError, match="GR-TEXT-036") as caught:
        read_pairs(tmp_path / "a.txt")
    assert caught.value.where.endswith("line 2")


def test_a_misshapen_analogy_is_named(tmp_path):
    (tmp_path / "a.txt").write_text(": section\na b c d\na b c\n")
    with pytest.raises(InputError, match="line 3"):
        read_analogies(tmp_path / "a.txt")


@settings(deadline=None)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=30), st.randoms())
def test_rank_correlation_is_scipys(values, random):
    scipy = pytest.importorskip("scipy.stats")
    other = [random.randint(0, 5) for _ in values]
    one, two = torch.tensor(values).double(), torch.tensor(other).double()
    assert ranks(one).tolist() == scipy.rankdata(values).tolist()
    if len(set(values)) > 1 and len(set(other)) > 1:
        assert spearman(one, two) == pytest.approx(scipy.spearmanr(values, other).statistic, abs=1e-9)
    else:
        assert spearman(one, two) == 0


def test_analogies_by_hand():
    plane = torch.tensor([[0.0, 0], [0, 0], [1, 0], [1, 1], [3, 0.5], [3, 3.4], [-1, 0]])
    directions = unit(plane)
    assert analogy_accuracy(directions, torch.tensor([[2, 3, 4, 5], [2, 3, 4, 6]])) == 0.5
    number = {"a": 2, "b": 3, "c": 4, "d": 5}
    scores = similarity_scores(
        plane, number, sets={"x": [("a", "zz", 1.0)]}, analogies=[("a", "b", "c", "d")]
    )
    assert scores == {"known_x": 0, "spearman_x": 0, "known_analogies": 1, "analogy_accuracy": 1}


def test_counts_of_neighbours_by_hand():
    word, sentence = torch.tensor([2, 3, 2, 4, 3]), torch.tensor([0, 0, 0, 1, 1])
    counted = count_vectors(word, sentence, num_words=5, window=1)
    near = torch.zeros(5, 5)
    for a, b in ((2, 3), (3, 2), (3, 2), (2, 3), (4, 3), (3, 4)):
        near[a, b] += 1
    chance = near.sum(1, keepdim=True) * near.sum(0) / near.sum()
    expected = torch.where(near > 0, (near / chance.clamp(min=1e-9)).log().clamp(min=0), 0.0)
    torch.testing.assert_close(counted, expected)


def test_the_real_sets_have_their_sizes(real_sets):
    sizes = {"EN-WS-353-ALL.txt": 353, "EN-SIMLEX-999.txt": 999, "EN-RG-65.txt": 65, "EN-MC-30.txt": 30}
    assert {name: len(read_pairs(real_sets / name)) for name in sizes} == sizes
    assert len(read_analogies(real_sets / "questions-words.txt")) == 19_544
    assert sum(map(len, read_brown(real_sets / "brown.zip"))) == 1_161_192


@pytest.fixture
def real_sets():
    if not os.environ.get("GRADUS_DATA"):
        pytest.skip("GRADUS_DATA is not set")
    return Path(os.environ["GRADUS_DATA"]) / "word_vectors_eval"

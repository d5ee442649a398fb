"""The text classifier as a job: its texts, its decisions, its models, its answers."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from gradus.cli.finish import print_judgement
from gradus.cli.main import main
from gradus.core.configs import check, from_json, to_json
from gradus.core.errors import InputError, UsageError
from gradus.data.clean import CleanConfig
from gradus.data.text_augment import TextAugmentConfig
from gradus.data.tokenise import SubwordsConfig
from gradus.data.word_vectors import write_vectors
from gradus.engine import contract, folder
from gradus.engine.job import scored_for
from gradus.engine.probes import Scratch
from gradus.jobs.sentiment import JOB
from gradus.jobs.sentiment.answer import drivers
from gradus.jobs.sentiment.config import BagAndCnnConfig, Config, VectorsConfig
from gradus.jobs.sentiment.corpus import CorpusConfig
from gradus.jobs.sentiment.data import DataConfig, load
from gradus.jobs.sentiment.examine import examine
from gradus.jobs.sentiment.inputs import texts_in
from gradus.jobs.sentiment.job import loss, probabilities
from gradus.jobs.sentiment.recipes import RECIPES
from gradus.jobs.sentiment.scores import several
from gradus.jobs.sentiment.sentences import GOOD, sentences
from gradus.jobs.sentiment.translations import translated
from gradus.jobs.sentiment.word_vectors import WordVectorsConfig
from gradus.models.text_bag import TextBagConfig
from gradus.models.text_cnn import TextCnnConfig
from gradus.models.text_recurrent import TextRecurrentConfig
from gradus.models.text_transformer import TextTransformerConfig

CPU = torch.device("cpu")
SMALL = DataConfig(source="sentences", count=64)


def smoke(**changes) -> Config:
    config = RECIPES["smoke"]().config
    return replace(config, data=SMALL, train=replace(config.train, batch=16), **changes)


def scratch(config: Config) -> Scratch:
    return Scratch(JOB, config, CPU)


def reviews(place, **columns):
    """A table of 24 texts of two labels, every third of both."""
    rows = [f"{'fine' if i % 2 else 'dull'} number{i},{'good' if i % 2 else 'bad'}" for i in range(24)]
    path = place / "reviews.csv"
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    return path


# -- recipes and data ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_in_range_and_comes_back_from_json(name):
    config = RECIPES[name]().config
    check(config)
    assert from_json(type(config), json.loads(json.dumps(to_json(config))), name) == config


def test_single_words_say_little_of_the_sentences():
    """Every sentence says "not" once, and sentences with a good word are as often negative as positive."""
    found = list(sentences(800))
    assert Counter(text.split for text in found) == {"train": 800, "validation": 400, "test": 400}
    assert {text.text.split().count("not") for text in found} == {1}
    praising = [text.labels for text in found if set(text.text.split()) & set(GOOD)]
    assert praising.count(("positive",)) / len(praising) == pytest.approx(0.5, abs=0.06)


def test_folds_cover_every_text_once():
    config = replace(SMALL, folds=4, repeated="keep")
    names = [name for f in range(4) for name in load(replace(config, fold=f)).texts.splits["test"].names]
    whole = load(replace(SMALL, repeated="keep")).texts.splits
    assert sorted(names) == sorted(name for part in whole.values() for name in part.names)
    with pytest.raises(UsageError, match="GR-CONFIG-003"):
        load(replace(config, fold=4))


def test_texts_that_the_test_split_has_are_left_out_of_training(tmp_path):
    path = tmp_path / "a.csv"
    rows = ["One,x,train", "two,y,train", "three,x,train", "four,y,train", "five,y,train", "one ,x,test"]
    path.write_text("\n".join(["text,label,split", *rows]) + "\n")
    config = DataConfig(path=str(path), validation=0.0)
    found = load(config)
    assert found.texts.splits["train"].texts == ["two", "three", "four", "five"]
    assert {split: part.texts for split, part in found.dropped.items()} == {"train": ["One"]}
    assert len(load(replace(config, repeated="keep")).texts.splits["train"]) == 5
    path.write_text("text,label,split\none,x,train\ntwo,y,train\none,x,test\ntwo,y,test\n")
    load.cache_clear()
    with pytest.raises(InputError, match="GR-TEXT-013"):
        load(config)


def test_what_is_empty_after_cleaning_is_counted_and_read_as_unknown(tmp_path):
    path = reviews(tmp_path)
    path.write_text(path.read_text() + "...,good\n!,bad\n")
    data = DataConfig(path=str(path), validation=0.0, test=0.2)
    config = smoke(clean=CleanConfig(punctuation="remove"))
    made = scratch(replace(config, data=data, train=replace(config.train, batch=4)))
    decisions = made.run.plan.decisions
    assert sum(decisions["data"]["value"]["empty_after_cleaning"].values()) == 2
    assert made.parts.splits.reader.inputs("...")["word"].tolist() == [[1]]
    assert np.isfinite(JOB.evaluate(made.config, made.parts, made.run, "test")["accuracy"])


# -- models ----------------------------------------------------------------------------------------------

MODELS = [
    TextBagConfig(longest=3, ratio_smoothing=1.0, dropout=0.2),
    TextBagConfig(buckets=100, width=8, letters=5),
    TextBagConfig(ratio_smoothing=1.0, letters=5),
    TextCnnConfig(width=8, channels=8),
    TextRecurrentConfig(width=8, hidden_width=8),
    TextTransformerConfig(width=16, num_heads=2),
    BagAndCnnConfig(cnn=TextCnnConfig(width=8, channels=8)),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_every_model_learns_and_is_scored(model):
    config = smoke(model=model, members=2)
    made = scratch(replace(config, train=replace(config.train, rate=2e-2)))
    batch = next(made.batches)
    made.batches = iter(lambda: batch, None)
    losses = []
    for _ in range(30):
        made.step()
        losses.append(made.run.drain()["loss"])
    assert losses[0] == pytest.approx(np.log(2), abs=0.02)
    assert losses[-1] < 0.7 * losses[0]
    assert 0 <= JOB.evaluate(made.config, made.parts, made.run, "test")["accuracy"] <= 1


def test_a_bag_beside_networks_has_half_of_the_vote():
    made = scratch(smoke(model=BagAndCnnConfig(cnn=TextCnnConfig(width=8, channels=8)), members=3))
    assert made.parts.model.votes.tolist() == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6])
    batch = next(made.batches)
    made.step()
    each = made.parts.model.each(batch["word"], batch["mask"]).softmax(dim=2)
    expected = each[0] / 2 + each[1:].mean(dim=0) / 2
    torch.testing.assert_close(made.parts.model(batch["word"], batch["mask"]), expected)


def test_probabilities_come_in_the_order_of_the_texts():
    made = scratch(smoke())
    made.step()
    found = probabilities(made.parts, "validation")
    assert found is not None
    word = made.parts.splits.columns("validation")["word"]
    for place in (0, 7, len(word) - 1):
        numbers = word[place][None]
        alone = made.parts.model(numbers, torch.ones_like(numbers, dtype=torch.bool))
        torch.testing.assert_close(found[0][place], alone[0])


@pytest.mark.parametrize(
    ("counts", "remedy"), [((12, 11), "none"), ((40, 10), "weights"), ((250, 8), "sampling")]
)
def test_imbalance_is_measured_and_remedied(tmp_path, counts, remedy):
    rows = [f"w{i} v{i % 7},{name}" for name, count in zip("ab", counts, strict=True) for i in range(count)]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    config = smoke()
    config = replace(
        config, data=DataConfig(path=str(path), repeated="keep"), train=replace(config.train, batch=8)
    )
    made = scratch(config)
    assert made.run.plan.decisions["imbalance"]["value"] == remedy
    assert (made.parts.class_weights is not None) == (remedy == "weights")
    rare = sum(next(made.batches)["label"].sum().item() for _ in range(40)) / (40 * 8)
    assert rare > 0.35 if remedy == "sampling" else rare < 0.6
    made.step()


@pytest.mark.parametrize("imbalance", ["none", "weights", "inverse", "sampling", "focal"])
def test_losses_are_finite_whatever_is_done_about_imbalance(imbalance):
    made = scratch(smoke(imbalance=imbalance))
    cost = loss(made.config, made.parts, next(made.batches))
    assert torch.isfinite(cost.total)
    assert (made.parts.class_weights is not None) == (imbalance in ("weights", "inverse"))


def test_pieces_of_words_are_tokens():
    pytest.importorskip("tokenizers")
    made = scratch(smoke(tokens=SubwordsConfig(size=60)))
    assert made.run.plan.decisions["words"]["value"]["unknown_share"]["test"] == 0
    made.step()


# -- several labels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [TextBagConfig(), RECIPES["folder"]().config.model])
def test_a_text_may_have_several_labels(tmp_path, model):
    path = tmp_path / "a.csv"
    rows = [f"w{i % 2} v{i % 3} u{i}," + ";".join(["a"] * (i % 2) + ["b"] * (i % 3 == 0)) for i in range(60)]
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    data = DataConfig(path=str(path), labels="several")
    config = replace(smoke(model=model), data=data)
    config = replace(config, train=replace(config.train, batch=8, rate=0.05 / model.pace))
    made = scratch(config)
    assert next(made.batches)["label"].shape == (8, 2)
    for _ in range(60):
        made.step()
    scores = JOB.evaluate(config, made.parts, made.run, "test")
    assert scores["accuracy"] > 0.9
    assert JOB.baseline(config, made.parts)["accuracy"] > 0.5
    deployed = JOB.deploy(config, made.parts)
    answer = deployed.answer({"output": deployed.module(**deployed.read("w1 v0"))}, "w1 v0")
    assert answer.to_dict()["labels"] == ["a", "b"]
    assert len(JOB.panels(config, made.parts, made.run)) >= 3
    with pytest.raises(UsageError, match="--imbalance"):
        scratch(replace(config, imbalance="focal"))


def test_ratios_of_several_labels_are_counted_in_all_texts(tmp_path):
    path = tmp_path / "a.csv"
    rows = ["x y,a", "x z,b", "x y,a;b", "y w,", "z w,b"]
    path.write_text("text,label,split\n" + "".join(f"{row},train\n" for row in rows) + "x,a,test\n")
    config = smoke(model=TextBagConfig(longest=1, ratio_smoothing=1.0))
    config = replace(config, data=DataConfig(path=str(path), labels="several", validation=0.0))
    made = scratch(replace(config, train=replace(config.train, batch=2)))
    counted = made.run.plan.decisions["texts_with_each_feature"]["value"]
    number = made.parts.splits.reader.tokeniser.vocabulary.number
    of_each = {word: [row[number[word]] for row in counted] for word in "xyzw"}  # with a, with b, in all
    assert of_each == {"x": [2, 2, 3], "y": [2, 1, 3], "z": [0, 2, 2], "w": [0, 1, 2]}


def test_scores_of_several_labels_are_scikit_learns():
    from sklearn.metrics import accuracy_score, f1_score

    rng = torch.Generator().manual_seed(0)
    chances, target = torch.rand(50, 4, generator=rng), (torch.rand(50, 4, generator=rng) < 0.4).float()
    said, true = (chances > 0.5).int().numpy(), target.int().numpy()
    scores = several(chances, target)
    assert scores["accuracy"] == pytest.approx(accuracy_score(true, said))
    assert scores["macro_f1"] == pytest.approx(f1_score(true, said, average="macro"))
    assert scores["micro_f1"] == pytest.approx(f1_score(true, said, average="micro"))


# -- word vectors and synonyms ---------------------------------------------------------------------------


@pytest.fixture
def vectors(tmp_path):
    words = ["good", "lovely", "bad", "awful", "bonjour"]
    rows = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    rows[1], rows[3] = rows[0] + 0.01, rows[2] + 0.01
    write_vectors(tmp_path / "vectors.txt", words, rows)
    return VectorsConfig(path=str(tmp_path / "vectors.txt"), freeze=True), rows


def test_word_vectors_are_placed_and_kept(vectors):
    config, rows = vectors
    made = scratch(smoke(model=TextCnnConfig(width=8, channels=4), vectors=config, members=2))
    decided = made.run.plan.decisions["vectors"]["value"]
    assert (decided["found"], decided["repeated"]) == (4, 0)
    made.step()
    place = made.parts.splits.reader.tokeniser.vocabulary.number["good"]
    for member in made.parts.model.members:
        torch.testing.assert_close(member.embedding.weight[place], rows[0], rtol=1e-4, atol=1e-5)


def test_neighbours_among_the_vectors_are_synonyms(vectors):
    augment = TextAugmentConfig(synonym_share=0.5, neighbours=1)
    made = scratch(
        smoke(
            model=TextCnnConfig(width=8, channels=4),
            vectors=replace(vectors[0], freeze=False),
            augment=augment,
        )
    )
    synonyms = made.run.plan.decisions["synonyms"]["value"]
    assert synonyms["good"] == ["lovely"]
    assert synonyms["awful"] == ["bad"]
    made.step()


# -- translations ----------------------------------------------------------------------------------------

TRANSLATED = TextAugmentConfig(translate_there="there", translate_back="back")


def test_texts_are_translated_once_and_learnt_beside_the_others(monkeypatch):
    calls = []

    def made_up(folder, *, device):
        calls.append(folder.name)
        return lambda texts: [text.replace("good", "lovely") for text in texts]

    monkeypatch.setattr("gradus.jobs.sentiment.translations.translator", made_up)
    translated.cache_clear()
    made = scratch(smoke(augment=TRANSLATED))
    scratch(smoke(augment=TRANSLATED))
    assert calls == ["there", "back"]
    about = made.run.plan.decisions["translations"]["value"]
    train = made.parts.splits.texts("train")
    assert about["translated"] + about["unchanged"] + about["as_in_another_split"] == len(train)
    changed = sum("good" in text for text in train.texts)
    assert 0 < about["translated"] <= changed
    learnt, word = made.parts.splits.columns("learnt"), made.parts.splits.columns("train")["word"]
    assert len(learnt["label"]) == len(learnt["word"]) == len(train) + about["translated"]
    assert len(word) == len(train)
    seen = [next(made.batches)["word"] for _ in range(12)]
    lovely = made.parts.splits.reader.tokeniser.vocabulary.number["lovely"]
    assert any((batch == lovely).any() for batch in seen)
    translated.cache_clear()
    monkeypatch.setattr(
        "gradus.jobs.sentiment.translations.translator", None
    )  # a run that knows them needs no model
    again = Scratch(JOB, made.config, CPU, plan=made.run.plan)
    assert torch.equal(next(again.batches)["word"], seen[0])


def test_one_way_is_not_enough():
    with pytest.raises(UsageError, match=r"--augment\.translate_back"):
        scratch(smoke(augment=replace(TRANSLATED, translate_back=None)))


# -- answers ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    place = tmp_path_factory.mktemp("sentiment") / "run"
    assert main(["train", "sentiment/smoke", "--out", str(place)]) == 0
    return place


def test_the_smoke_recipe_beats_its_baseline(trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["value"] >= 0.95 > metrics["baseline"]
    assert "Confusion matrix" in (trained / "report.html").read_text()


SAID = {"the story was not very good and the hall was dark": "negative"}
SAID["the hall was not very dark and the story was good"] = "positive"


def test_a_run_names_its_own_baseline_alone(trained, capsys):
    print_judgement(scored_for(JOB, "smoke"), trained, json.loads((trained / "metrics.json").read_text()))
    said = capsys.readouterr().out.strip().splitlines()[0]
    assert said == "baseline  Logistic regression on TF-IDF of words and pairs, and the most frequent class."


def test_predict_answers_words_lines_and_tables_alike(trained, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("\n\n".join(SAID) + "\n")
    (tmp_path / "a.csv").write_text("id,text\n" + "".join(f'1,"{text}"\n' for text in SAID))
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in SAID))
    capsys.readouterr()
    inputs = [*SAID, *(str(tmp_path / f"a.{kind}") for kind in ("txt", "csv", "jsonl"))]
    assert main(["predict", str(trained), *inputs, "--json", "--out", str(tmp_path / "answers")]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["label"] for answer in answers] == list(SAID.values()) * 4
    assert [answer["input"] for answer in answers[2:4]] == [f"{tmp_path}/a.txt, line {n}" for n in (1, 3)]
    strongest = max(answers[0]["words"], key=lambda word: abs(answers[0]["words"][word]))
    assert strongest in ("not", "good")
    assert len(list((tmp_path / "answers" / "pictures").iterdir())) == 8


def test_predict_needs_no_data(trained, monkeypatch):
    monkeypatch.setattr("gradus.jobs.sentiment.data._read", None)
    opened = folder.open_run(JOB, trained)
    deployed = JOB.deploy(opened.config, opened.parts)
    for text in ("", "zzz", "the story was good", "w " * 900):
        answer = deployed.answer({"output": deployed.module(**deployed.read(text))}, text)
        assert sum(answer.to_dict()["top"].values()) == pytest.approx(1, abs=1e-5)
        assert answer.draw().size[0] > 0
    for raw in (3, b"\xff"):
        with pytest.raises(InputError, match="GR-TEXT-018"):
            deployed.read(raw)


@pytest.mark.parametrize(
    ("name", "lines", "code"),
    [
        ("a.csv", ["tone", "fine"], "GR-TEXT-010"),
        ("a.csv", ["id,text", "1"], "GR-TEXT-011"),
        ("a.jsonl", ["[1]"], "GR-TEXT-012"),
    ],
)
def test_lines_that_hold_no_text_are_named(name, lines, code):
    try:
        (fault,) = (raw for _, raw in texts_in(iter(lines), name, "text"))
    except InputError as error:  # a table without the column is refused whole
        fault = error
    assert isinstance(fault, InputError)
    assert fault.code == code
    assert fault.where.startswith(f"{name}, line")


def test_a_bag_that_knows_pieces_of_words_answers_as_it_was_scored():
    bag = TextBagConfig(letters=4, even=True)
    made = scratch(smoke(model=BagAndCnnConfig(bag=bag, cnn=TextCnnConfig(width=8, channels=8))))
    for _ in range(5):
        made.step()
    chances, _ = probabilities(made.parts, "validation")
    deployed = JOB.deploy(made.config, made.parts)
    assert set(deployed.example) == set(deployed.axes) == {"word", "mask", "piece"}
    assert deployed.module(*deployed.example.values()).shape == (2, 2)
    for place, text in enumerate(made.parts.splits.texts("validation").texts[:5]):
        output = deployed.module(**deployed.read(text))
        torch.testing.assert_close(output[0], chances[place])
        assert len(deployed.answer({"output": output}, text).words) == len(text.split())
    assert len(deployed.answer({"output": deployed.module(**deployed.read(""))}, "").words) == 0


@pytest.mark.parametrize("letters", [0, 4])
def test_what_drives_a_bag_adds_up_and_what_drives_a_network_is_what_goes(letters):
    text, shorter = "the storyline was good", "storyline was good"
    bag = TextBagConfig(letters=letters, min_texts=1)
    made = scratch(smoke(model=bag))
    for _ in range(5):
        made.step()
    model, reader = made.parts.model, made.parts.splits.reader
    logits = model.each(**reader.inputs(text))[0, 0] - model.members[0].bias
    difference = (logits[1] - logits[0]).item()
    weights = drivers(model, reader, text, place=1)
    assert sum(weights) == pytest.approx(difference, rel=1e-4)
    assert (weights[1] != 0) == (letters > 0)  # "storyline" is unknown, and spelt like "story"
    made = scratch(smoke(model=BagAndCnnConfig(bag=bag, cnn=TextCnnConfig(width=8, channels=8))))
    for _ in range(5):
        made.step()
    model, reader = made.parts.model, made.parts.splits.reader
    gone = model(**reader.inputs(text))[0, 0] - model(**reader.inputs(shorter))[0, 0]
    assert drivers(model, reader, text, place=0)[0] == pytest.approx(gone.item(), abs=1e-6)


def test_examining_counts_classes_bad_lines_and_repeats(tmp_path):
    path = reviews(tmp_path)
    path.write_text(path.read_text() + "twice,good\nTWICE ,bad\n,good\nfine,good,more\nlone,Good\n")
    panels = {panel.title: panel for panel in examine(Config(data=DataConfig(path=str(path))))}
    assert panels["Texts"].sentence.startswith("28 in 3 classes. They cannot be divided: class Good")
    assert panels["Bad lines"].rows == [("line 29", "2 cells", "3")]
    assert panels["Empty texts"].rows == [(f"{path}, line 28",)]
    assert panels["Repeated texts"].sentence.startswith("1, 1 of them with different labels")
    assert panels["Small classes"].rows == [("Good", 1)]
    assert panels["Spellings"].rows == [("Good | good",)]


def test_examining_reads_the_columns_and_splits_of_the_settings(tmp_path):
    rows = [f"number{i},{'mostly' if i % 2 else 'hardly'},{'train' if i < 18 else 'test'}" for i in range(24)]
    (tmp_path / "t.tsv").write_text("\n".join(["says,mood,split", *rows, "x,never,test"]).replace(",", "\t"))
    data = DataConfig(path=str(tmp_path / "t.tsv"), text_column="says", label_column="mood", validation=0)
    panels = {panel.title: panel for panel in examine(Config(data=data))}
    assert panels["Labels that training lacks"].rows == [(f"{tmp_path / 't.tsv'}, line 26", "never")]
    assert panels["Texts"].columns == ("class", "train", "test")
    assert ("mostly", 9, 3) in panels["Texts"].rows


def test_examining_running_text_counts_its_words(tmp_path):
    (tmp_path / "t.txt").write_text("one two two\n" * 60)
    (panel,) = examine(WordVectorsConfig(data=CorpusConfig(path=str(tmp_path / "t.txt"), min_count=70)))
    assert panel.sentence.startswith("60 sentences, 180 words, 2 different ones; 1 occur")
    assert list(panel.rows) == [("two", 120), ("one", 60)]


def test_the_job_holds_its_contract():
    outcomes = {o.name: o.sentence for o in contract.examine(JOB) if not o.passed}
    assert outcomes == {}

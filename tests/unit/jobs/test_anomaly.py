"""The anomaly detector as a job: formats, splits, thresholds, answers, streams, drift."""

import io
import json
import math
import os
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from gradus.cli.main import main
from gradus.core.configs import check, from_json, to_json
from gradus.core.errors import GradusError, InputError, UsageError
from gradus.data.encode import CategoryColumn, Encoder, NumberColumn
from gradus.data.notation import Notation
from gradus.data.rows import table_of
from gradus.engine import contract, folder
from gradus.engine.loop import measure
from gradus.engine.probes import Scratch
from gradus.jobs.anomaly import JOB
from gradus.jobs.anomaly.config import Config
from gradus.jobs.anomaly.data import DataConfig, load
from gradus.jobs.anomaly.detector import Detector
from gradus.jobs.anomaly.drift import Profile
from gradus.jobs.anomaly.examine import examine
from gradus.jobs.anomaly.formats import KDD_COLUMNS, KDD_FAMILIES, family_of, recognise
from gradus.jobs.anomaly.inputs import RowReader
from gradus.jobs.anomaly.job import loss, scores_of, settle
from gradus.jobs.anomaly.prepare import NORMAL, PLANTED
from gradus.jobs.anomaly.recipes import RECIPES
from gradus.models.autoencoder import AutoencoderConfig
from gradus.models.deep_svdd import DeepSvdd, DeepSvddConfig
from gradus.models.sequence_autoencoder import SequenceAutoencoderConfig
from gradus.models.variational_autoencoder import VariationalAutoencoderConfig

CPU = torch.device("cpu")
SMALL = {"widths": (8,), "latent_width": 3}


def smoke(**changes) -> Config:
    return replace(RECIPES["smoke"]().config, **changes)


def scratch(config: Config) -> Scratch:
    return Scratch(JOB, config, CPU)


def write_rows(path, rows, header="time,size,kind,label"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return DataConfig(path=str(path if path.suffix else path.parent))


def flows(count, *, odd=5, start=0):
    """Rows in the order of time, every ``odd``-th an anomaly."""
    labels = ["dos" if odd and i % odd == odd - 1 else "Normal" for i in range(count)]
    return [f"{start + i},{i % 9},{'ab'[i % 2]},{label}" for i, label in enumerate(labels)]


# -- recipes and formats ---------------------------------------------------------------------------------


@pytest.fixture
def nsl_kdd():
    data = os.environ.get("GRADUS_DATA")
    if not data:
        pytest.skip("GRADUS_DATA is not set")
    return DataConfig(source="nsl_kdd", path=f"{data}/nsl_kdd")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_in_range_and_comes_back_from_json(name):
    config = RECIPES[name]().config
    check(config)
    assert from_json(Config, json.loads(json.dumps(to_json(config))), name) == config


KDD_ROW = ["0", "tcp", "http", "SF", *["0"] * 37]


@pytest.mark.parametrize(
    ("more", "label", "left_out"),
    [([], None, ()), (["smurf."], "attack", ()), (["smurf", "21"], "attack", ("difficulty",))],
)
def test_kdd_tables_are_known_by_their_shape(more, label, left_out):
    table, kind = recognise(table_of([",".join([*KDD_ROW, *more])], where="t"))
    assert table.columns == KDD_COLUMNS[: 41 + len(more)]
    assert table.texts("service").tolist() == ["http"]
    assert (kind.name, kind.label, kind.left_out) == ("KDD", label, left_out)
    assert kind.categories == ("protocol_type", "service", "flag")


@pytest.mark.parametrize(
    ("header", "row", "name", "label", "left_out"),
    [
        ("id,dur,proto,attack_cat,label", "1,0.1,tcp,Normal,0", "UNSW-NB15", "attack_cat", ("id", "label")),
        (" Flow ID, Flow Duration, Label", "a-b,3,BENIGN", "CICIDS", "Label", ("Flow ID",)),
        ("size,Class", "1,normal", "plain", "Class", ()),
        ("size,attack,label", "1,none,0", "plain", "label", ("attack",)),  # the other one tells the answer
        ("size,weight", "1,2", "plain", None, ()),
    ],
)
def test_headers_say_which_column_is_the_label(header, row, name, label, left_out):
    _, kind = recognise(table_of([header, row], where="t"))
    assert (kind.name, kind.label, kind.left_out) == (name, label, left_out)


def test_every_attack_of_kdd_has_one_family():
    assert len(KDD_FAMILIES) == 39  # those of the KDD Cup's two files
    assert [family_of(name) for name in ("neptune", "mscan", "DoS")] == ["dos", "probe", "DoS"]


def test_unsw_and_cicids_tables_are_read_as_published(tmp_path):
    kinds = ("Exploits,1", "Normal,0", "Normal,0", "Normal,0")
    unsw = [f"{i},{i % 7},{('tcp', 'udp')[i % 2]},-,{kinds[i % 4]}" for i in range(60)]
    config = write_rows(tmp_path / "u" / "set.csv", unsw, "id,dur,proto,service,attack_cat,label")
    found = load(config, window=1)
    assert found.encoder.names == ("dur", "proto", "service")
    assert found.known == ("Exploits",)
    cicids = [f"10.0.0.1-{i},{i % 50},{i},{'DDoS' if i % 4 == 0 else 'BENIGN'}" for i in range(60)]
    config = write_rows(tmp_path / "c" / "day.csv", cicids, "Flow ID, Destination Port, Flow Duration, Label")
    found = load(config, window=1)
    assert found.encoder.names == ("Destination Port", "Flow Duration")
    assert found.known == ("DDoS",)


# -- splits ----------------------------------------------------------------------------------------------


def test_the_official_split_trains_on_normal_rows_alone(nsl_kdd):
    splits = load(nsl_kdd, window=1).splits
    counts = {n: (int((~p.anomalous).sum()), int(p.anomalous.sum())) for n, p in splits.items()}
    assert counts == {"train": (12104, 0), "validation": (1345, 11743), "test": (9711, 12833)}


def test_rows_are_divided_at_random_and_each_is_used_once(tmp_path):
    found = load(write_rows(tmp_path / "t.csv", flows(100)), window=1)
    places = {name: set(part.rows.tolist()) for name, part in found.splits.items()}
    assert sorted(row for rows in places.values() for row in rows) == list(range(100))
    train, held, test = (found.splits[name] for name in ("train", "validation", "test"))
    assert (int(test.anomalous.sum()), len(test.ends)) == (6, 30)
    assert (len(train.ends), int((~held.anomalous).sum()), int(held.anomalous.sum())) == (50, 6, 14)
    assert not train.anomalous.any()


def test_statistics_are_those_of_normal_training_rows(tmp_path):
    rows = [*flows(60), *("9,1000000,zz,dos" for _ in range(30))]
    found = load(write_rows(tmp_path / "t.csv", rows), window=1)
    kind = next(c for c in found.encoder.columns if c.name == "kind")
    size = next(c for c in found.encoder.columns if c.name == "size")
    part = found.splits["train"]
    logs = np.log1p([float(part.cell(row, "size")) for row in range(len(part.row))])
    assert kind.values == ("a", "b")
    assert size.centre == pytest.approx(np.median(logs))
    test = found.splits["test"]  # zz stands in the place for names never seen
    assert test.row[:, -1].tolist() == [float(test.cell(row, "kind") == "zz") for row in range(len(test.row))]
    assert test.row[:, -1].sum() > 0


def test_with_a_time_column_the_last_rows_test(tmp_path):
    rows = flows(100)
    config = replace(write_rows(tmp_path / "t.csv", rows[::-1]), time="time")
    found = load(config, window=1)
    times = {
        name: [int(part.table.texts("time")[row]) for row in part.rows] for name, part in found.splits.items()
    }
    assert times == {
        "train": list(range(63)),
        "validation": list(range(63, 70)),
        "test": list(range(70, 100)),
    }
    assert "time" not in found.encoder.names


def test_times_may_be_dates(tmp_path):
    rows = [f"2017-07-{1 + i // 24:02}T{i % 24:02}:00:00,{i % 9},a,{'x' if i % 5 == 0 else 'normal'}"
            for i in range(80)]  # fmt: skip
    config = replace(write_rows(tmp_path / "t.csv", rows[::-1]), time="time")
    part = load(config, window=1).splits["test"]
    assert part.cell(0, "time") == "2017-07-03T08:00:00"


def test_tables_named_for_their_split_keep_it(tmp_path):
    write_rows(tmp_path / "set" / "my_train.csv", flows(50))
    write_rows(tmp_path / "set" / "my_test.csv", [row.replace("dos", "probe") for row in flows(20)])
    found = load(DataConfig(path=str(tmp_path / "set")), window=1)
    assert found.known == ("dos",)
    assert len(found.splits["test"].ends) == 20
    assert len(found.splits["train"].ends) == 36


def test_windows_of_training_hold_no_anomaly_and_end_with_their_file(tmp_path):
    write_rows(tmp_path / "set" / "a.csv", flows(60, odd=7))
    write_rows(tmp_path / "set" / "b.csv", flows(60, odd=7))
    found = load(DataConfig(path=str(tmp_path / "set")), window=3)
    train, test = found.splits["train"], found.splits["test"]
    for end in train.ends.tolist():
        assert end - 2 >= train.starts[end]
        assert set(train.label[end - 2 : end + 1]) == {NORMAL}
    assert sorted(set(train.starts.tolist())) == [0, 60]
    assert len(test.ends) == 36  # every row of a split that is scored is an item
    assert set(test.starts.tolist()) == {0}


def test_without_labels_anomalies_are_planted_where_scores_are_made(tmp_path):
    rows = [row.rpartition(",")[0] for row in flows(200)]
    found = load(write_rows(tmp_path / "t.csv", rows, "time,size,kind"), window=1)
    assert not found.labelled
    assert set(found.splits["train"].label) == {NORMAL}
    for name in ("validation", "test"):
        planted = (found.splits[name].label == PLANTED).mean()
        assert planted == pytest.approx(0.2, abs=0.02)
    assert "no label column" in found.notes[-1]


def test_rows_with_missing_numbers_are_refused_left_out_or_marked(tmp_path):
    rows = [*flows(60), "61,,a,Normal", "62,Infinity,a,Normal"]
    config = write_rows(tmp_path / "t.csv", rows)
    with pytest.raises(InputError, match=r"t\.csv, line 62.*'size'.*an empty cell"):
        load(config, window=1)
    left_out = load(replace(config, skip_bad=True), window=1)
    assert [fault.where for fault in left_out.faults] == [
        f"{tmp_path / 't.csv'}, line {line}, column 'size'" for line in (62, 63)
    ]
    assert sum(len(part.row) for part in left_out.splits.values()) == 60
    marked = load(replace(config, missing="mark"), window=1)
    assert sum(len(part.row) for part in marked.splits.values()) == 62
    assert marked.faults == ()


def test_columns_that_name_rows_are_left_out_and_told(tmp_path):
    rows = [f"id-{i},{i % 9},{i % 3},{'x' if i % 5 == 0 else 'normal'}" for i in range(60)]
    config = write_rows(tmp_path / "t.csv", rows, "flow,size,port,label")
    found = load(replace(config, most_categories=20, categories=("port",)), window=1)
    assert found.encoder.names == ("size", "port")
    assert isinstance(found.encoder.columns[1], CategoryColumn)
    said = "flow: left out, 60 different texts rather name rows than kinds of rows"
    assert found.notes == (f"{said}; --data.id-column flow tells them with each answer",)
    twice = write_rows(tmp_path / "twice.csv", [*rows, rows[0]], "flow,size,port,label")
    found = load(replace(twice, most_categories=20, categories=("port",)), window=1)
    assert found.notes == (said,)  # which would name two rows alike
    named = replace(config, id_column="flow", categories=("port",))
    assert load(named, window=1).notes == ()
    assert load(named, window=1).encoder.names == ("size", "port")
    with pytest.raises(UsageError, match=r"--data\.id-column.*'label'"):
        load(replace(config, id_column="label"), window=1)


def test_numbers_with_a_unit_are_names_and_that_is_told(tmp_path):
    rows = [f"{i % 7}.5 €,{i % 3} %,Q{i % 4},{'x' if i % 5 == 0 else 'normal'}" for i in range(60)]
    config = write_rows(tmp_path / "t.csv", rows, "price,load,quarter,label")
    notes = load(config, window=1).notes
    assert [note.partition(" with ")[0::2] for note in notes] == [
        ("price: numbers", "'€' beside them are taken for names; take it out of the table to have them as "
         "numbers, or give --data.categories price"),
        ("load: numbers", "'%' beside them are taken for names; take it out of the table to have them as "
         "numbers, or give --data.categories load"),
    ]  # fmt: skip
    assert load(replace(config, categories=("price", "load")), window=1).notes == ()
    panels = {panel.title: panel for panel in examine(Config(data=config))}
    assert [name for name, _ in panels["Columns to think about"].rows] == ["price", "load"]


def test_a_table_that_changed_is_read_again(tmp_path):
    config = write_rows(tmp_path / "t.csv", flows(60))
    first = load(config, window=1)
    assert load(config, window=1) is first
    write_rows(tmp_path / "t.csv", flows(80))
    assert sum(len(part.row) for part in load(config, window=1).splits.values()) == 80


def test_rows_without_labels_are_scored_by_a_run_that_had_them(tmp_path):
    config = replace(write_rows(tmp_path / "t.csv", flows(60)), label="label")
    found = load(config, window=1)
    write_rows(tmp_path / "new.csv", [row.rpartition(",")[0] for row in flows(20)], "time,size,kind")
    new = replace(config, path=str(tmp_path / "new.csv"))
    whole = load(new, window=1, encoder=found.encoder, whole=True)
    assert not whole.labelled
    assert not whole.splits["all"].anomalous.any()
    assert len(whole.splits["all"].ends) == 20


# -- models and thresholds -------------------------------------------------------------------------------

MODELS = [
    AutoencoderConfig(**SMALL, swap=0.2, noise_std=0.1),
    VariationalAutoencoderConfig(**SMALL),
    SequenceAutoencoderConfig(window=4, width=8, latent_width=4),
    DeepSvddConfig(widths=(8,), output_width=4),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_every_model_learns_is_calibrated_and_is_scored(model):
    train = replace(smoke().train, steps=30, batch=32)
    made = scratch(smoke(model=model, train=train, data=replace(smoke().data, count=400)))
    losses = []
    for _ in range(30):
        made.step()
        losses.append(made.run.drain()["loss"])
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    settle(made.config, made.parts, made.run)
    scores = measure(JOB, made.config, made.parts, made.run, split="validation")
    assert 0 < scores["false_alarm_rate"] <= 0.05
    assert 0.3 <= scores["auroc"] <= 1
    assert {"recall_mixed", "recall_misnamed", "oracle_f1"} <= scores.keys()
    assert "shifted_columns" not in scores, "too few rows to tell"
    outcome = made.parts.detector(JOB.deploy(made.config, made.parts).example["row"])
    torch.testing.assert_close(outcome["score"], outcome["error"].sum(1))


def test_columns_that_moved_are_counted_where_rows_are_enough_to_tell(monkeypatch):
    made = scratch(smoke())
    monkeypatch.setattr("gradus.jobs.anomaly.job.LEAST_ROWS", 1)
    scores = measure(JOB, made.config, made.parts, made.run, split="test")
    assert 0 <= scores["shifted_columns"] <= 1


def test_the_threshold_lets_through_its_share_of_normal_rows_held_out():
    for rate in (0.0, 0.02, 0.3):
        made = scratch(smoke(false_alarm_rate=rate))
        settle(made.config, made.parts, made.run)
        held = made.parts.rows.part("validation")
        normal = scores_of(made.parts, "validation")[~held.anomalous]
        above = (normal > made.parts.detector.threshold).double().mean().item()
        assert rate - 1 / len(normal) <= above <= rate


def test_the_headline_is_scikit_learns():
    made = scratch(smoke())
    part = made.parts.rows.part("test")
    found = measure(JOB, made.config, made.parts, made.run, split="test")
    scores = scores_of(made.parts, "test").detach().numpy()
    assert found["auroc"] == pytest.approx(roc_auc_score(part.anomalous.numpy(), scores))


class Zero(torch.nn.Module):
    def forward(self, row):
        return torch.zeros_like(row)


def test_an_error_is_the_distance_of_a_columns_block():
    detector = Detector([Zero()], owners=[0, 1, 1], typical=[0.0] * 3, share=0.0)
    found = detector(torch.tensor([[-2.0, 3.0, 4.0]]))
    assert found["error"].tolist() == [[2.0, 5.0]]
    assert found["score"].tolist() == [7.0]


def test_what_a_detector_holds_grows_with_its_columns_alone():
    """Not with their square: a table of 80,000 columns would need 25 GB."""
    detector = Detector([Zero()], owners=list(range(3000)), typical=[0.0] * 3000, share=0.0)
    assert sum(buffer.numel() for buffer in detector.buffers()) < 10 * 3000
    row = torch.arange(6000.0).reshape(2, 3000)
    torch.testing.assert_close(detector(row)["error"], row)


def test_deep_svdd_blames_the_column_that_moved():
    torch.manual_seed(0)
    net = DeepSvdd(DeepSvddConfig(widths=(8,), output_width=4), num_features=4)
    typical = [0.1, 0.0, 1.0, 0.0]
    net.centre.copy_(net(torch.tensor([typical]))[0])
    detector = Detector([net], owners=[0, 1, 2, 2], typical=typical, share=0.0).requires_grad_(False)
    moved = torch.tensor([typical, [0.1, 5.0, 1.0, 0.0], [0.1, 0.0, 0.0, 1.0]])
    found = detector(moved)
    torch.testing.assert_close(found["score"], detector.score(moved), rtol=1e-4, atol=1e-6)
    assert found["error"][1:].argmax(1).tolist() == [1, 2]
    torch.testing.assert_close(found["error"][1, 1], found["score"][1])


def test_two_nets_share_the_score_by_what_is_usual():
    made = scratch(smoke(one_class=0.25))
    settle(made.config, made.parts, made.run)
    detector, rows = made.parts.detector.requires_grad_(False), made.parts.rows
    items = rows.items("train", rows.part("train").ends)
    first, second = detector.each(items)
    torch.testing.assert_close(detector.usual, torch.stack([first.mean(), second.mean()]))
    wanted = 0.75 * first / first.mean() + 0.25 * second / second.mean()
    torch.testing.assert_close(detector(items)["score"], wanted, rtol=1e-4, atol=1e-5)
    assert detector.score(items).mean() == pytest.approx(1, abs=1e-4)


def test_a_one_class_net_does_not_go_beside_windows():
    with pytest.raises(UsageError, match="--one_class"):
        scratch(smoke(one_class=0.5, model=SequenceAutoencoderConfig()))


def test_windows_tell_what_no_row_alone_does(tmp_path):
    """A wave that stops rising for a while: each row is one that is often there."""
    rng = np.random.default_rng(0)
    turns, rows = 0.0, []
    for step in range(1500):
        stuck = step % 60 >= 52 and step > 60
        turns += 0.0 if stuck else 0.35
        rows.append(f"{math.sin(turns):.4f},{math.cos(turns):.4f},{'stuck' if stuck else 'normal'}")
        turns += rng.normal(0, 0.01)
    data = write_rows(tmp_path / "t.csv", rows, "sine,cosine,label")
    windows = SequenceAutoencoderConfig(window=8, width=24, latent_width=4)
    train = replace(smoke().train, steps=250, rate=1e-2)
    scores = []
    for model in (windows, AutoencoderConfig(**SMALL)):
        made = scratch(smoke(data=replace(data), model=model, train=train))
        for _ in range(250):
            made.step()
        scores.append(measure(JOB, made.config, made.parts, made.run, split="test")["auroc"])
    assert scores[0] > 0.85
    assert scores[1] < 0.65


def test_denoising_shows_other_rows_and_compares_with_the_sound_ones():
    made = scratch(smoke(model=AutoencoderConfig(**SMALL, swap=0.3)))
    batch = next(made.batches)
    owner = made.parts.detector.owner
    blocks = (owner[:, None] == torch.arange(owner.max() + 1)).float()  # (F, C)
    changed = ((batch["row"] != batch["target"]).float() @ blocks > 0).float().mean().item()
    assert 0.1 < changed <= 0.35  # a swapped category may be the same one
    whole = loss(made.config, made.parts, batch)
    drawn = made.parts.detector.nets[0](batch["row"])
    torch.testing.assert_close(whole.total, (drawn - batch["target"]).square().sum())
    assert whole.count == len(drawn)


# -- answers ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    place = tmp_path_factory.mktemp("anomaly") / "run"
    assert main(["train", "anomaly/smoke", "--out", str(place)]) == 0
    return place


def test_the_smoke_recipe_beats_its_baseline(trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["value"] >= 0.97 > metrics["baseline"]
    assert metrics["metrics"]["f1"] <= metrics["metrics"]["oracle_f1"]
    assert metrics["baseline_metrics"].keys() >= {"auroc", "pca_auroc"}
    report = (trained / "report.html").read_text()
    assert [t for t in ("Scores", "Ranking", "Recall by label", "Drift") if t not in report] == []


def test_predict_answers_rows_as_the_evaluation_scored_them(trained, tmp_path, capsys):
    opened = folder.open_run(JOB, trained)
    part = opened.parts.rows.part("test")
    table = part.table
    lines = [",".join(table.columns), *(",".join(row) for row in table.cells.rows())]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    capsys.readouterr()
    assert main(["predict", str(trained), str(tmp_path / "rows.csv"), "--json"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert answers[0]["input"] == f"{tmp_path / 'rows.csv'}, line 2"
    with torch.no_grad():
        scores = scores_of(opened.parts, "test").tolist()
    assert [answer["score"] for answer in answers] == pytest.approx(scores, rel=1e-4)
    assert [answer["alarm"] for answer in answers] == [a["score"] > a["threshold"] for a in answers]
    assert all(0 < sum(answer["reasons"].values()) <= 1.0001 for answer in answers)
    assert main(["evaluate", str(trained), "--data", str(tmp_path / "rows.csv")]) == 2  # its rows are made


def test_misnamed_rows_are_blamed_on_their_category(trained):
    opened = folder.open_run(JOB, trained)
    deployed = JOB.deploy(opened.config, opened.parts)
    part = opened.parts.rows.part("test")
    reasons = []
    for row in np.flatnonzero(part.label == "misnamed").tolist():
        raw = dict(zip(part.table.columns, part.table.cells.row(int(part.rows[row])), strict=True))
        with torch.no_grad():
            output = deployed.module(deployed.read(raw)["row"])
        reasons.append(deployed.answer(output, raw).reasons[0].column)
    assert np.mean([reason in ("protocol", "state") for reason in reasons]) > 0.8


def test_a_stream_tells_its_alarms_and_its_bad_rows(trained, tmp_path, capsys, monkeypatch):
    table = folder.open_run(JOB, trained).parts.rows.part("test").table
    rows = [",".join(row) for row in table.cells.rows()]
    normal, odd = ([row for row in rows if name in row][:30] for name in ("normal", "misnamed"))
    text = "\n".join([*normal, "1,2,3", *odd]) + "\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    capsys.readouterr()
    assert main(["predict", str(trained), "-", "--follow", "--skip-bad"]) == 0
    said = capsys.readouterr()
    alarms = [json.loads(line) for line in said.out.splitlines()]
    assert all(alarm["alarm"] for alarm in alarms)
    lines = [int(alarm["input"].rpartition(" ")[2]) for alarm in alarms]
    assert sum(line > 31 for line in lines) >= 25
    assert sum(line <= 30 for line in lines) <= 5
    assert "line 31" in said.err


def test_predict_says_when_rows_are_not_like_those_of_training(trained, tmp_path, capsys):
    part = folder.open_run(JOB, trained).parts.rows.part("train")
    names = part.table.columns
    number = part.table.columns.index("bytes") if "bytes" in names else 0
    rows = [list(row) for row in part.table.cells.rows()][:400]
    (tmp_path / "same.csv").write_text("\n".join(",".join(row) for row in [names, *rows]))
    for row in rows:
        row[number] = str(float(row[number]) * 50 + 1e4)
    (tmp_path / "moved.csv").write_text("\n".join(",".join(row) for row in [names, *rows]))
    (tmp_path / "few.csv").write_text("\n".join(",".join(row) for row in [names, *rows[:50]]))
    said = {}
    for name in ("same", "moved", "few"):
        capsys.readouterr()
        assert main(["predict", str(trained), str(tmp_path / f"{name}.csv")]) == 0
        said[name] = capsys.readouterr().err
    assert "far from those of training" not in said["same"] + said["few"]
    assert "of these 400 rows are far from those of training" in said["moved"]
    assert names[number] in said["moved"]


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A run on rows with names, and the rows."""
    place = tmp_path_factory.mktemp("named")
    rows = [f"r{i},{i % 9},{'ab'[i % 2]},{'dos' if i % 5 == 4 else 'normal'}" for i in range(100)]
    write_rows(place / "rows.csv", [*rows, "odd,999999,b,dos"], header="flow,size,kind,label")
    data = ["--data", str(place / "rows.csv"), "--data.id-column", "flow"]
    short = ["--train.steps", "5", "--train.batch", "16", "--train.precision", "fp32"]
    assert main(["train", "anomaly/folder", *data, *short, "--out", str(place / "run")]) == 0
    return place


def test_a_name_goes_with_each_answer_and_is_not_learnt(named, tmp_path, capsys, monkeypatch):
    opened = folder.open_run(JOB, named / "run")
    assert opened.parts.rows.encoder.names == ("size", "kind")
    capsys.readouterr()
    assert main(["predict", str(named / "run"), str(named / "rows.csv"), "--json"]) == 0
    said = capsys.readouterr()
    answers = [json.loads(line) for line in said.out.splitlines()]
    assert [answer["id"] for answer in answers] == [*(f"r{i}" for i in range(100)), "odd"]
    alarms = sum(answer["alarm"] for answer in answers)
    first, *strange = [line for line in said.err.splitlines() if "note: " in line]
    assert f"{alarms} alarms in 101 rows; the 5 highest scores" in first
    best = sorted(answers, key=lambda answer: -answer["score"])[:5]
    assert len(strange) == 5
    for line, answer in zip(strange, best, strict=True):
        assert line.startswith(
            f"note: id {answer['id']} ({answer['input']}): {answer['score']:.4g}, an alarm"
        )
        reason, share = next(iter(answer["reasons"].items()))
        assert f"for {reason} ({share:.0%})" in line
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"flow,size,kind\nx7,999999,b\n")))
    assert main(["predict", str(named / "run"), "-", "--follow"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "x7"


@pytest.mark.parametrize("rows", ["size,kind\n1,a\n2,b\n", "flow,size,kind\n,1,a\n,2,b\n"])
def test_rows_without_their_name_are_answered_and_counted(named, tmp_path, capsys, rows):
    (tmp_path / "rows.csv").write_text(rows)
    capsys.readouterr()
    assert main(["predict", str(named / "run"), str(tmp_path / "rows.csv"), "--json"]) == 0
    said = capsys.readouterr()
    assert all("id" not in json.loads(line) for line in said.out.splitlines())
    assert said.err == "note: 2 of 2 rows have no name in a column 'flow': they go by their lines alone\n"


def test_predict_needs_no_data(trained, monkeypatch):
    monkeypatch.setattr("gradus.jobs.anomaly.data._load", None)
    opened = folder.open_run(JOB, trained)
    deployed = JOB.deploy(opened.config, opened.parts)
    assert deployed.module(deployed.example["row"])["score"].shape == (2,)


def test_a_saved_threshold_is_that_of_the_weights(trained):
    opened = folder.open_run(JOB, trained)
    kept = opened.parts.detector.threshold.item()
    assert kept > 0
    settle(opened.config, opened.parts, opened.run)
    assert opened.parts.detector.threshold.item() == pytest.approx(kept, rel=1e-5)


# -- rows given to predict -------------------------------------------------------------------------------

ENCODER = Encoder(
    (
        NumberColumn(name="size", centre=0.0, scale=1.0, misses=False),
        CategoryColumn(name="kind", values=("a", "b")),
    )
)
TABLE_COLUMNS = ("when", "size", "kind", "label")
READER = RowReader(ENCODER, table=TABLE_COLUMNS, missing="refuse", window=1)
WANTED = torch.tensor([[math.log(3), 0.0, 1.0, 0.0]])


@pytest.mark.parametrize(
    "raw",
    [
        "2,b",
        "9,2,b,normal",
        "9,2,b",
        "2;b",
        {"size": 2, "kind": "b"},
        {"size": "2.0", "kind": "b", "other": 1},
        [2, "b"],
        ("9", "2", "b", "x"),
        np.array(["2", "b"]),
    ],
)
def test_a_row_in_any_form_is_read_alike(raw):
    torch.testing.assert_close(READER.read(raw), WANTED)
    assert READER.placed(raw).cells[-1]["kind"] == "b"


@pytest.mark.parametrize(
    "raw", ["2,0;b", {"size": 2, "kind": "b"}, {"size": "2,0", "kind": "b"}, (2.0, "b"), ("9", "2", "b", "x")]
)
def test_a_row_with_a_decimal_comma_is_read_alike(raw):
    reader = RowReader(ENCODER, table=TABLE_COLUMNS, missing="refuse", window=1, notation=Notation("comma"))
    torch.testing.assert_close(reader.read(raw), WANTED)
    ((_, line),) = reader.lines(["size, in m;kind;size", "x;b;2,0"], "t")
    torch.testing.assert_close(reader.read(line), WANTED)
    with pytest.raises(InputError, match=r"wanted a number with a decimal comma.*GR-ROWS-007"):
        reader.read("2.0;b")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("1", "GR-ROWS-004"),
        ("1,2,3,4,5", "GR-ROWS-004"),
        ({"size": 2}, "GR-ROWS-009"),
        ({"size": None, "kind": "a"}, "GR-ROWS-008"),
        ({"size": "x", "kind": "a"}, "GR-ROWS-007"),
        ('1,"a', "GR-ROWS-005"),
        (7, "GR-ROWS-016"),
        (np.zeros((2, 2)), "GR-ROWS-016"),
    ],
)
def test_a_row_of_no_known_form_is_refused(raw, code):
    with pytest.raises(InputError) as error:
        READER.read(raw)
    assert error.value.code == code


def told(lines, reader=READER):
    """What the lines of a table give: features, or the code of an error."""
    return [
        (name, raw.code if isinstance(raw, GradusError) else reader.read(raw).squeeze(0)[..., 0].tolist())
        for name, raw in reader.lines(lines, "t")
    ]


def test_a_header_may_have_its_columns_in_any_order():
    assert told(["kind, size ,more", "b,0,x", "", "a,0"]) == [
        ("t, line 2", 0.0),
        ("t, line 4", "GR-ROWS-004"),
    ]


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        ([], []),
        (["size,kind", "0,a", " size,kind", "0,b"], [("t, line 2", 0.0), ("t, line 4", 0.0)]),
        (["size,other", "1,2"], [("t, line 1", "GR-ROWS-009")]),
        (["size,size", "1,2"], [("t, line 1", "GR-ROWS-003")]),
        (["0,a", '0,"b', '0",b', "0,c"], [("t, line 1", 0.0), ("t, line 2", "GR-ROWS-005"),
                                          ("t, line 3", "GR-ROWS-005"), ("t, line 4", 0.0)]),
        (["0,a", '0,"b', "x,b", "0,c"], [("t, line 1", 0.0), ("t, line 2", "GR-ROWS-005"),
                                         ("t, line 3", "GR-ROWS-007"), ("t, line 4", 0.0)]),
    ],
)  # fmt: skip
def test_lines_give_rows_and_errors_in_order(lines, wanted):
    assert told(lines) == wanted


def test_windows_are_the_rows_up_to_one_without_the_bad():
    reader = RowReader(ENCODER, table=TABLE_COLUMNS, missing="refuse", window=3)
    found = told(["0,a", f"{math.e - 1},a", "x,a", f"{math.e**2 - 1},a", f"{math.e**3 - 1},a"], reader)
    assert [name for name, _ in found] == [f"t, line {n}" for n in range(1, 6)]
    assert found[2][1] == "GR-ROWS-007"
    windows = [window for _, window in found if isinstance(window, list)]
    np.testing.assert_allclose(windows, [[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3]], atol=1e-6)
    torch.testing.assert_close(reader.read([[0, "a"], [1, "b"]])[0, :, 0], torch.tensor([0, 0, math.log(2)]))


# -- drift and examination -------------------------------------------------------------------------------


def test_drift_is_the_index_worked_out_by_hand():
    def rows(sizes, kinds):
        codes = np.array([[kind] for kind in kinds])
        return ENCODER.encode(np.array(sizes, dtype=float)[:, None], codes)

    profile = Profile.of(ENCODER, rows([0] * 8 + [1] * 2, [0] * 5 + [1] * 5))
    index = profile.index(rows([0] * 4 + [1] * 6, [0] * 9 + [1]))
    by_hand = [
        (0.4 - 0.8) * math.log(0.4 / 0.8) + (0.6 - 0.2) * math.log(0.6 / 0.2),
        (0.9 - 0.5) * math.log(0.9 / 0.5) + (0.1 - 0.5) * math.log(0.1 / 0.5),
    ]
    assert index.tolist() == pytest.approx(by_hand)
    again = Profile(ENCODER, **json.loads(json.dumps(profile.to_json())))
    assert torch.equal(again.index(rows([0] * 8 + [1] * 2, [0] * 5 + [1] * 5)), torch.zeros(2).double())


def test_examine_tells_what_would_be_trained_on(tmp_path):
    rows = [*flows(60), "61,,a,Normal", "62,1,a"]
    write_rows(tmp_path / "t.csv", rows)
    panels = {panel.title: panel for panel in examine(Config(data=DataConfig(path=str(tmp_path / "t.csv"))))}
    assert panels["Rows"].sentence == "60 rows, labels of anomalies: 1."
    assert [row[0] for row in panels["Rows"].rows] == ["normal", "dos"]
    assert panels["Columns"].sentence == "3 columns become 5 features."
    assert "2 rows cannot be read" in panels["Broken rows"].sentence
    assert "mark loses 1" in panels["Broken rows"].sentence
    assert [row[0] for row in panels["Broken rows"].rows] == ["line 63", "line 62, column 'size'"]
    assert [row[0] for row in panels["Columns to think about"].rows] == ["time"]


def test_examine_reads_the_columns_of_the_settings(tmp_path):
    config = write_rows(tmp_path / "t.csv", flows(60), header="when,size,kind,verdict")
    plain = {panel.title: panel for panel in examine(Config(data=config))}
    assert "--data.label names" in plain["Rows"].sentence
    assert ("verdict", "labels: --data.label verdict takes them for what each row is") in list(
        plain["Columns to think about"].rows
    )
    set_up = replace(config, label="verdict", time="when", leave_out=("size",))
    panels = {panel.title: panel for panel in examine(Config(data=set_up))}
    assert panels["Rows"].sentence == "60 rows, labels of anomalies: 1."
    assert [row[0] for row in panels["Columns"].rows] == ["kind"]
    assert panels["Columns to think about"].sentence == "None."


def test_examine_tells_all_even_where_nothing_can_be_trained(tmp_path):
    rows = [f"{i};1,5;01.02.2026;{i % 2}" for i in range(8)]
    (tmp_path / "t.csv").write_text("\n".join(["n;size;day;label", *rows, "8;1"]) + "\n")
    panels = {panel.title: panel for panel in examine(Config(data=DataConfig(path=str(tmp_path / "t.csv"))))}
    assert "GR-ROWS-007" in panels["Rows"].sentence
    assert sorted(panels["Rows"].rows) == [("0", 4), ("1", 4)]
    assert panels["Broken rows"].rows == [("line 10", "4 cells, one for each column", "2")]
    hints = dict(panels["Columns to think about"].rows)
    assert "decimal comma, which --data.decimal comma reads (1,5 is 1.5)" in hints["size"]
    assert "dates" in hints["day"]
    assert "--data.leave-out n" in hints["n"]
    assert "--data.id-column n" in hints["n"]
    data = DataConfig(path=str(tmp_path / "t.csv"), decimal="comma", id_column="n")
    panels = {panel.title: panel for panel in examine(Config(data=data))}
    assert "GR-ROWS-010" in panels["Rows"].sentence  # eight rows are too few
    assert [name for name, _ in panels["Columns to think about"].rows] == ["day"]


def test_decimal_commas_are_read_where_the_settings_say_so_and_never_taken_for_names(tmp_path):
    rows = [f"{i % 7}.{i % 10}|{'ab'[i % 2]}|{'dos' if i % 5 == 4 else 'normal'}" for i in range(60)]
    header = "size|kind|label"
    points = write_rows(
        tmp_path / "points.csv", [row.replace("|", ";") for row in rows], header.replace("|", ";")
    )
    commas = [row.replace(".", ",").replace("|", ";") for row in rows]
    written = write_rows(tmp_path / "commas.csv", commas, header.replace("|", ";"))
    with pytest.raises(
        InputError, match=r"line 2, column 'size'.*which --data.decimal comma reads.*GR-ROWS-007"
    ):
        load(written, window=1)
    assert load(replace(written, categories=("size",)), window=1).encoder.numbers == ()
    found, wanted = load(replace(written, decimal="comma"), window=1), load(points, window=1)
    assert found.encoder == wanted.encoder
    assert all(torch.equal(found.splits[split].row, wanted.splits[split].row) for split in wanted.splits)
    mostly_whole = [*(f"{i};a;normal" for i in range(57)), *("1,5;a;dos" for _ in range(3))]
    few = write_rows(tmp_path / "few.csv", mostly_whole, header.replace("|", ";"))
    with pytest.raises(InputError, match=r"line 59, column 'size'.*The column holds.*--data.decimal comma"):
        load(few, window=1)


def test_the_job_holds_its_contract():
    outcomes = {o.name: o.sentence for o in contract.examine(JOB) if not o.passed}
    assert outcomes == {}

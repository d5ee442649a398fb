"""The report of a run folder: whole, quotable, self-contained, open about gaps, deaf to hostile names."""

import base64
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure

from gradus.core.errors import InputError
from gradus.engine.job import Panel
from gradus.ship.report import write_report

HOSTILE = "</style></title><script>alert(1)</script><img src=x onerror='alert(2)'>\"&amp;`$"
VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Tags with their attributes, the text, and whether every tag is closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.open = [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def count(self, tag, **attributes):
        return sum(t == tag and all(a.get(k) == v for k, v in attributes.items()) for t, a in self.tags)


def measured(step, **values):
    return {
        "fact": "measured",
        "step": step,
        "values": {"loss": 2.0 / step, "accuracy": 1 - 1 / step, "rate": 1e-3, "memory_gib": 0.25, **values},
        "seconds": step / 10,
        "samples_per_second": 640.0,
    }


def evaluated(step, split="validation", best=False, **metrics):
    return {
        "fact": "evaluated",
        "step": step,
        "split": split,
        "metrics": metrics,
        "seconds": 0.1,
        "best": best,
    }


JOURNAL = [
    {"fact": "started", "step": 0, "steps": 30, "job": "toy", "recipe": ""},
    *(measured(step) for step in range(1, 11)),
    evaluated(10, best=True, accuracy=0.5),
    *(measured(step) for step in range(11, 21)),
    evaluated(20, best=True, accuracy=0.875),
    *(measured(step) for step in range(21, 31)),
    evaluated(30, accuracy=0.75),
    {
        "fact": "found",
        "step": 12,
        "code": "GR-RUN-005",
        "sentence": "Batches of 64 are computed in 2 pieces.",
    },
    {"fact": "ended", "step": 30, "reason": "all steps taken", "seconds": 3.0},
    evaluated(30, split="test", accuracy=0.8125),
]
METRICS = {
    "job": "toy",
    "recipe": "smoke",
    "headline": "accuracy",
    "direction": "higher",
    "value": 0.8125,
    "baseline": 0.25,
    "metrics": {"accuracy": 0.8125, "loss": 0.5, "extra": 7.0},
    "baseline_metrics": {"accuracy": 0.25, "loss": 1.5},
    "seconds": 3.0,
    "steps": 30,
    "device": "cpu",
    "precision": "fp32",
    "doctor": {"verdict": "not watched"},
}
CONFIG = {
    "job": "toy",
    "recipe": "smoke",
    "gradus": "0.1.0",
    "config": {
        "width": 64,
        "names": ["a", "b"],
        "train": {"steps": 30, "rate": 0.001, "keep": "best", "optim": {"epsilon": 1e-08, "clip_norm": None}},
    },
}
PLAN = {
    "precision": {"value": "fp32", "reason": "given"},
    "classes": {"value": ["cat", "dog"], "reason": "folders"},
}
MACHINE = {
    "machine": {"cores": 2, "cuda": None},
    "versions": {"python": "3.11.7", "gradus": None, "torch": "2.13.0"},
}


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    contents = {"config": CONFIG, "plan": PLAN, "env": MACHINE, "metrics": METRICS}
    for name, content in contents.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    write_journal(folder, JOURNAL)
    return folder


def write_journal(folder, rows):
    (folder / "journal.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def change(folder, name, **values):
    path = folder / f"{name}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def read(folder, panels=()):
    path = write_report(folder, panels=list(panels))
    assert path == folder / "report.html"
    reader = Reader(path.read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


def drawing(title=""):
    figure = Figure(figsize=(2, 2))
    figure.add_subplot().set_title(title)
    return figure


def test_the_verdict_is_one_line_to_quote(run):
    line = (
        "accuracy 0.8125 on the test split, 0.5625 better than the baseline's 0.2500, "
        "after 30 steps in 3.0 seconds on cpu in fp32."
    )
    seen = read(run)
    assert line in seen.text
    assert next(a["content"] for _, a in seen.tags if a.get("name") == "description") == line
    assert "toy / smoke" in seen.text


@pytest.mark.parametrize(
    ("direction", "value", "baseline", "said"),
    [
        ("lower", 0.25, 1.0, "0.7500 better than the baseline's 1.0"),
        ("lower", 1.5, 1.0, "0.5000 worse than the baseline's 1.0"),
        ("higher", 0.125, 0.25, "0.1250 worse than the baseline's 0.2500"),
        ("higher", 0.25, 0.25, "no better than the baseline's 0.2500"),
        ("higher", 0.25, None, "beside none for the baseline"),
    ],
)
def test_better_follows_the_headlines_direction(run, direction, value, baseline, said):
    change(run, "metrics", direction=direction, value=value, baseline=baseline)
    assert said in read(run).text


@pytest.mark.parametrize(
    ("chance", "said"),
    [(0.2, "(which may well be chance, p = 0.2000)"), (0.001, "(hardly by chance, p = 0.0010)"), (None, "")],
)
def test_what_may_be_chance_is_not_claimed(run, chance, said):
    change(run, "metrics", chance=chance)
    text = read(run).text
    assert said in text
    assert ("by chance" in text or "be chance" in text) == bool(said)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(59.96, "60.0 seconds"), (125, "2 minutes"), (3600, "1 h 00 min"), (7501, "2 h 05 min")],
)
def test_time_is_said_as_one_says_it(run, seconds, said):
    change(run, "metrics", seconds=seconds)
    assert f"in {said} on cpu" in read(run).text


def test_sections_come_in_order_with_the_panels_between_scores_and_findings(run):
    panels = [Panel(title="Mistakes", sentence="The worst.", columns=["name"], rows=[["x"]])]
    text = (write_report(run, panels=panels)).read_text()
    titles = re.findall("<h2>(.*?)</h2>", text)
    assert titles == ["Curves", "Test scores", "Mistakes", "Findings", "Decisions", "Model card"]


def test_curves_put_training_and_validation_together_and_ring_the_best(run):
    seen = read(run)
    titles = re.findall("<figcaption><b>([a-z ]+)", (run / "report.html").read_text())
    assert titles == ["loss", "accuracy", "learning rate"]
    assert "validation, 0.8750 at step 20" in seen.text
    assert seen.count("circle", **{"class": "ring"}) == 1
    assert "Rings mark the best evaluation, at step 20." in seen.text


def test_a_rate_of_errors_is_a_score_and_not_a_learning_rate(run):
    rows = [measured(step, critic_loss=1.0, critic_rate=1e-4, error_rate=0.5 / step) for step in range(1, 4)]
    write_journal(run, rows)
    read(run)
    titles = re.findall("<figcaption><b>([a-z ]+)", (run / "report.html").read_text())
    assert titles == ["loss", "critic loss", "accuracy", "error rate", "learning rate"]
    assert "critic, last 0.0001" in (run / "report.html").read_text()


def test_more_metrics_than_one_wants_to_see_are_folded_away(run):
    write_journal(
        run, [measured(step, **{f"class_{place}": 0.5 / step for place in range(40)}) for step in (1, 2)]
    )
    seen = read(run)
    assert seen.count("details") == 1
    assert "34 more" in seen.text  # 42 names, of which 8 are shown
    assert seen.count("svg") == 43


def test_a_score_that_never_moved_is_a_sentence_and_a_loss_a_chart_all_the_same(run):
    write_journal(run, [measured(step, critic_loss=1.0, unseen=0.0) for step in range(1, 4)])
    seen = read(run)
    assert "Never changed: unseen 0.0000." in seen.text
    assert "critic loss" in seen.text.partition("Never changed")[0]


def test_scores_stand_beside_the_baselines(run):
    write_report(run, panels=[])
    rows = re.findall("<tr>(.*?)</tr>", (run / "report.html").read_text())
    cells = [re.sub("<[^>]*>", "|", row).replace("||", "|").strip("|") for row in rows]
    assert "metric|this run|baseline|difference" in cells
    assert "loss|0.5000|1.5000|\N{MINUS SIGN}1.0000" in cells
    assert "extra|7.0000" in cells
    assert next(c for c in cells if "headline, higher is better" in c).endswith("|0.8125|0.2500|+0.5625")


def test_findings_are_told_once_a_code_with_what_to_do(run):
    again = [
        {"fact": "found", "step": step, "code": "GR-RUN-005", "sentence": "4 pieces."} for step in (14, 19)
    ]
    unknown = {"fact": "found", "step": 3, "code": "GR-OWN-001", "sentence": "A finding of another program."}
    write_journal(run, [*JOURNAL, *again, unknown])
    text = read(run).text
    assert "Smaller micro-batches GR-RUN-005, 3 times, from step 12 to 19" in text
    assert "4 pieces." in text
    assert "A finding of another program." in text


def test_the_card_has_every_setting_version_and_command(run):
    text = read(run).text
    for said in (
        "train.optim",
        "epsilon1e-08",
        "clip normnone",
        "namesa, b",
        "cores2",
        "gradus0.1.0",
        "torch2.13.0",
    ):
        assert said in text
    assert "gradus train toy/smoke" in text
    assert f"gradus resume {run} --train.steps 60" in text
    assert f"gradus predict {run} INPUT..." in text


def test_the_command_that_repeats_the_run_copies_what_the_run_is_made_of(run, tmp_path):
    spaced = tmp_path / "a run; with 'signs'"
    shutil.copytree(run, spaced)
    text = read(spaced).text
    copy = re.search(r"(mkdir again && .*? again/) && gradus resume again", text).group(1)
    subprocess.run(copy, shell=True, check=True, cwd=tmp_path, timeout=10)
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == ["config.json", "plan.json"]


def test_values_are_written_as_people_write_them(run):
    nested = {"mean": [0.5, 1e-8], "shape_seen": [[1, 2], [3, 4]], "path": None, "exact": True, "rows": 12000}
    nested |= {"counts": {"train": 4, "test": 2}, "notes": []}
    change(run, "plan", data={"value": nested, "reason": "measured"})
    said = "mean: 0.5, 1e-08; shape seen: [[1, 2], [3, 4]]; path: none; exact: true; rows: 12000; "
    assert said + "counts (train: 4; test: 2); notes: none" in read(run).text


def test_long_values_are_cut_and_say_where_the_whole_is(run):
    change(run, "plan", names={"value": [f"class {place}" for place in range(1000)], "reason": "folders"})
    text = read(run).text
    assert "class 20" in text
    assert "class 999" not in text
    assert "letters, whole in plan.json" in text


def test_hostile_names_stay_text(run):
    change(run, "config", recipe=HOSTILE, config={HOSTILE: {HOSTILE: HOSTILE}, "train": {}})
    change(run, "plan", **{HOSTILE: {"value": [HOSTILE], "reason": HOSTILE}})
    change(run, "env", machine={HOSTILE: HOSTILE}, versions={HOSTILE: HOSTILE})
    change(
        run,
        "metrics",
        job=HOSTILE,
        headline=HOSTILE,
        metrics={HOSTILE: 1.0},
        device=HOSTILE,
        precision=HOSTILE,
    )
    found = {"fact": "found", "step": 3, "code": HOSTILE, "sentence": HOSTILE}
    ended = {"fact": "ended", "step": 3, "reason": HOSTILE, "seconds": 1.0}
    write_journal(run, [measured(1, **{HOSTILE: 1.0}), evaluated(2, **{HOSTILE: 1.0}), found, ended])
    panel = Panel(
        title=HOSTILE, sentence=HOSTILE, figure=drawing(HOSTILE), columns=[HOSTILE], rows=[[HOSTILE]]
    )
    seen = read(run, [panel])
    assert {"script", "iframe", "link", "a", "object"}.isdisjoint(tag for tag, _ in seen.tags)
    assert not [name for _, attributes in seen.tags for name in attributes if name.startswith("on")]
    assert seen.count("style") == 1
    assert seen.text.count(HOSTILE) >= 12
    drawn = list((run / "figures").iterdir())
    assert [path.parent for path in drawn] == [run / "figures"]
    assert b"<script" not in drawn[0].read_bytes()


def test_a_name_that_is_no_text_at_all_does_not_stop_the_report(run):
    change(run, "plan", path={"value": "scan\udcff.png", "reason": "a file name of another time"})
    assert "scan?.png" in read(run).text


def test_the_page_needs_nothing_from_outside(run):
    seen = read(run, [Panel(title="Figure", sentence="One.", figure=drawing())])
    for _, attributes in seen.tags:
        assert "href" not in attributes
        assert attributes.get("src", "data:").startswith("data:")
    page = (run / "report.html").read_text()
    assert "://" not in page
    assert "url(" not in page


def test_figures_are_saved_as_they_are_shown_and_the_same_every_time(run):
    titles = ["The worst", "The worst", "../../Etc/Passwd", "猫"]
    names = ["the-worst.svg", "the-worst-2.svg", "etc-passwd.svg", "figure.svg"]
    (run / "figures").mkdir()
    (run / "figures" / "the-worst.png").write_bytes(b"of an earlier report")

    def panels():
        return [Panel(title=title, sentence="", figure=drawing(title)) for title in titles]

    seen = read(run, panels())
    first = (run / "report.html").read_bytes()
    assert sorted(path.name for path in (run / "figures").iterdir()) == sorted(names)
    shown = [a["src"].partition("base64,")[2] for tag, a in seen.tags if tag == "img"]
    assert [base64.b64decode(source) for source in shown] == [
        (run / "figures" / n).read_bytes() for n in names
    ]
    write_report(run, panels=panels())
    assert (run / "report.html").read_bytes() == first


def test_a_run_that_has_only_begun_is_reported(run):
    for name in ("plan.json", "env.json", "metrics.json", "journal.jsonl"):
        (run / name).unlink()
    text = read(run).text
    assert "Not finished: at step 0, and not scored on the test split yet." in text
    assert f"Go on with gradus resume {run}." in text
    assert "The journal has no measurements yet." in text
    assert "None yet" in text
    assert "There is no plan yet" in text
    assert "The run reported nothing unusual." in text


def test_a_run_that_was_cut_short_is_reported_as_far_as_it_went(run):
    (run / "metrics.json").unlink()
    write_journal(run, JOURNAL[:14])
    with (run / "journal.jsonl").open("a") as journal:
        journal.write('{"fact": "measured", "st')
    seen = read(run)
    assert "Not finished: at step 12 of 30" in seen.text
    assert seen.count("svg") == 3


def test_a_run_without_validation_says_so(run):
    write_journal(run, [row for row in JOURNAL if row.get("split") != "validation"])
    seen = read(run)
    assert "No validation split was scored." in seen.text
    assert "Rings mark" not in seen.text


def test_values_that_were_no_number_leave_a_gap(run):
    write_journal(run, [measured(1), measured(2, accuracy=None), measured(3), evaluated(3, accuracy=None)])
    assert "validation, last nan" in read(run).text


def test_a_time_that_was_no_number_is_said_to_be_unknown(run):
    change(run, "metrics", seconds=None)
    assert "30 steps in an unknown time on cpu" in read(run).text


@pytest.mark.parametrize("values", [(5e-324, 5e-324), (1e-310, 2e-310), (-8.9e307, 8.9e307)])
def test_values_beyond_the_arithmetic_of_a_picture_do_not_stop_the_report(run, values):
    write_journal(run, [measured(step, rate=value) for step, value in enumerate(values, 1)])
    assert "Curves" in read(run).text


def test_rows_that_are_odd_are_left_out_of_the_report(run):
    odd = [
        {"fact": "measured", "step": "three", "values": {}, "seconds": 1, "samples_per_second": 1},
        measured(1) | {"values": {"loss": "low"}},
        measured(1) | {"values": ["low"]},
        {"fact": "evaluated", "step": 2, "split": "validation"},
        {"fact": "found", "step": 2, "code": ["GR-RUN-005"], "sentence": "x"},
        {"fact": "ended", "step": None, "reason": "all steps taken", "seconds": 1},
    ]
    write_journal(run, JOURNAL)
    whole = read(run).text
    write_journal(run, [*odd, *JOURNAL, *odd])
    assert read(run).text == whole


def test_speed_and_memory_that_were_no_number_are_none(run):
    write_journal(run, [measured(1, memory_gib=None) | {"samples_per_second": None}, measured(2)])
    assert "most memory held" in read(run).text


def test_scores_of_an_earlier_end_are_not_passed_off_as_the_latest(run):
    write_journal(run, [*JOURNAL, measured(45)])
    assert "These scores are of step 30; training has gone on to step 45 since." in read(run).text


def test_an_early_end_gives_its_reason(run):
    ended = {
        "fact": "ended",
        "step": 30,
        "reason": "accuracy has not improved for 3 evaluations",
        "seconds": 3.0,
    }
    write_journal(run, [*JOURNAL[:-2], ended])
    assert "Training ended early: accuracy has not improved for 3 evaluations." in read(run).text


def test_no_run_and_a_damaged_file_are_errors_for_people(run, tmp_path):
    with pytest.raises(InputError, match="GR-RUN-010"):
        write_report(tmp_path, panels=[])
    (run / "plan.json").write_text("{")
    with pytest.raises(InputError, match="GR-RUN-003"):
        write_report(run, panels=[])

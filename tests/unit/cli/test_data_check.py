"""gradus data check: it takes the settings of train, tells all, and ends as training would begin."""

import ast
import gzip
import re
from pathlib import Path

import pytest
from PIL import Image

from gradus.cli.main import main
from gradus.cli.recipes import choose
from gradus.core.configs import settings
from gradus.core.errors import InputError
from gradus.jobs import TABLE, find
from tests.unit.data.made_sounds import tone, wav

ADVICE = re.compile(r"(--[a-z][a-z0-9_.-]*[a-z0-9])(?: (\"[^\"]*\"|'[^']*'|[\w%][\w%-]*))?")
JOBS = Path(__file__).parents[3] / "gradus" / "jobs"


def texts(place: Path) -> None:
    rows = [f"thing number {i},{'good' if i % 2 else 'bad'}" for i in range(40)]
    rows += ["too,many,cells", "no label,", "lone,Good", "odd,so", "rare,so so", "thing number 3,bad"]
    (place / "texts.csv").write_text("\n".join(["text,label", *rows]) + "\n")


def series(place: Path) -> None:
    days = [f"{1 + i // 24:02d}" for i in range(600)]
    rows = [
        f'2026-01-{day} {i % 24:02d}:00,{i % 24},{i % 7},x,1,"1,5",{day}.01.2026'
        for i, day in enumerate(days)
    ]
    rows[3] = rows[3].replace(",x,1,", ",x,one,")
    rows[10], rows[11], rows[20] = rows[11], rows[10], rows[19]
    rows[30] = rows[30].replace(":00", ":20")
    rows[40] = rows[40].replace(",x,1,", ",x,,")
    rows[50] += ",1"
    del rows[60:62]
    (place / "series.csv").write_text("\n".join(["date,load,flow,shop,n,cost,day", *rows]) + "\n")


def table(place: Path) -> None:
    rows = [f"{i},{i * 7 % 10},{'ab'[i % 2]},2026-01-01 10:{i % 60:02d},{'odd' if i % 9 == 0 else 'normal'}"
            for i in range(90)]  # fmt: skip
    rows[5], rows[7], rows[8] = "5,,a,2026-01-01 10:00,normal", "7,1", "8,many,a,2026-01-01 10:00,normal"
    (place / "table.csv").write_text("\n".join(["n,size,kind,when,verdict", *rows]) + "\n")


def pictures(place: Path) -> None:
    for label, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        (place / "pictures" / label).mkdir(parents=True)
        for i in range(10):
            shade = tuple(max(0, c - 9 * i) for c in colour)
            Image.new("RGB", (8 + i % 2, 8), shade).save(place / "pictures" / label / f"{i}.png")
    (place / "pictures" / "red" / "broken.png").write_bytes(b"no picture")
    (place / "pictures" / "green").mkdir()


def sounds(place: Path) -> None:
    (place / "sounds").mkdir()
    for i in range(10):
        sound = wav(tone(hertz=300 + i, rate_hz=16000), rate_hz=16000)
        (place / "sounds" / f"{i}.wav").write_bytes(sound)
        (place / "sounds" / f"{i}.txt").write_text("yes " * (60 if i == 3 else 1))
    (place / "sounds" / "lost.txt").write_text("no sound")


SETS = {
    "sentiment": (texts, "texts.csv"),
    "forecasting": (series, "series.csv"),
    "anomaly": (table, "table.csv"),
    "image_classification": (pictures, "pictures"),
    "speech": (sounds, "sounds"),
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")
    return tmp_path


@pytest.mark.parametrize("job", SETS)
def test_all_that_is_wrong_is_told_and_every_setting_in_the_advice_is_taken(place, job, capsys):
    make, path = SETS[job]
    make(place)
    assert main(["data", "check", job, "--data", str(place / path)]) == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert len(said.err.splitlines()) == 5
    advised = ADVICE.findall(said.out)
    assert "--skip-bad" in [option for option, _ in advised]
    known = dict(settings(choose(f"{job}/folder", [], data=path, skip_bad=False, verb="train").config))
    for option, value in advised:
        if option == "--skip-bad":
            continue
        name = option.removeprefix("--").replace("-", "_")
        assert name in known, option
        given = [option] if isinstance(known[name], bool) or not value else [option, value.strip("\"'")]
        if len(given) == 2 or isinstance(known[name], bool):
            assert choose(f"{job}/folder", given, data=path, skip_bad=True, verb="train").config


def test_every_job_that_examines_has_its_case():
    assert SETS.keys() == TABLE.keys()


@pytest.mark.parametrize("job", SETS)
def test_settings_that_a_look_can_name_are_settings_of_the_job(job):
    written = (JOBS / job / "examine.py").read_text()
    texts = [n.value for n in ast.walk(ast.parse(written)) if isinstance(n, ast.Constant)]
    named = {option for text in texts if isinstance(text, str) for option, _ in ADVICE.findall(text)}
    known = {name for recipe in find(job).recipes.values() for name, _ in settings(recipe().config)}
    unknown = {o for o in named if not any(n.startswith(o[2:].replace("-", "_").rstrip(".")) for n in known)}
    assert unknown - {"--skip-bad"} == set()


def test_it_takes_the_settings_of_train_and_says_that_training_can_read(place, capsys):
    texts(place)
    rows = (place / "texts.csv").read_text().replace("text,label", "tweet,mood")
    (place / "tweets.csv").write_text(rows)
    assert main(["data", "check", "sentiment", "--data", str(place / "tweets.csv")]) == 1
    assert "--data.label-column" in capsys.readouterr().err
    named = ["--data.text-column", "tweet", "--data.label-column", "mood", "--train.batch", "8"]
    assert main(["data", "check", "sentiment", "--data", str(place / "tweets.csv"), *named]) == 1
    assert "GR-TEXT-011" in capsys.readouterr().err
    (place / "sound.csv").write_text("\n".join(rows.splitlines()[:41]) + "\n")
    assert main(["data", "check", "sentiment", "--data", str(place / "sound.csv"), *named]) == 0
    assert capsys.readouterr().out.endswith("Training: it can read these data with these settings.\n")


def test_bad_items_are_listed_alike_with_and_without_skip_bad(place, capsys):
    table(place)
    given = [
        "data",
        "check",
        "anomaly",
        "--data",
        "table.csv",
        "--data.label",
        "verdict",
        "--train.batch",
        "8",
    ]
    assert main(given) == 1
    without = capsys.readouterr().out
    assert main([*given, "--skip-bad"]) == 0
    assert capsys.readouterr().out.startswith(without)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["--data.txt-column", "a"], "GR-CONFIG-001"),
        (["--data.test", "2"], "GR-CONFIG-003"),
        (["--train.batch", "400"], "GR-DATA-040"),
    ],
)
def test_what_training_refuses_is_refused(place, capsys, given, code):
    texts(place)
    lines = (place / "texts.csv").read_text().splitlines()[:41]
    (place / "texts.csv").write_text("\n".join(lines) + "\n")
    for verb in (["data", "check", "sentiment"], ["train", "sentiment/folder", "--out", "run"]):
        assert main([*verb, "--data", str(place / "texts.csv"), *given]) == 2
        assert f"error {code}" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["forecasting/smoke", "anomaly/smoke", "image_classification/smoke"])
def test_a_recipe_that_makes_its_data_can_be_looked_at(target, capsys):
    assert main(["data", "check", target, "--train.rate", "auto", "--train.batch", "auto"]) == 0
    assert "Training: it can read" in capsys.readouterr().out


def test_a_job_that_examines_nothing_says_so(place, capsys):
    assert main(["new", "job", "spirals_to_check"]) == 0
    assert main(["data", "check", "./spirals_to_check"]) == 2
    assert "GR-CLI-006" in capsys.readouterr().err


def test_help_names_the_settings_of_the_users_own_data(capsys):
    assert main(["data", "check", "sentiment", "--help"]) == 0
    said = capsys.readouterr().out
    for option in ("--skip-bad", "--data.label-column", "--clean.markup", "JOB[/RECIPE]"):
        assert option in said


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("tweet.csv", "Did you mean 'tweets.csv'?"),
        ("dta/tweets.csv", "no dta in ., wanted"),
        ("nothing/like/it", "no nothing in"),
        ("", "nothing at that path"),
    ],
)
def test_a_path_that_is_not_there_is_answered_by_the_nearest(place, path, said):
    (place / "data").mkdir()
    (place / "tweets.csv").write_bytes(gzip.compress(b""))
    with pytest.raises(InputError, match="GR-DATA-001") as caught:
        choose("sentiment/folder", [], data=path, skip_bad=False, verb="train")
    text = f"{caught.value.got}, wanted: {caught.value.remedy}"
    assert said in text
    if path.startswith("dta"):
        assert "Did you mean 'data'?" in text


def test_pictures_are_told_with_their_sizes_broken_files_and_empty_folders(place, capsys):
    pictures(place)
    given = ["data", "check", "image_classification", "--data", str(place / "pictures"), "--train.batch", "4"]
    assert main(given) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "Pictures: 20 in 2 classes." in said
    assert (
        "2 different; training brings them to 64 x 64 (--data.side, --data.fit crop), 20 of them are" in said
    )
    assert "8 x 8 10 9 x 8 10" in said
    assert "Folders without pictures: 1" in said
    assert "Broken files: 1 cannot be read" in said
    assert "red/broken.png: wanted a picture" in said
    assert main([*given, "--skip-bad", "--data.side", "16"]) == 0


def test_of_many_classes_the_smallest_are_shown(place, capsys):
    for label in range(60):
        (place / "pictures" / f"{label}").mkdir(parents=True)
        for i in range(9 if label == 7 else 12):
            Image.new("RGB", (8, 8), (4 * label, 20 * i, 0)).save(
                place / "pictures" / f"{label}" / f"{i}.png"
            )
    given = ["data", "check", "image_classification", "--data", str(place / "pictures"), "--data.side", "16"]
    assert main(given) == 0
    said = capsys.readouterr().out
    assert "717 in 60 classes, the smallest first." in said
    assert said.splitlines()[2].split()[0] == "7"


def test_a_long_table_says_how_much_more_there_is(tmp_path, capsys):
    rows = [f"thing number {i},{'good' if i % 2 else 'bad'}" for i in range(40)]
    rows += [f"lone thing {i},rare {i}" for i in range(1023)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    main(["data", "check", "sentiment", "--data", str(tmp_path / "texts.csv")])
    told = capsys.readouterr().out
    listed = told.partition("Small classes")[2]
    assert len(re.findall(r"^ rare \d+ ", listed, re.MULTILINE)) == 20
    assert "\nand 1,003 more\n" in listed

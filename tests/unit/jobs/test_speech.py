"""The recogniser as a job: its data, its decisions, its models, its streams, its answers."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from gradus.cli.main import main
from gradus.core.configs import check, from_json, to_json
from gradus.core.errors import InputError, UsageError
from gradus.data.characters import Spelling
from gradus.data.ragged import Ragged
from gradus.data.sound_augment import SoundAugmentConfig
from gradus.data.sound_sets import Clips, SoundSet
from gradus.data.spectra import Spectra, SpectraConfig
from gradus.engine import contract, folder
from gradus.engine.probes import Scratch
from gradus.jobs.speech import JOB
from gradus.jobs.speech.answer import coloured, spectrogram, wrapped
from gradus.jobs.speech.baseline import nearest_baseline
from gradus.jobs.speech.config import Config, DecodeConfig
from gradus.jobs.speech.data import (
    DataConfig,
    load,
    read_input,
    statistics_of,
    survey,
    too_short,
)
from gradus.jobs.speech.examine import examine
from gradus.jobs.speech.job import hear, loss
from gradus.jobs.speech.joining import duplicates
from gradus.jobs.speech.recipes import RECIPES
from gradus.jobs.speech.streaming import Streamer, measure_latency
from gradus.layers.ctc import ctc_loss_sum
from gradus.models.conformer import ConformerConfig
from gradus.models.speech_recurrent import SpeechRecurrentConfig
from tests.unit.data.made import write_files, write_zip
from tests.unit.data.made_sounds import tone, wav

pytest.importorskip("jiwer")

CPU = torch.device("cpu")
ONE_WAY = SpeechRecurrentConfig(channels=(8,), strides=(2,), width=16, depth=1, directions="one")


def smoke(**changes) -> Config:
    return replace(RECIPES["smoke"]().config, **changes)


def scratch(config: Config) -> Scratch:
    return Scratch(JOB, config, CPU)


def surveyed(config: Config):
    return survey(
        config.data,
        features=config.hearings,
        strides=config.model.strides,
        augment=config.augment,
        merges=config.merges,
    )


# -- recipes and data ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_in_range_and_comes_back_from_json(name):
    config = RECIPES[name]().config
    check(config)
    assert from_json(Config, json.loads(json.dumps(to_json(config))), name) == config


def digits(place):
    """Six recordings of three digits by each of four speakers, two of them of the official test split."""
    names = [
        f"recordings/{d}_{who}_{i}.wav"
        for d in (1, 2, 3)
        for who in ("ann", "bo", "cy", "di")
        for i in range(3, 9)
    ]
    return write_zip(
        place / "x.zip", {name: wav(tone(0.3, hertz=200 + 7 * i)) for i, name in enumerate(names)}
    )


def test_the_official_split_stays_and_validation_is_taken_from_training(tmp_path):
    data = DataConfig(source="fsdd", path=str(digits(tmp_path)), rate_hz=8000, validation=0.25)
    found = load(data).splits
    assert {split: len(part) for split, part in found.items()} == {"train": 36, "test": 24, "validation": 12}
    held = {split: set(part.names) for split, part in found.items()}
    assert all(name.endswith(("_3.wav", "_4.wav")) for name in held["test"])
    assert not held["train"] & held["validation"]


def test_folds_leave_one_speaker_out(tmp_path):
    data = DataConfig(source="fsdd", path=str(digits(tmp_path)), rate_hz=8000, validation=0.0, folds=4)
    found = [load(replace(data, fold=fold)).splits for fold in range(4)]
    held = [set(splits["test"].speakers) for splits in found]
    assert sorted(speaker for some in held for speaker in some) == ["ann", "bo", "cy", "di"]
    assert all(not set(splits["train"].speakers) & set(splits["test"].speakers) for splits in found)
    mixed = load(replace(data, folds=5, fold=0)).splits["test"]
    assert len(set(mixed.speakers)) > 1  # four speakers make no five folds
    with pytest.raises(UsageError, match="GR-CONFIG-003"):
        load(replace(data, fold=4))


def test_a_set_can_be_tested_on_what_it_learns():
    found = load(DataConfig(source="tones", rate_hz=4000, count=10, test_on_train=True)).splits
    assert set(found) == {"train", "test"}
    assert found["train"] is found["test"]


def test_settings_that_leave_nothing_are_refused(tmp_path):
    with pytest.raises(UsageError, match="GR-DATA-041"):
        load(DataConfig())
    with pytest.raises(UsageError, match="GR-CLI-006"):
        load(DataConfig(source="tones", path="x"))
    write_files(tmp_path, {f"{i}.wav": wav(tone()) for i in range(4)} | {f"{i}.txt": b"a" for i in range(4)})
    data = DataConfig(path=str(tmp_path), rate_hz=8000)
    with pytest.raises(UsageError, match=r"data.test.*at least one of the 4"):
        load(replace(data, test=0.01))
    with pytest.raises(InputError, match="GR-SOUND-016"):
        load(replace(data, test=0.0))


def test_the_columns_of_a_table_have_the_names_that_are_given(tmp_path):
    rows = "".join(f"{i}.wav,{'yes' if i % 2 else 'no'},{'test' if i < 2 else 'train'}\n" for i in range(9))
    files = {f"{i}.wav": wav(tone(hertz=300 + i)) for i in range(9)}
    write_files(tmp_path, files | {"transcripts.csv": f"file,words,part\n{rows}".encode()})
    named = {"path_column": "file", "text_column": "words", "split_column": "part"}
    data = DataConfig(path=str(tmp_path), rate_hz=8000, validation=0.0, **named)
    found = load(data)
    assert {split: len(part) for split, part in found.splits.items()} == {"train": 7, "test": 2}
    assert found.splits["test"].texts == ["no", "yes"]
    with pytest.raises(InputError, match=r"got file, words, part. .*--data.text-column.*GR-SOUND-014"):
        load(replace(data, text_column="text"))


def test_columns_that_no_table_has_are_refused(tmp_path):
    data = DataConfig(source="fsdd", path=str(digits(tmp_path)), rate_hz=8000, speaker_column="who")
    with pytest.raises(UsageError, match=r"--data.speaker-column: .*layout of spoken digits.*GR-CONFIG-003"):
        load(data)
    with pytest.raises(UsageError, match=r"--data.text-column: .*layout of tones"):
        load(DataConfig(source="tones", rate_hz=4000, count=10, text_column="words"))
    table = b"path,text,who\na.wav,four,eve\n"
    further = write_files(tmp_path / "more", {"transcripts.csv": table, "a.wav": wav(tone())})
    assert "eve" in load(replace(data, train_also=(str(further),))).splits["train"].speakers


# -- before step 1 ---------------------------------------------------------------------------------------


def clips(texts, lengths, *, split="train"):
    made = [torch.full((length,), 0.1 * (1 + i)) for i, length in enumerate(lengths)]
    return Clips(Ragged.of(made), texts, [f"{split}/{i}" for i in range(len(texts))], [""] * len(texts))


def test_an_utterance_too_short_for_its_text_is_named():
    part = clips(["ab", "aab", "aab"], [800, 800, 640])
    spectra = Spectra(SpectraConfig(hop_seconds=0.02), rate_hz=8000)  # 6 frames, 6, and 5
    given = (part, Spelling.learn(part.texts), spectra)
    assert too_short(*given, strides=(1,), fastest=1.0) == []
    assert too_short(*given, strides=(2,), fastest=1.0) == [(1, 3, 4), (2, 3, 4)]
    assert too_short(*given, strides=(1,), fastest=1.6) == [(2, 3, 4)]


def test_a_run_refuses_or_leaves_out_what_is_too_short():
    config = smoke(model=replace(smoke().model, strides=(12,)))
    with pytest.raises(InputError, match=r"train/\d+: wanted \d+ steps to write .*GR-SOUND-020"):
        surveyed(config)
    spared = replace(config, data=replace(config.data, skip_bad=True))
    about = surveyed(spared)
    assert about["too_short"]
    made = scratch(spared)
    left = made.parts.splits.clips("train").names
    assert not set(left) & set(about["too_short"])
    made.step()
    assert np.isfinite(made.run.drain()["loss"])


def test_statistics_are_those_of_the_training_split():
    config = smoke()
    spectra = Spectra(config.features, rate_hz=4000)
    train = load(config.data).splits["train"]
    edge = spectra.num_samples // 2
    frames = torch.cat(
        [
            spectra.frames(torch.nn.functional.pad(train.sounds[i][None], (edge, edge)))[0]
            for i in range(len(train))
        ]
    )
    mean, deviation = statistics_of(train, spectra)
    torch.testing.assert_close(mean, frames.mean(0), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(deviation, frames.std(0, correction=0), atol=1e-4, rtol=1e-4)
    assert surveyed(config)["scales"][0]["mean"] == mean.tolist()


def test_copies_across_splits_and_unseen_letters_are_counted(monkeypatch):
    train, test = clips(["ab", "ba"], [50, 60]), clips(["ab", "xbx"], [50, 70], split="test")
    found = SoundSet({"train": train, "test": test})
    assert duplicates(found) == [("test/0", "train/0")]
    monkeypatch.setattr("gradus.jobs.speech.data.load", lambda config: found)
    about = surveyed(smoke(features=SpectraConfig(bands=4, hop_seconds=0.001)))
    assert about["duplicates_across_splits"] == 1
    assert about["unseen_letters"] == {"train": {}, "test": {"x": 2}}


# -- training --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        smoke().model,
        replace(smoke().model, cell="lstm", directions="one"),
        ConformerConfig(channels=(8,), strides=(2,), width=16, depth=1, num_heads=2, kernel=5),
    ],
    ids=["gru", "lstm", "conformer"],
)
def test_every_model_learns_and_is_scored(model):
    made = scratch(smoke(model=model, merges=3, decode=DecodeConfig(beam=3, order=2)))
    batch = next(made.batches)
    made.batches = iter(lambda: batch, None)
    losses = []
    for _ in range(25):
        made.step()
        losses.append(made.run.drain()["loss"])
    assert losses[-1] < 0.7 * losses[0]
    scores = JOB.evaluate(made.config, made.parts, made.run, "test")
    assert {"wer", "cer", "word_accuracy", "transcript_accuracy", "wer_best_path"} <= set(scores)
    assert len(made.parts.splits.spelling.merges) == 3


def test_a_batch_is_as_long_as_its_mask_says():
    changes = {"speed": (0.9, 1.1), "warp": 0.2, "time_masks": 1, "noise_share": 1.0}
    config = smoke(augment=replace(smoke().augment, **changes))
    made = scratch(config)
    for _ in range(3):
        batch = next(made.batches)
        assert torch.equal(batch["mask"].sum(1), batch["sound_length"])
        frames = made.parts.model.spectra.count(batch["sound_length"].max())
        assert batch["frames_left"].shape == (16, frames)
        assert batch["warp"].shape == (16,)
        assert bool((batch["sound"][~batch["mask"]] == 0).all())


def test_training_hears_warped_sounds_and_evaluation_does_not():
    made = scratch(smoke(augment=SoundAugmentConfig(warp=0.2)))
    batch, model = next(made.batches), made.parts.model
    (as_trained,), _ = model.with_gaps(batch, batch["frames_left"], batch["bands_left"])
    frames, count = model.spectra(batch["sound"], batch["sound_length"], batch["warp"])
    torch.testing.assert_close(as_trained, model.net(frames, count)[0])
    evaluated = model(batch["sound"], batch["sound_length"])["log_probs"]
    assert not torch.allclose(as_trained, evaluated, atol=1e-3)


def test_a_committee_learns_side_by_side_and_decodes_its_mean_probability():
    made = scratch(smoke(committee=("pcen", "mel"), decode=DecodeConfig(beam=4)))
    model = made.parts.model
    assert [one.spectra.config.form for one in (model, *model.beside)] == ["mel", "pcen", "mel"]
    batch = next(made.batches)
    each, steps = model.with_gaps(batch, batch["frames_left"], batch["bands_left"])
    totals = [ctc_loss_sum(one, steps, batch["text"], batch["text_length"])[0].item() for one in each]
    assert loss(made.config, made.parts, batch).total.item() == pytest.approx(sum(totals) / 3, rel=1e-5)
    before = [one.net.head.weight.clone() for one in (model, *model.beside)]
    for _ in range(3):
        made.step()
    after = [one.net.head.weight for one in (model, *model.beside)]
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    sound, length = batch["sound"], batch["sound_length"]
    with torch.no_grad():
        alone = [one.net(*one.spectra(sound, length))[0].exp() for one in (model, *model.beside)]
        together = model(sound, length)["log_probs"].exp()
    torch.testing.assert_close(together, sum(alone) / 3)
    assert not torch.allclose(alone[0], alone[1], atol=1e-3)
    assert "wer_best_path" not in JOB.evaluate(made.config, made.parts, made.run, "test")


def test_a_committee_normalises_by_features_of_its_own():
    made = scratch(smoke(committee=("pcen",), decode=DecodeConfig(beam=4)))
    (other,) = made.parts.model.beside
    mean, deviation = statistics_of(made.parts.splits.clips("train"), other.spectra)
    torch.testing.assert_close(other.spectra.mean, mean)
    torch.testing.assert_close(other.spectra.deviation, deviation)


@pytest.mark.parametrize(
    "changes", [{}, {"features": SpectraConfig(form="mfcc", bands=16), "decode": DecodeConfig(beam=4)}]
)
def test_a_committee_wants_a_search_and_features_of_one_width(changes):
    with pytest.raises(UsageError, match="GR-CONFIG-003"):
        scratch(smoke(committee=("pcen",), **changes))


def test_a_recording_is_heard_at_every_warp():
    made = scratch(smoke(decode=DecodeConfig(warps=(0.9, 1.1))))
    for _ in range(10):
        made.step()
    model = made.parts.model
    part = made.parts.splits.clips("test")
    sound, length = part.sounds[0][None], part.sounds.lengths[:1]
    lower, higher = (model.net(*model.spectra(sound, length, torch.tensor([warp])))[0] for warp in (0.9, 1.1))
    wanted = (lower.exp() * higher.exp()).sqrt()  # the geometric mean, as probabilities again
    wanted = wanted / wanted.sum(2, keepdim=True)
    with torch.no_grad():
        torch.testing.assert_close(model(sound, length)["log_probs"].exp(), wanted, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(wanted, lower.exp(), atol=1e-3)


def test_evaluation_gives_each_clip_what_it_gets_alone():
    made = scratch(smoke())
    for _ in range(30):
        made.step()
    part = made.parts.splits.clips("test").select(list(range(9)))
    together = hear(made.parts, part).texts
    alone = [hear(made.parts, part.select([i])).texts[0] for i in range(9)]
    assert together == alone


def test_the_baseline_is_the_nearest_other_recording():
    sounds = [torch.tensor(tone(0.3, hertz=hertz)).float() for hertz in (300, 310, 900)]
    train = Clips(Ragged.of(sounds), ["low", "low", "high"], ["a", "b", "c"], [""] * 3)
    test = Clips(Ragged.of([torch.tensor(tone(0.3, hertz=880)).float()]), ["high"], ["d"], [""])
    scores = nearest_baseline(train, test, rate_hz=8000)
    assert (scores["wer"], scores["most_frequent_wer"]) == (0.0, 1.0)
    itself = nearest_baseline(train, train, rate_hz=8000)
    assert itself["wer"] == pytest.approx(1 / 3)  # the high one has no other like it


def test_all_of_a_set_can_be_scored():
    made = scratch(smoke())
    assert len(made.parts.splits.clips("all")) == 300 + 60 + 60
    assert set(JOB.evaluate(made.config, made.parts, made.run, "all")) >= {"wer", "unseen_letters"}
    folded = scratch(smoke(data=replace(smoke().data, folds=3)))
    assert JOB.evaluate(folded.config, folded.parts, folded.run, "validation")
    alone = scratch(smoke(data=replace(smoke().data, test_on_train=True)))
    assert JOB.evaluate(alone.config, alone.parts, alone.run, "validation") == {}


# -- streaming -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [37, 160, 1000, 9999])
@pytest.mark.parametrize(("form", "tail", "ahead"), [("mel", 0.0, 0), ("pcen", 0.1, 0), ("mel", 0.1, 4)])
def test_a_stream_gives_what_the_whole_gives(chunk, form, tail, ahead):
    features = replace(smoke().features, form=form, tail_seconds=tail)
    made = scratch(smoke(model=replace(ONE_WAY, steps_ahead=ahead), features=features))
    for _ in range(20):
        made.step()
    model, spelling = made.parts.model, made.parts.splits.spelling
    for place in range(3):
        sound = made.parts.splits.clips("test").sounds[place]
        streamer = Streamer(model.spectra, model.net, spelling=spelling)
        heard = [streamer.hear(samples) for samples in sound.split(chunk)]
        heard.append(streamer.end())
        with torch.no_grad():
            whole = model(sound[None], torch.tensor([len(sound)]))
        torch.testing.assert_close(torch.cat(heard, 1), whole["log_probs"], atol=1e-4, rtol=1e-4)
        assert streamer.text == made.parts.decoder.best_path(whole)[0]


def test_latency_is_measured():
    made = scratch(smoke(model=replace(ONE_WAY, steps_ahead=3)))
    part = made.parts.splits.clips("test").select([0, 1])
    model, spelling = made.parts.model, made.parts.splits.spelling
    whole = hear(made.parts, part).best_paths
    latency = measure_latency(model.spectra, model.net, spelling=spelling, clips=part, whole=whole, steps=5)
    assert (latency.clips, latency.same) == (2, 2)
    assert latency.chunk_seconds == pytest.approx(5 * 2 * 0.016)
    assert latency.ahead_seconds == pytest.approx(3 * 2 * 0.016)
    assert 0 < latency.compute_seconds <= latency.slowest_seconds
    parts = (latency.chunk_seconds, latency.window_seconds, latency.ahead_seconds, latency.compute_seconds)
    assert latency.most_seconds == pytest.approx(sum(parts))
    assert 0 < latency.real_time_factor < 100


@pytest.mark.parametrize(
    "changes", [{}, {"model": ONE_WAY, "features": SpectraConfig(bands=16, normalise="utterance")}]
)
def test_what_hears_the_future_cannot_stream(changes):
    made = scratch(smoke(**changes))
    model = made.parts.model
    with pytest.raises(UsageError, match="GR-SOUND-023"):
        Streamer(model.spectra, model.net, spelling=made.parts.splits.spelling)


# -- answers ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    place = tmp_path_factory.mktemp("speech") / "run"
    given = ["train", "gradus.jobs.speech/smoke", "--out", str(place)]
    assert main([*given, "--model.directions", "one", "--decode.beam", "4", "--decode.order", "3"]) == 0
    return place


def test_the_smoke_recipe_beats_its_baseline(trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["value"] <= 0.1 < metrics["baseline"]
    report = (trained / "report.html").read_text()
    assert all(title in report for title in ("Said and heard", "Worst recordings", "Confusions", "Streaming"))


def test_predict_answers_files_and_arrays_alike(trained, tmp_path, capsys):
    part = load(smoke().data).splits["test"]
    sound = part.sounds[0].clamp(-1, 1)
    (tmp_path / "one.wav").write_bytes(wav(sound.numpy(), rate_hz=4000))
    np.save(tmp_path / "one.npy", sound.numpy())
    capsys.readouterr()
    inputs = [str(tmp_path / "one.wav"), str(tmp_path / "one.npy")]
    assert main(["predict", str(trained), *inputs, "--json", "--out", str(tmp_path / "answers")]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["text"] == second["text"] == part.texts[0]
    assert 0 < first["confidence"] <= 1
    assert first["seconds"] == round(len(sound) / 4000, 3)
    assert len(list((tmp_path / "answers" / "pictures").iterdir())) == 2


def test_predict_needs_no_data(trained, monkeypatch):
    monkeypatch.setattr("gradus.jobs.speech.data.read_all", None)
    opened = folder.open_run(JOB, trained)
    deployed = JOB.deploy(opened.config, opened.parts)
    values = np.zeros(2000, np.float32)
    output = deployed.module(**deployed.read(values))
    answer = deployed.answer(output, values)
    assert answer.to_dict()["seconds"] == 0.5
    assert answer.draw().size[0] == 640


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.zeros((2, 9), np.float32), "GR-SOUND-021"),
        (np.zeros(9, np.int16), "GR-SOUND-021"),
        (np.zeros(0, np.float32), "GR-SOUND-021"),
        (np.full(9, np.nan), "GR-SOUND-005"),
    ],
)
def test_arrays_that_are_no_sound_are_refused(values, code):
    with pytest.raises(InputError, match=code):
        read_input(values, rate_hz=8000)


def test_inputs_are_resampled_and_mixed(tmp_path):
    (tmp_path / "x.wav").write_bytes(wav(np.stack([tone(), tone()], 1), rate_hz=8000))
    for raw in (tmp_path / "x.wav", (tmp_path / "x.wav").read_bytes()):
        read = read_input(raw, rate_hz=4000)
        assert read["sound"].shape == (1, 2000)
        assert read["sound_length"].tolist() == [2000]


def test_a_spectrogram_shows_a_tone_where_it_is():
    shown = spectrogram(torch.tensor(tone(hertz=3000)).float(), rate_hz=8000)
    assert shown.shape[0] == 32
    assert shown.mean(1).argmax() < 8  # the highest bands are above
    assert (float(shown.min()), float(shown.max())) == (0.0, 1.0)
    colours = coloured(torch.tensor([[0.0, 0.5, 1.0]]))
    assert colours[0].tolist() == [[255, 255, 255], [70, 130, 200], [10, 10, 40]]


def test_long_texts_are_wrapped():
    assert wrapped("one two three", most=7) == ["one two", "three"]
    assert wrapped("abcdefghij", most=4) == ["abcd", "efgh", "ij"]
    assert wrapped("", most=4) == [""]


# -- looking at data -------------------------------------------------------------------------------------


def test_examine_says_what_is_there(tmp_path):
    texts = ["yes", "no", "yes", "no", "maybe", "yes", "no", "a very long thing to say " * 9]
    files = {f"{i}.wav": wav(tone(hertz=300 + i, rate_hz=16000), rate_hz=16000) for i in range(8)}
    files |= {f"{i}.txt": text.encode() for i, text in enumerate(texts)} | {"8.wav": b"text", "8.txt": b"no"}
    panels = {panel.title: panel for panel in looked_at(write_files(tmp_path, files))}
    assert panels["Recordings"].sentence.startswith("8 with transcripts")
    assert sum(row[1] for row in panels["Recordings"].rows) == 8
    assert panels["Broken files and lines"].sentence.startswith("1 cannot")
    assert [row[1] for row in panels["Too short for their transcripts"].rows] == ["7.wav"]
    assert [row[0] for row in panels["Too few steps to write their transcripts"].rows] in ([], ["7.wav"])


def looked_at(path, **changes):
    return examine(Config(data=DataConfig(path=str(path), **changes)))


def test_examine_shows_recordings_that_cannot_be_divided(tmp_path):
    files = {"test/a.wav": wav(tone(rate_hz=16000), rate_hz=16000), "test/a.txt": b"Yes"}
    panels = {panel.title: panel for panel in looked_at(write_files(tmp_path, files), case="upper")}
    assert "GR-SOUND-016" in panels["Recordings"].sentence
    assert "E S Y" in panels["Recordings"].sentence
    assert [row[:2] for row in panels["Recordings"].rows] == [("test", 1)]


def test_the_job_holds_its_contract():
    outcomes = {o.name: o.sentence for o in contract.examine(JOB) if not o.passed}
    assert outcomes == {}

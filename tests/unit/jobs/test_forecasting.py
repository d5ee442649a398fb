"""Forecasting: splits, leaks, statistics, covariates, transforms, scores, answers, and the whole contract."""

import json
import os
from dataclasses import replace

import numpy as np
import polars
import pytest
import torch

from gradus.cli.main import main
from gradus.core.configs import check, from_json, to_json
from gradus.core.errors import GradusError
from gradus.data.mending import Mending
from gradus.engine import contract, folder
from gradus.engine.loop import measure, scoring
from gradus.engine.probes import Scratch
from gradus.engine.run import Run
from gradus.engine.settings import OptimConfig, TrainConfig
from gradus.jobs.forecasting import JOB
from gradus.jobs.forecasting.baseline import baseline_of, naive_scores, verdict
from gradus.jobs.forecasting.config import Config
from gradus.jobs.forecasting.data import DataConfig
from gradus.jobs.forecasting.examine import examine
from gradus.jobs.forecasting.history import read_history
from gradus.jobs.forecasting.inputs import load
from gradus.jobs.forecasting.job import loss, score_of, settle
from gradus.jobs.forecasting.recipes import RECIPES
from gradus.jobs.forecasting.splits import SeriesSplits, inputs_of
from gradus.jobs.forecasting.survey import survey
from gradus.layers.heads import GaussianConfig, PointConfig, QuantilesConfig
from gradus.metrics.diebold_mariano import Comparison
from gradus.models.nhits import NhitsConfig
from gradus.models.patch_transformer import PatchTransformerConfig
from gradus.models.series_linear import SeriesLinearConfig
from gradus.models.series_recurrent import SeriesRecurrentConfig
from gradus.models.series_seq2seq import SeriesSeq2seqConfig
from gradus.models.series_tcn import SeriesTcnConfig

CPU = torch.device("cpu")
ROWS = 240


def smoke(**changes) -> Config:
    return replace(RECIPES["smoke"]().config, **changes)


def scratch(config: Config) -> Scratch:
    return Scratch(JOB, config, CPU)


def splits_of(config: DataConfig) -> SeriesSplits:
    return SeriesSplits(config, about=survey(config), run=Run(TrainConfig(), device=CPU))


def prices(tmp_path, *, rows=ROWS, name="prices.csv", **columns):
    """A table by the day: a price that walks, a volume, a holiday that is known ahead."""
    rng = np.random.default_rng(0)
    frame = {
        "date": np.datetime_as_string(np.arange(rows).astype("datetime64[D]") + 20_000),
        "price": np.exp(rng.normal(0, 0.02, rows).cumsum()) * 40,
        "volume": rng.integers(100, 900, rows).astype(float),
        "holiday": (np.arange(rows) % 7 == 6).astype(float),
    }
    polars.DataFrame(frame | columns).write_csv(tmp_path / name)
    return str(tmp_path / name)


def mine(path, **changes):
    given = {"path": path, "input_steps": 10, "horizon": 3, "targets": ("price",)}
    return DataConfig(**(given | changes))


# -- recipes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_in_range_and_comes_back_from_json(name):
    config = RECIPES[name]().config
    check(config)
    assert from_json(Config, json.loads(json.dumps(to_json(config))), name) == config


def test_one_recipe_serves_all_horizons():
    first = RECIPES["ett_h1_96"]().config
    for horizon in (192, 336, 720):
        other = RECIPES[f"ett_h1_{horizon}"]().config
        assert replace(other, data=replace(other.data, horizon=96)) == first


# -- splits, windows, statistics -------------------------------------------------------------------------


def test_windows_hold_the_rows_that_they_should(tmp_path):
    config = mine(prices(tmp_path), past=("volume",), known=("holiday",))
    series = splits_of(config)
    frame = polars.read_csv(config.path)
    starts = series.starts("test")
    assert starts.tolist() == list(range(192 - 10, 240 - 10 - 3 + 1))
    batch = series.batch(starts[:2])
    assert batch["past"].shape == (2, 10, 2)
    np.testing.assert_allclose(batch["past"][0, :, 0], frame["price"][182:192], rtol=1e-6)
    np.testing.assert_allclose(batch["past"][1, :, 1], frame["volume"][183:193])
    np.testing.assert_allclose(batch["future"][0, :, 0], frame["price"][192:195], rtol=1e-6)
    np.testing.assert_allclose(batch["known"][0, :, 0], frame["holiday"][182:195])
    assert series.starts("train").tolist() == list(range(168 - 10 - 3 + 1))
    assert series.starts("validation").tolist() == list(range(168 - 10, 192 - 10 - 3 + 1))


def test_statistics_see_the_training_rows_alone(tmp_path):
    path = prices(tmp_path)
    about = survey(mine(path, past=("volume",)))
    frame = polars.read_csv(path)[:168]
    assert about["mean"] == pytest.approx([frame["price"].mean(), frame["volume"].mean()])
    assert about["std"] == pytest.approx([frame["price"].std(ddof=0), frame["volume"].std(ddof=0)])
    changed = polars.read_csv(path).with_columns(
        polars.when(polars.int_range(ROWS) >= 168).then(9e6).otherwise(polars.col("price")).alias("price")
    )
    changed.write_csv(tmp_path / "other.csv")
    assert survey(mine(str(tmp_path / "other.csv"), past=("volume",))) == about


def test_the_naive_error_is_that_of_the_season_in_training(tmp_path):
    path = prices(tmp_path)
    price = polars.read_csv(path)["price"][:168].to_numpy()
    about = survey(mine(path))
    assert about["season"] == 7
    assert about["naive_error"] == pytest.approx([np.abs(price[7:] - price[:-7]).mean()])


def test_what_is_odd_and_no_fault_is_noted(tmp_path):
    about = survey(mine(prices(tmp_path, volume=np.ones(ROWS)), past=("volume",)))
    assert about["notes"] == ["Inputs that never change in training: volume."]
    assert about["std"][1] == 1.0
    short = survey(mine(prices(tmp_path, name="short.csv", rows=20), season=30, test=0.2, validation=0.0))
    assert np.isfinite(short["naive_error"]).all()


def test_min_max_puts_training_between_nought_and_one(tmp_path):
    made = scratch(smoke(data=mine(prices(tmp_path), scale="min_max"), train=replace(smoke().train, batch=8)))
    starts = made.parts.series.starts("train")
    batch = made.parts.series.batch(starts)
    scaled = made.parts.model.scaled(batch["past"], batch["future"])
    assert 0 <= scaled.min().item() < 0.1
    assert 0.9 < scaled.max().item() <= 1 + 1e-6


def test_folds_roll_the_origin(tmp_path):
    path = prices(tmp_path)
    tests, trains = [], []
    for fold in range(3):
        series = splits_of(mine(path, folds=3, fold=fold))
        tests += (series.starts("test") + 10).tolist()
        trains.append(series.starts("train").tolist()[-1] + 13)
    assert tests == [*range(192, 206), *range(208, 222), *range(224, 238)]  # 16 rows each, horizon 3
    assert trains == [168, 184, 200]
    with pytest.raises(GradusError, match="GR-CONFIG-003"):
        survey(mine(path, folds=3, fold=3))


def test_borders_are_times(tmp_path):
    frame = polars.read_csv(prices(tmp_path))
    borders = (frame["date"][100], frame["date"][150])
    series = splits_of(mine(prices(tmp_path), borders=borders))
    assert series.starts("validation").tolist() == list(range(90, 138))
    assert series.starts("test")[0].item() == 140
    with pytest.raises(GradusError, match="GR-SERIES-046"):
        survey(mine(prices(tmp_path), borders=("soon", "later")))


def test_many_series_share_a_model_and_no_window(tmp_path):
    days = np.datetime_as_string(np.arange(80).astype("datetime64[D]") + 20_000)
    rng = np.random.default_rng(0)
    pieces = [
        polars.DataFrame({"date": days, "shop": shop, "sold": rng.random(80) + level, "kind": kind})
        for shop, level, kind in (("x", 0, "small"), ("y", 100, "large"))
    ]
    polars.concat(pieces).write_csv(tmp_path / "shops.csv")
    config = mine(str(tmp_path / "shops.csv"), targets=("sold",), series="shop", static=("kind",), test=0.3)
    made = scratch(smoke(data=config, train=replace(smoke().train, batch=8)))
    series = made.parts.series
    for split in ("train", "validation", "test", "all"):
        batch = series.batch(series.starts(split))
        whole = torch.cat([batch["past"][:, :, 0], batch["future"][:, :, 0]], dim=1)
        assert bool(((whole < 50).all(1) | (whole > 50).all(1)).all())
        assert torch.equal(batch["static"][:, 0] == 1, whole[:, 0] > 50)  # "large" comes first
    made.step()
    assert JOB.evaluate(made.config, made.parts, made.run, "test")["mse"] > 0
    deployed = JOB.deploy(made.config, made.parts)
    pieces[1].write_csv(tmp_path / "one.csv")
    assert deployed.read(tmp_path / "one.csv")["static"].tolist() == [[1.0, 0.0]]
    pieces[0].with_columns(kind=polars.lit("huge")).write_csv(tmp_path / "odd.csv")
    with pytest.raises(GradusError, match=r"column kind.*large, small.*GR-SERIES-045"):
        deployed.read(tmp_path / "odd.csv")
    with pytest.raises(GradusError, match="GR-SERIES-051"):
        deployed.read(tmp_path / "shops.csv")


def test_a_history_keeps_the_step_of_its_series_and_no_other_than_the_training_knew(tmp_path):
    def at(step_hours, name):
        hours = np.arange(0, 80 * step_hours, step_hours).astype("datetime64[h]") + 480_000
        dates, values = np.datetime_as_string(hours, unit="m"), np.sin(np.arange(80.0))
        return polars.DataFrame({"date": dates, "shop": name, "sold": values})

    polars.concat([at(1, "x"), at(2, "y")]).write_csv(tmp_path / "two.csv")
    config = mine(str(tmp_path / "two.csv"), targets=("sold",), series="shop", test=0.3)
    about = survey(config)
    said = "Series have different steps: 1 hour, 2 hours; each row is taken as a step."
    assert about["notes"] == [said]
    assert looked_at(tmp_path / "two.csv", series="shop")["Notes"].sentence == said
    assert [step["count"] for step in about["steps"]] == [3_600_000_000, 7_200_000_000]
    for step_hours in (1, 2):
        at(step_hours, "z").write_csv(tmp_path / "one.csv")
        history = read_history(tmp_path / "one.csv", config, about)
        first, second = np.array(history.times_ahead[:2], dtype="datetime64[m]")
        assert second - first == np.timedelta64(step_hours, "h")
    at(3, "z").write_csv(tmp_path / "one.csv")
    with pytest.raises(GradusError, match=r"1 hour or 2 hours.*3 hours.*GR-SERIES-054"):
        read_history(tmp_path / "one.csv", config, about)
    at(3, "z").head(1).write_csv(tmp_path / "one.csv")
    alone = replace(config, input_steps=1)
    assert len(read_history(tmp_path / "one.csv", alone, about).times_ahead) == config.horizon


def test_series_too_short_for_a_window_are_told(tmp_path):
    frame = polars.read_csv(prices(tmp_path))
    short = [frame.head(12).with_columns(shop=polars.lit(f"s{i}")) for i in range(7)]
    polars.concat([frame.with_columns(shop=polars.lit("long")), *short]).write_csv(tmp_path / "shops.csv")
    (note,) = survey(mine(str(tmp_path / "shops.csv"), series="shop"))["notes"]
    assert note.startswith("Too short for a window of 10 and 3 rows, neither learnt from nor scored: s0, s1,")
    assert note.endswith(", s4 and 2 more.")


# -- transforms, covariates, models, heads ---------------------------------------------------------------


def test_log_returns_are_forecast_from_now_on_and_scored_as_prices(tmp_path):
    config = smoke(
        data=mine(prices(tmp_path), transform="log_returns", score="original"),
        train=replace(smoke().train, batch=8),
    )
    made = scratch(config)
    model, series = made.parts.model, made.parts.series
    batch = series.batch(series.starts("train"))
    assert batch["past"].shape[1] == 11  # ten returns
    scaled = model.scaled(batch["past"], batch["future"])
    ratio = (batch["future"] / batch["past"][:, -1:]).log()
    mean, std = model.mean[0], model.std[0]
    steps = torch.arange(1.0, 4)[:, None]
    torch.testing.assert_close(scaled, (ratio - steps * mean) / (std * steps.sqrt()), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(model._levels(scaled, batch["past"][:, -1:]), batch["future"])
    train = polars.read_csv(config.data.path)["price"][:168].log().diff()[1:]
    assert mean.item() == pytest.approx(train.mean(), rel=1e-4)
    # A forecaster that says nothing says the last price and its drift.
    for parameter in made.parts.model.parameters():
        torch.nn.init.zeros_(parameter)
    said = model(batch["past"])["forecast"]
    if config.model.variant == "nlinear":  # it adds the last return again
        last = (batch["past"][:, -1:] / batch["past"][:, -2:-1]).log()
        wanted = batch["past"][:, -1:] * (((last - mean) / std) * steps.sqrt() * std + steps * mean).exp()
        torch.testing.assert_close(said, wanted, rtol=1e-4, atol=1e-4)


def test_log_returns_need_prices_above_nought_and_no_other_start(tmp_path):
    path = prices(tmp_path, price=np.linspace(-1, 1, ROWS))
    with pytest.raises(GradusError, match="GR-SERIES-044"):
        survey(mine(path, transform="log_returns"))
    with pytest.raises(GradusError, match="GR-SERIES-060"):
        scratch(smoke(data=mine(prices(tmp_path), transform="log_returns"), instance="last"))


def test_indicators_are_inputs_and_cost_rows_at_the_beginning(tmp_path):
    config = mine(prices(tmp_path), indicators=("sma_5", "rsi_3"))
    about = survey(config)
    assert about["inputs"] == ["price", "price sma_5", "price rsi_3"]
    assert about["rows"] == ROWS - 4
    assert "4 rows at the beginning have no indicators" in about["notes"][0]
    series = splits_of(config)
    plain = splits_of(mine(prices(tmp_path)))
    batch, other = series.batch(series.starts("test")), plain.batch(plain.starts("test"))
    assert torch.equal(batch["future"], other["future"])


def test_indicators_read_columns_beside_the_price(tmp_path):
    price = np.exp(np.random.default_rng(0).normal(0, 0.02, ROWS).cumsum()) * 40
    path = prices(tmp_path, price=price, high=price * 1.02, low=price * 0.99)
    given = {"indicators": ("atr_3", "stochastic_3", "obv_3"), "high": "high", "low": "low"}
    config = mine(path, volume="volume", **given)
    about = survey(config)
    names = ["price", "price atr_3", "price stochastic_3.1", "price stochastic_3.2", "price obv_3"]
    assert about["inputs"] == names
    assert survey(mine(path, targets=(), past=("holiday",), volume="volume", **given))["targets"] == ["price"]
    made = scratch(smoke(data=config, train=replace(smoke().train, batch=8)))
    last = made.parts.series.batch(made.parts.series.starts("test")[-1:])
    polars.read_csv(path)[-60:-3].write_csv(tmp_path / "history.csv")
    read = JOB.deploy(made.config, made.parts).read(tmp_path / "history.csv")["past"]
    others = [0, 2, 3, 4]  # Wilder's mean has a long memory
    torch.testing.assert_close(read[:, :, others], last["past"][:, :, others], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"indicators": ("atr",), "high": "high"}, r"--data\.low.*GR-SERIES-021"),
        ({"volume": "volume"}, r"--data\.volume volume.*GR-SERIES-021"),
        (
            {"indicators": ("obv",), "volume": "volume", "targets": ("price", "high")},
            r"one target.*GR-SERIES-021",
        ),
        ({"indicators": ("obv",), "volume": "traded"}, "GR-SERIES-001"),
        ({"indicators": ("obv",), "volume": "fall"}, r"step 2.*a volume of 0 or more.*GR-SERIES-022"),
        ({"indicators": ("atr",), "high": "high", "low": "high"}, r"step 1.*a low.*GR-SERIES-022"),
    ],
)
def test_columns_beside_the_price_that_do_not_fit(tmp_path, changes, code):
    price = np.linspace(40, 50, ROWS)
    path = prices(tmp_path, price=price, high=price + 1, fall=1.0 - np.arange(ROWS) * 2)
    with pytest.raises(GradusError, match=code):
        survey(mine(path, **changes))


def test_calendar_features_are_known_ahead(tmp_path):
    series = splits_of(mine(prices(tmp_path), calendar=("weekday",)))
    batch = series.batch(series.starts("test")[:1])
    assert batch["known"].shape == (1, 13, 2)
    torch.testing.assert_close(batch["known"][0, 0], batch["known"][0, 7])  # a week later
    counted = mine(prices(tmp_path, name="counted.csv", date=np.arange(ROWS)), calendar=("weekday",))
    with pytest.raises(GradusError, match="GR-SERIES-043"):
        survey(counted)


MODELS = [
    SeriesLinearConfig(variant="dlinear", individual=True),
    SeriesRecurrentConfig(width=8),
    SeriesSeq2seqConfig(width=8),
    SeriesTcnConfig(width=8, depth=2),
    PatchTransformerConfig(patch=5, stride=5, width=8, num_heads=2, depth=1),
    NhitsConfig(pools=(2, 1), knots_every=(3, 1), width=8),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize(
    "head", [PointConfig(), QuantilesConfig(), GaussianConfig()], ids=lambda h: type(h).__name__
)
def test_every_model_learns_under_every_head(model, head):
    data = replace(smoke().data, input_steps=10, horizon=3, rows=300)
    train = replace(smoke().train, rate=1e-2)
    made = scratch(smoke(data=data, model=model, head=head, instance="last", train=train))
    batch = next(made.batches)
    made.batches = iter(lambda: batch, None)
    losses = []
    for _ in range(30):
        made.step()
        losses.append(made.run.drain()["loss"])
    assert losses[-1] < losses[0]
    scores = measure(JOB, made.config, made.parts, made.run, split="test")
    assert {"coverage", "width"} <= set(scores)
    assert np.isfinite(list(scores.values())).all()


def test_a_decoder_is_told_the_truth_less_and_less():
    model = SeriesSeq2seqConfig(width=4, teacher=0.8, teacher_until=0.5)
    made = scratch(smoke(model=model, train=replace(smoke().train, steps=20, batch=64)))
    shares = []
    for step in range(12):
        made.run.step = step
        batch = next(made.batches)
        shares.append(batch["forced"].double().mean().item() if "forced" in batch else None)
    assert shares[0] == pytest.approx(0.8, abs=0.05)
    assert shares[5] == pytest.approx(0.4, abs=0.06)
    assert shares[10:] == [None, None]
    assert "forced" not in next(scratch(smoke(model=SeriesSeq2seqConfig(width=4))).batches)


def test_what_is_forced_is_the_truth_on_the_scale_of_the_window():
    model = SeriesSeq2seqConfig(width=4, teacher=1.0, teacher_until=1.0)
    made = scratch(smoke(model=model, instance="deviation"))
    batch = next(made.batches)
    assert bool(batch["forced"].all())
    target = made.parts.model.scaled(batch["past"], batch["future"])
    seen = []
    made.parts.model.nets[0].register_forward_hook(
        lambda _, a, given, out: seen.append(given), with_kwargs=True
    )
    made.parts.model.each(*inputs_of(batch), target=target, forced=batch["forced"])
    past = made.parts.model._inputs(batch["past"])
    own = (target - past.mean(1, keepdim=True)) / (past.var(1, keepdim=True, correction=0) + 1e-4).sqrt()
    torch.testing.assert_close(seen[0]["taught"].truth, own, rtol=1e-4, atol=1e-5)


def test_a_forced_decoder_and_its_band_resume_exactly():
    model = SeriesSeq2seqConfig(width=4, teacher=0.8, teacher_until=1.0)
    recipe = lambda: replace(RECIPES["smoke"](), config=smoke(model=model))  # noqa: E731
    subject = contract.subject_of(replace(JOB, recipes={"smoke": recipe}))
    assert "tensors" in contract.resumes_exactly(subject)


# -- bands -----------------------------------------------------------------------------------------------


def settled(made: Scratch) -> None:
    """As the loop does before an evaluation."""
    with scoring(made.parts, made.run, "settle"):
        settle(made.config, made.parts, made.run)


def test_a_band_is_measured_on_validation_with_the_weights_that_are_kept():
    """Those are averaged, and nothing is dropped out."""
    model = SeriesRecurrentConfig(width=8, dropout=0.5)
    train = replace(smoke().train, steps=20, optim=OptimConfig(ema=0.9))
    made = scratch(smoke(model=model, instance="deviation", train=train))
    for _ in range(4):
        made.step()
    parts = made.parts
    settled(made)
    batch = parts.series.batch(parts.series.starts("validation"))
    with torch.no_grad(), parts.optim.averaged():
        said = parts.model(*inputs_of(batch))
    spread = parts.model._inputs(batch["past"]).var(1, keepdim=True, correction=0).add(1e-4).sqrt()
    errors = (said["forecast"] - batch["future"]) / (spread * parts.model._std)
    rank = int(np.ceil((len(errors) + 1) * 0.8))
    torch.testing.assert_close(
        parts.model.margin, errors.abs().sort(dim=0).values[rank - 1], rtol=1e-3, atol=1e-4
    )
    half = (said["quantiles"][..., 1] - said["quantiles"][..., 0]) / 2
    torch.testing.assert_close(half, parts.model.margin * spread * parts.model._std, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(said["quantiles"].mean(dim=3), said["forecast"], rtol=1e-3, atol=1e-4)
    assert measure(JOB, made.config, parts, made.run, split="validation")["coverage"] == pytest.approx(
        0.8, abs=0.01
    )


def test_a_band_holds_what_was_asked_where_years_are_alike():
    made = scratch(smoke(head=PointConfig(coverage=0.9), train=replace(smoke().train, steps=60)))
    for _ in range(60):
        made.step()
    settled(made)
    scores = measure(JOB, made.config, made.parts, made.run, split="test")
    assert scores["coverage"] == pytest.approx(0.9, abs=0.05)
    assert made.parts.model.levels == pytest.approx((0.05, 0.95))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"data": replace(smoke().data, validation=0.0)}, "needs 4 validation windows, and there are 0"),
        ({"head": PointConfig(coverage=0.0)}, "none was asked"),
        ({"head": QuantilesConfig()}, "quantiles of its own"),
    ],
)
def test_no_band_has_its_reason_in_the_plan(changes, why):
    made = scratch(smoke(**changes))
    made.step()
    decision = made.run.plan.decisions["band"]
    assert decision["value"] == 0
    assert why in decision["reason"]
    quantiles = isinstance(made.config.head, QuantilesConfig)
    assert ("coverage" in measure(JOB, made.config, made.parts, made.run, split="test")) == quantiles


@pytest.mark.parametrize("instance", ["last", "mean", "deviation"])
def test_forecasts_move_with_the_window(instance):
    """A window of another level and spread has the same forecast on its own scale."""
    made = scratch(smoke(instance=instance, data=replace(smoke().data, calendar=())))
    past = made.parts.series.batch(made.parts.series.starts("test")[:4])["past"]
    factor = 2.0 if instance == "deviation" else 1.0
    said, moved = made.parts.model(past)["forecast"], made.parts.model(past * factor + 30)["forecast"]
    torch.testing.assert_close(moved, said * factor + 30, rtol=1e-3, atol=1e-3)


def test_members_cost_their_mean_and_forecast_their_mean():
    made = scratch(smoke(members=3))
    batch = next(made.batches)
    each, _ = made.parts.model.each(*inputs_of(batch))
    target = made.parts.model.scaled(batch["past"], batch["future"])
    alone = [(one.squeeze(-1) - target).square().sum() for one in each]
    found = loss(made.config, made.parts, batch)
    torch.testing.assert_close(found.total, torch.stack(alone).mean())
    assert found.count == target.numel()
    mean = each.mean(0).squeeze(-1) * made.parts.model._std + made.parts.model._mean
    torch.testing.assert_close(made.parts.model(*inputs_of(batch))["forecast"], mean)


# -- scores and what may be claimed ----------------------------------------------------------------------


def test_the_score_is_the_mean_over_all_windows_steps_and_series():
    made = scratch(smoke())
    score, losses = score_of(made.config, made.parts, "test")
    series = made.parts.series
    batch = series.batch(series.starts("test"))
    error = (made.parts.model(*inputs_of(batch))["forecast"] - batch["future"]) / torch.tensor(
        series.about["level_std"]
    )
    assert score.compute()["mse"] == pytest.approx(error.square().mean().item(), rel=1e-5)
    assert losses.mean().item() == pytest.approx(score.compute()["mse"])
    assert len(losses) == len(series.starts("test"))


def test_the_baseline_is_the_best_naive_forecast():
    found = baseline_of(scratch(smoke()).parts.series)
    assert found["mse"] == min(found["last_value_mse"], found["seasonal_naive_mse"], found["drift_mse"])
    naives = naive_scores(scratch(smoke()).parts.series, "test")
    assert naives[0].name == "seasonal naive"


def test_a_split_that_is_not_there_has_no_score():
    made = scratch(smoke(data=replace(smoke().data, validation=0.0)))
    assert JOB.evaluate(made.config, made.parts, made.run, "validation") == {}


@pytest.mark.parametrize(
    ("comparison", "says"),
    [
        (Comparison(-0.1, -3.0, 0.01), "the test supports it (Diebold-Mariano p = 0.01)"),
        (
            Comparison(-0.1, -1.0, 0.3),
            "not by more than chance (Diebold-Mariano p = 0.3): no skill is claimed",
        ),
        (Comparison(0.1, 1.0, 0.3), "it has no skill here"),
        (Comparison(0.1, 4.0, 0.001), "the test supports that"),
        (None, "no skill is claimed"),
    ],
)
def test_no_skill_is_claimed_that_the_test_does_not_support(comparison, says):
    said = verdict(comparison, "last value")
    assert says in said
    assert "a random walk" in said


# -- a run, its report and its answers -------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on a table with everything in it."""
    place = tmp_path_factory.mktemp("forecaster")
    config = Config(
        data=mine(
            prices(place),
            past=("volume",),
            known=("holiday",),
            calendar=("weekday",),
            indicators=("rsi_3",),
            transform="log_returns",
            score="original",
        ),
        head=QuantilesConfig(),
        train=replace(smoke().train, steps=30, batch=16),
    )
    folder.begin(place / "run", reference="forecasting", recipe="folder", config=config)
    folder.execute(JOB, place / "run")
    return place


def history(trained, tmp_path, rows=60, ahead=3, drop=()):
    """The end of the table, with rows in which only the holiday is known."""
    frame = polars.read_csv(trained / "prices.csv")[-rows:].drop(*drop)
    empty = [
        polars.when(polars.int_range(rows) < rows - ahead).then(polars.col(name)).alias(name)
        for name in ("price", "volume")
        if name not in drop
    ]
    frame.with_columns(*empty).write_csv(tmp_path / "history.csv")
    return tmp_path / "history.csv"


def test_a_run_says_what_it_may_claim(trained):
    metrics = json.loads((trained / "run" / "metrics.json").read_text())
    assert metrics["direction"] == "lower"
    assert metrics["baseline"] == min(
        value for name, value in metrics["baseline_metrics"].items() if name.endswith("_mse")
    )
    assert {"mae", "rmse", "mase", "smape", "coverage", "pinball", "diebold_mariano_p"} <= set(
        metrics["metrics"]
    )


def test_panels_show_forecasts_and_claims(trained):
    opened = folder.open_run(JOB, trained / "run")
    panels = {panel.title: panel for panel in JOB.panels(opened.config, opened.parts, opened.run)}
    against = panels["Against the naive forecasts"]
    assert "Diebold-Mariano p" in against.sentence
    assert "last value (random walk)" in [row[0] for row in against.rows]
    assert len(panels["Quantiles"].rows) == 3
    assert {"Forecasts", "One step ahead", "Error by step", "Error by series"} <= set(panels)
    assert "Series, the worst forecast first" not in panels  # there is one


def test_predict_needs_no_data_and_answers_with_times(trained, tmp_path, monkeypatch):
    path = history(trained, tmp_path)
    monkeypatch.setattr("gradus.jobs.forecasting.splits.load", None)
    opened = folder.open_run(JOB, trained / "run")
    deployed = JOB.deploy(opened.config, opened.parts)
    tensors = deployed.read(path)
    output = deployed.module(*(tensors[name] for name in deployed.example))
    answer = deployed.answer({name: value.detach() for name, value in output.items()}, path)
    rows = answer.to_dict()["forecast"]
    dates = polars.read_csv(trained / "prices.csv")["date"][-3:].to_list()
    assert [row["time"] for row in rows] == dates
    assert all(row["price 0.1"] <= row["price 0.5"] <= row["price 0.9"] for row in rows)
    assert answer.draw().size[0] == 800
    assert json.loads(json.dumps(answer.to_dict())) == answer.to_dict()


def test_what_predict_reads_is_what_training_saw(trained, tmp_path):
    opened = folder.open_run(JOB, trained / "run")
    series = opened.parts.series
    last = series.batch(series.starts("test")[-1:])
    deployed = JOB.deploy(opened.config, opened.parts)
    tensors = deployed.read(history(trained, tmp_path, rows=200))
    for name in ("past", "known"):
        torch.testing.assert_close(tensors[name], last[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"rows": 12}, "GR-SERIES-050"),
        ({"drop": ("volume",)}, "GR-SERIES-001"),
        ({"drop": ("price",)}, "GR-SERIES-001"),
        ({"ahead": 2}, "GR-SERIES-053"),
    ],
)
def test_histories_that_will_not_do(trained, tmp_path, change, code):
    opened = folder.open_run(JOB, trained / "run")
    with pytest.raises(GradusError, match=code):
        JOB.deploy(opened.config, opened.parts).read(history(trained, tmp_path, **change))


def test_arrays_are_histories_of_plain_runs():
    made = scratch(smoke(data=replace(smoke().data, calendar=())))
    deployed = JOB.deploy(made.config, made.parts)
    values = np.random.default_rng(0).random((50, 2))
    tensors = deployed.read(values)
    np.testing.assert_allclose(tensors["past"][0], values[-48:], rtol=1e-6)
    rows = deployed.answer({k: v.detach() for k, v in deployed.module(tensors["past"]).items()}, values)
    assert [row["time"] for row in rows.to_dict()["forecast"]][:2] == ["1", "2"]
    for odd in (values[:, :1], values[:20], np.full((50, 2), np.nan), values[0], np.array([["a", "b"]])):
        with pytest.raises(GradusError, match=r"GR-SERIES-05[02]"):
            deployed.read(odd)


def test_a_table_with_decimal_commas_is_the_same_table(tmp_path):
    frame = polars.read_csv(prices(tmp_path, area=np.full(ROWS, 1234.5))).with_columns(
        polars.col("price").round(2)
    )
    frame.write_csv(tmp_path / "points.csv")
    commas = [polars.col("price", "volume").cast(polars.String).str.replace(".", ",", literal=True)]
    frame.with_columns(*commas, area=polars.lit("1.234,5")).write_csv(tmp_path / "t.csv", separator=";")
    points = mine(str(tmp_path / "points.csv"), past=("volume",), static=("area",))
    written = replace(points, path=str(tmp_path / "t.csv"), decimal="comma", thousands=True)
    assert survey(written) == survey(points)
    made = scratch(smoke(data=written, train=replace(smoke().train, batch=8)))
    read = JOB.deploy(made.config, made.parts).read(tmp_path / "t.csv")
    np.testing.assert_allclose(read["past"][0, :, 0], frame["price"][-10:], rtol=1e-6)
    assert read["static"].tolist() == [[0.0]]
    assert looked_at(written.path, decimal="comma", thousands=True)["Bad cells"].sentence == "None."
    assert "which --data.decimal comma reads" in looked_at(written.path)["Notes"].sentence


def test_a_table_without_names_must_have_as_many_columns(tmp_path):
    values = np.random.default_rng(0).random((200, 3))
    np.savetxt(tmp_path / "bare.csv", values, delimiter=",")
    np.savetxt(tmp_path / "wide.csv", np.hstack([values, values]), delimiter=",")
    config = smoke(data=mine(str(tmp_path / "bare.csv"), targets=()), train=replace(smoke().train, batch=8))
    made = scratch(config)
    deployed = JOB.deploy(made.config, made.parts)
    assert deployed.read(tmp_path / "bare.csv")["past"].shape == (1, 10, 3)
    with pytest.raises(GradusError, match=r"the 3 columns of the training.*GR-SERIES-047"):
        deployed.read(tmp_path / "wide.csv")


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    """A run on the sales of three shops, in one table."""
    place = tmp_path_factory.mktemp("shops")
    sales(("x", 80), ("y/2", 80), ("z", 60)).write_csv(place / "shops.csv")
    config = Config(
        data=mine(str(place / "shops.csv"), targets=("sold",), series="shop"),
        head=QuantilesConfig(),
        train=replace(smoke().train, steps=10, batch=8),
    )
    folder.begin(place / "run", reference="forecasting", recipe="folder", config=config)
    folder.execute(JOB, place / "run")
    return place


def sales(*shops):
    """So many days of each shop, as one long table."""
    return polars.concat(
        polars.DataFrame(
            {
                "date": np.datetime_as_string(np.arange(days).astype("datetime64[D]") + 20_000),
                "shop": name,
                "sold": np.random.default_rng(len(name)).random(days) * (place + 1),
            }
        )
        for place, (name, days) in enumerate(shops)
    )


def told(capsys, *given):
    """What predict says in JSON, its status, and what else it says."""
    capsys.readouterr()
    status = main(["predict", *map(str, given), "--json"])
    said = capsys.readouterr()
    return [json.loads(line) for line in said.out.splitlines()], status, said.err


def test_predict_answers_for_each_series_of_a_table(shops, tmp_path, capsys):
    table = shops / "shops.csv"
    answers, status, _ = told(capsys, shops / "run", table, "--out", tmp_path / "out")
    assert (status, [answer["series"] for answer in answers]) == (0, ["x", "y/2", "z"])
    assert [answer["input"] for answer in answers] == [
        f"{table}, series {name}" for name in ("x", "y/2", "z")
    ]
    assert [answer["forecast"][0]["time"] for answer in answers] == ["2024-12-23", "2024-12-23", "2024-12-03"]
    for answer in answers:  # as each would be from a table of its own
        alone = tmp_path / "alone.csv"
        polars.read_csv(table).filter(polars.col("shop") == answer["series"]).write_csv(alone)
        ((same,), _, _) = told(capsys, shops / "run", alone)
        assert same["forecast"] == answer["forecast"]
    saved = [json.loads(line) for line in (tmp_path / "out" / "answers.jsonl").read_text().splitlines()]
    assert [line["series"] for line in saved] == ["x", "y/2", "z"]
    assert len({line["picture"] for line in saved}) == 3
    assert all((tmp_path / "out" / line["picture"]).is_file() for line in saved)
    assert main(["predict", str(shops / "run"), str(table)]) == 0
    assert "series y/2" in capsys.readouterr().out


def test_the_report_says_which_series_are_forecast_worst(shops, monkeypatch):
    opened = folder.open_run(JOB, shops / "run")

    def shown():
        found = {panel.title: panel for panel in JOB.panels(opened.config, opened.parts, opened.run)}
        return found["Series, the worst forecast first"]

    panel = shown()
    rows = {row[0]: row for row in panel.rows}
    config, parts = opened.config, opened.parts
    naive = naive_scores(parts.series, "test")[0]
    assert panel.columns == ("series", "test windows", "MSE", f"MSE of the {naive.name}", "ratio")
    for place, name in enumerate(("x", "y/2", "z")):  # against a run that is scored on that series alone
        alone = shops / f"alone{place}.csv"
        polars.read_csv(shops / "shops.csv").filter(polars.col("shop") == name).write_csv(alone)
        other = replace(config, data=replace(config.data, path=str(alone)))
        only = folder.open_run(JOB, shops / "run", config=other, own_data=False).parts
        score, losses = score_of(other, only, "test")
        naives = {one.name: one.score.compute()["mse"] for one in naive_scores(only.series, "test")}
        mse = score.compute()["mse"]
        wanted = (len(losses), mse, naives[naive.name], mse / naives[naive.name])
        assert rows[name][1] == wanted[0]
        assert [float(cell) for cell in rows[name][2:]] == pytest.approx(wanted[1:], rel=1e-3)
    errors = [float(row[2]) for row in panel.rows]
    assert errors == sorted(errors, reverse=True)
    assert panel.sentence.startswith("3 series with a test window")
    monkeypatch.setattr("gradus.jobs.forecasting.panels.SERIES_SHOWN", 1)
    capped = shown()
    assert [row[0] for row in capped.rows] == [panel.rows[0][0], panel.rows[-1][0]]
    assert "the 1 with the largest error and the 1 with the smallest" in capped.sentence


def test_a_bad_series_of_a_table_is_named_and_left_out_alone(shops, tmp_path, capsys):
    several = polars.concat([sales(("x", 80), ("short", 9), ("gap", 40), ("new", 70))])
    several.filter(~((polars.col("shop") == "gap") & (polars.int_range(polars.len()) == 100))).write_csv(
        tmp_path / "several.csv"
    )
    answers, status, said = told(capsys, shops / "run", tmp_path / "several.csv")
    assert ([answer["series"] for answer in answers], status) == (["x"], 1)
    assert "several.csv, series short wanted a history of at least 10 rows got 9 " in " ".join(said.split())
    answers, status, said = told(capsys, shops / "run", tmp_path / "several.csv", "--skip-bad")
    assert ([answer["series"] for answer in answers], status) == (["x", "new"], 0)
    assert "2 of 4 inputs left out" in said
    assert "series gap, line 102" in said
    assert "1 of 2 series were not in the training: new" in said


def test_a_run_is_scored_on_other_series(trained, tmp_path):
    config = folder.config_of(trained / "run", JOB)
    other = replace(config, data=replace(config.data, path=prices(tmp_path, rows=80)))
    opened = folder.open_run(JOB, trained / "run", config=other, own_data=False)
    assert measure(JOB, other, opened.parts, opened.run, split="all")["mse"] > 0
    wide = polars.read_csv(other.data.path)[::2]
    wide.write_csv(tmp_path / "every_other_day.csv")
    other = replace(other, data=replace(other.data, path=str(tmp_path / "every_other_day.csv")))
    opened = folder.open_run(JOB, trained / "run", config=other, own_data=False)
    with pytest.raises(GradusError, match=r"a row every 1 day.*2 days.*GR-SERIES-054"):
        measure(JOB, other, opened.parts, opened.run, split="all")


# -- gradus data check -----------------------------------------------------------------------------------


def test_examine_names_what_is_wrong(tmp_path):
    frame = polars.read_csv(prices(tmp_path, constant=np.ones(ROWS)))
    rows = frame.write_csv().splitlines()
    hole = rows[30].split(",")
    rows[30] = ",".join([hole[0], "", *hole[2:]])
    rows[50], rows[51] = rows[51], rows[50]
    rows[60] = rows[59]
    del rows[100:103]
    (tmp_path / "odd.csv").write_text("\n".join(rows) + "\n")
    panels = looked_at(tmp_path / "odd.csv")
    assert panels["Times that go back"].rows == [(52,)]
    assert panels["Times that are there twice"].rows == [(61,)]
    assert "4 steps of 1 day are missing" in panels["Gaps"].sentence  # three rows, and the one overwritten
    assert panels["Irregular steps"].sentence == "None."
    assert panels["Constant columns"].sentence.startswith(
        "constant: cannot be forecast; --data.targets price"
    )
    assert panels["Missing values"].rows == [(31, "price")]
    assert "season 7" in panels["Series"].sentence
    frame.with_columns(shop=polars.lit("x"), price=polars.col("price").cast(polars.String)).with_row_index(
        "n"
    ).with_columns(
        polars.when(polars.col("n") == 5).then(polars.lit("dear")).otherwise("price").alias("price")
    ).drop("n").write_csv(tmp_path / "texts.csv")
    panels = looked_at(tmp_path / "texts.csv")
    assert panels["Bad cells"].rows == [("line 7, column price", "a finite number", "'dear'")]
    assert "shop holds names: --data.series shop" in panels["Notes"].sentence
    both = [
        f"{row},{shop}"
        for shop in "ab"
        for row in polars.read_csv(prices(tmp_path)).write_csv().splitlines()[1:]
    ]
    (tmp_path / "two.csv").write_text("\n".join([f"{rows[0].rpartition(',')[0]},shop", *both]) + "\n")
    assert "--data.series takes it" in looked_at(tmp_path / "two.csv")["Times that are there twice"].sentence
    sound = {title: panel.sentence for title, panel in looked_at(prices(tmp_path)).items()}
    assert {sound[title] for title in ("Missing values", "Constant columns", "Gaps", "Bad cells")} == {
        "None."
    }


def looked_at(path, **changes):
    return {panel.title: panel for panel in examine(Config(data=DataConfig(path=str(path), **changes)))}


def test_examine_reads_every_series_and_the_treatments_of_the_settings(tmp_path):
    frame = polars.read_csv(prices(tmp_path, shop=np.repeat(["a", "b"], [ROWS - 50, 50])))
    frame.filter(~polars.int_range(polars.len()).is_in([30, ROWS - 20])).write_csv(tmp_path / "shops.csv")
    plain = looked_at(tmp_path / "shops.csv")
    assert plain["Series"].sentence.startswith("1, ")
    panels = looked_at(tmp_path / "shops.csv", series="shop", mend=Mending(gaps="hold"))
    assert [row[:2] for row in panels["Series"].rows] == [("a", ROWS - 51), ("b", 49)]
    assert panels["Gaps"].columns == ("line", "series")
    assert panels["Gaps"].rows == [(32, "a"), (ROWS - 19, "b")]
    assert panels["Gaps"].sentence.endswith(
        "before which 2 steps of 1 day are missing; treated by --data.mend.gaps hold."
    )


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [
        ("ts", np.arange(ROWS) * 3600 + 1_700_000_000, "--data.time ts takes it for the times"),
        ("time", np.arange(ROWS) * 3600 + 1_700_000_000, "--data.time-format seconds reads them as dates"),
        ("when", [f"{1 + i % 28:02d}.{1 + i // 28 % 12:02d}.{2000 + i // 336}" for i in range(ROWS)],
         '--data.time when --data.time-format "%d.%m.%Y" reads'),
        ("cost", [f"{i},5" for i in range(ROWS)], "cost holds numbers with a decimal comma"),
    ],
)  # fmt: skip
def test_examine_knows_times_and_numbers_in_other_clothes(tmp_path, name, column, said):
    frame = polars.read_csv(prices(tmp_path)).drop("date").with_columns(polars.Series(name, column))
    frame.write_csv(tmp_path / "odd.csv")
    assert said in looked_at(tmp_path / "odd.csv")["Notes"].sentence


def test_a_constant_target_is_refused_and_a_short_history(tmp_path):
    with pytest.raises(GradusError, match=r"column price.*GR-SERIES-015"):
        survey(mine(prices(tmp_path, price=np.full(ROWS, 3.0))))
    with pytest.raises(GradusError, match=r"split train.*13 rows.*GR-SERIES-016"):
        survey(mine(prices(tmp_path, rows=12), test=0.2, validation=0.0))
    with pytest.raises(GradusError, match=r"split test.*3 rows.*GR-SERIES-016"):
        survey(mine(prices(tmp_path, rows=60), test=0.02, validation=0.0))


# -- the public sets -------------------------------------------------------------------------------------


@pytest.fixture
def real_data():
    if "GRADUS_DATA" not in os.environ:
        pytest.skip("GRADUS_DATA is not set")


@pytest.mark.usefixtures("real_data")
@pytest.mark.parametrize(
    ("name", "windows"),
    [
        ("ett_h1_96", {"train": 8640 - 432 - 96 + 1, "validation": 2785, "test": 2785}),
        ("exchange", {"train": 5311 - 96 - 96 + 1, "validation": 760 - 96 + 1, "test": 1517 - 96 + 1}),
    ],
)
def test_public_sets_have_the_windows_of_the_published_tables(name, windows):
    config = RECIPES[name]().config.data
    about = survey(config)
    assert about["windows"] == windows


@pytest.mark.usefixtures("real_data")
def test_the_share_is_read_by_trading_days():
    config = RECIPES["stock"]().config.data
    about = survey(config)
    assert about["steps"] == [{"unit": "weekdays", "count": 1}]
    assert any("each row is taken as a step of 1 weekday" in note for note in about["notes"])
    assert about["windows"]["test"] == 504


def test_the_job_holds_its_contract():
    outcomes = {o.name: o.sentence for o in contract.examine(JOB) if not o.passed}
    assert outcomes == {}


def test_the_twin_is_the_same_every_time():
    first, second = (load.__wrapped__(smoke().data)[0][0].inputs for _ in range(2))
    np.testing.assert_array_equal(first, second)

"""The forecasting networks against forwards written out from their weights, and what each may not see."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from gradus.core.errors import UsageError
from gradus.layers.heads import Shape
from gradus.models.nhits import Nhits, NhitsConfig, interpolated
from gradus.models.patch_transformer import PatchTransformer, PatchTransformerConfig
from gradus.models.series_linear import SeriesLinear, SeriesLinearConfig, moving_mean
from gradus.models.series_recurrent import SeriesRecurrent, SeriesRecurrentConfig
from gradus.models.series_seq2seq import SeriesSeq2seq, SeriesSeq2seqConfig, Taught, teacher_share
from gradus.models.series_tcn import SeriesTcn, SeriesTcnConfig

BARE = Shape(input_steps=12, horizon=5, targets=2, inputs=2, known=0, static=0, outputs=1)
FULL = Shape(input_steps=12, horizon=5, targets=2, inputs=4, known=3, static=2, outputs=3, point=1)
ALL = [
    (SeriesLinear, SeriesLinearConfig()),
    (SeriesLinear, SeriesLinearConfig(variant="dlinear", individual=True)),
    (SeriesRecurrent, SeriesRecurrentConfig(width=6, depth=2)),
    (SeriesRecurrent, SeriesRecurrentConfig(cell="gru", width=6)),
    (SeriesSeq2seq, SeriesSeq2seqConfig(width=6)),
    (SeriesTcn, SeriesTcnConfig(width=6, depth=2)),
    (PatchTransformer, PatchTransformerConfig(patch=4, stride=2, width=8, num_heads=2, depth=1)),
    (Nhits, NhitsConfig(pools=(3, 1), knots_every=(2, 1), width=8)),
]


def inputs(shape, rows=3, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return (
        torch.randn(rows, shape.input_steps, shape.inputs, generator=rng),
        torch.randn(rows, shape.input_steps + shape.horizon, shape.known, generator=rng),
        torch.randn(rows, shape.static, generator=rng),
    )


def made(cls, config, shape):
    torch.manual_seed(0)
    net = cls(config, shape=shape).eval()
    for parameter in net.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)  # what starts at zero reads nothing
    return net


@pytest.mark.parametrize(("cls", "config"), ALL, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("shape", [BARE, FULL, replace(FULL, static=0), replace(FULL, known=0)], ids=repr)
def test_it_forecasts_every_step_and_series_each_window_alone(cls, config, shape):
    net = made(cls, config, shape)
    past, known, static = inputs(shape)
    together = net(past, known, static)
    assert together.shape == (3, 5, 2, shape.outputs)
    torch.testing.assert_close(net(past[1:2], known[1:2], static[1:2]), together[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("cls", "config"), ALL, ids=lambda value: getattr(value, "__name__", ""))
def test_it_reads_all_that_it_is_given(cls, config):
    net = made(cls, config, FULL)
    given = [tensor.requires_grad_() for tensor in inputs(FULL)]
    net(*given).square().sum().backward()
    past, known, static = (tensor.grad.abs().sum(dim=0) for tensor in given)
    assert bool((past.sum(dim=0) > 0).all())  # every series
    assert bool((known[-FULL.horizon :] > 0).all())
    assert bool((static > 0).all())


# -- linear ----------------------------------------------------------------------------------------------


def test_nlinear_by_hand():
    net = made(SeriesLinear, SeriesLinearConfig(), BARE)
    past, known, static = inputs(BARE)
    wanted = torch.empty(3, 5, 2)
    for window in range(3):
        for series in range(2):
            x = past[window, :, series]
            wanted[window, :, series] = (x - x[-1]) @ net.weight[0] + net.bias[0, 0] + x[-1]
    torch.testing.assert_close(net(past, known, static).squeeze(3), wanted)


def test_dlinear_by_hand():
    config = SeriesLinearConfig(variant="dlinear", kernel=5, individual=True)
    net = made(SeriesLinear, config, BARE)
    past, known, static = inputs(BARE)
    wanted = torch.empty(3, 5, 2)
    for window in range(3):
        for series in range(2):
            x = past[window, :, series]
            padded = F.pad(x[None, None], (2, 2), mode="replicate")
            trend = F.avg_pool1d(padded, 5, stride=1)[0, 0]
            y = (x - trend) @ net.weight[series] + trend @ net.trend[series] + net.bias[series, 0]
            wanted[window, :, series] = y
    torch.testing.assert_close(net(past, known, static).squeeze(3), wanted, rtol=1e-5, atol=1e-5)


def test_a_moving_mean_of_one_step_is_the_series():
    x = torch.randn(2, 3, 7)
    torch.testing.assert_close(moving_mean(x, steps=1), x)
    assert moving_mean(x, steps=4).shape == x.shape


def test_nlinear_follows_a_shift_of_the_level():
    net = made(SeriesLinear, SeriesLinearConfig(), BARE)
    past, known, static = inputs(BARE)
    torch.testing.assert_close(net(past + 7, known, static), net(past, known, static) + 7, atol=1e-4, rtol=0)


# -- recurrent -------------------------------------------------------------------------------------------


def test_the_lstm_by_its_gates():
    net = made(SeriesRecurrent, SeriesRecurrentConfig(width=4), BARE)
    past, known, static = inputs(BARE)
    cell = net.recurrent
    hidden = memory = torch.zeros(3, 4)
    for step in range(12):
        gates = (
            past[:, step] @ cell.weight_ih_l0.T
            + cell.bias_ih_l0
            + hidden @ cell.weight_hh_l0.T
            + cell.bias_hh_l0
        )
        enter, forget, new, leave = gates.chunk(4, dim=1)
        memory = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
        hidden = leave.sigmoid() * memory.tanh()
    wanted = (hidden @ net.head.weight.T + net.head.bias).reshape(3, 5, 2, 1)
    torch.testing.assert_close(net(past, known, static), wanted, rtol=1e-4, atol=1e-5)


def test_the_decoder_step_by_step():
    net = made(SeriesSeq2seq, SeriesSeq2seqConfig(width=4), FULL)
    past, known, static = inputs(FULL)
    read, state = net.encoder(torch.cat([past, known[:, :12], static[:, None].expand(-1, 12, -1)], dim=2))
    state, found, value, wanted = state[0], torch.zeros(3, 4), past[:, -1, :2], []
    for step in range(5):
        state = net.decoder(torch.cat([value, known[:, 12 + step], static, found], dim=1), state)
        scores = torch.stack(
            [(state * (read[:, place] @ net.score.weight.T)).sum(1) for place in range(12)], 1
        )
        weights = scores.softmax(1)
        context = (weights[:, :, None] * read).sum(1)
        found = (torch.cat([state, context], dim=1) @ net.mix.weight.T + net.mix.bias).tanh()
        raw = (found @ net.head.weight.T + net.head.bias).reshape(3, 2, 3)
        value = raw[:, :, 1]  # the middle quantile goes into the next step
        wanted.append(raw)
    torch.testing.assert_close(net(past, known, static), torch.stack(wanted, 1), rtol=1e-4, atol=1e-5)


def test_a_decoder_that_is_told_the_truth_goes_on_from_it():
    net = made(SeriesSeq2seq, SeriesSeq2seqConfig(width=4), BARE)
    given = inputs(BARE)
    plain = net(*given)
    truth = torch.randn(3, 5, 2)
    forced = torch.zeros(3, 5, dtype=torch.bool)
    forced[1, 2] = True
    told = net(*given, taught=Taught(truth, forced))
    torch.testing.assert_close(told[[0, 2]], plain[[0, 2]])
    torch.testing.assert_close(told[1, :3], plain[1, :3])  # what is written is not what is told
    assert not torch.allclose(told[1, 3], plain[1, 3])
    own = net(*given, taught=Taught(plain.squeeze(3), torch.ones(3, 5, dtype=torch.bool)))
    torch.testing.assert_close(own, plain)


@pytest.mark.parametrize(("step", "share"), [(0, 0.6), (25, 0.3), (50, 0.0), (80, 0.0)], ids=str)
def test_the_teacher_leaves_along_a_line(step, share):
    config = SeriesSeq2seqConfig(teacher=0.6, teacher_until=0.5)
    assert teacher_share(config, step=step, steps=100) == pytest.approx(share)
    assert teacher_share(replace(config, teacher_until=0.0), step=step, steps=100) == 0


# -- convolutions ----------------------------------------------------------------------------------------


def test_convolutions_see_no_later_step():
    net = made(SeriesTcn, SeriesTcnConfig(width=5, depth=3), FULL)
    past, known, static = inputs(FULL)
    before = net.features(past, known, static)
    changed = past.clone()
    changed[:, 7:] += 1
    after = net.features(changed, known, static)
    torch.testing.assert_close(after[:, :, :7], before[:, :, :7])
    assert not torch.allclose(after[:, :, 7], before[:, :, 7])


def test_a_causal_block_by_hand():
    block = made(SeriesTcn, SeriesTcnConfig(width=2, depth=2, kernel=2), BARE).blocks[1]
    x = torch.randn(1, 2, 6)
    padded = F.pad(x, (2, 0))
    first = torch.stack(
        [
            block.first.weight[:, :, 0] @ padded[0, :, t] + block.first.weight[:, :, 1] @ padded[0, :, t + 2]
            for t in range(6)
        ],
        dim=1,
    )
    first = F.pad((first + block.first.bias[:, None]).relu(), (2, 0))
    second = torch.stack(
        [
            block.second.weight[:, :, 0] @ first[:, t] + block.second.weight[:, :, 1] @ first[:, t + 2]
            for t in range(6)
        ],
        dim=1,
    )
    wanted = ((second + block.second.bias[:, None]).relu() + x[0]).relu()
    torch.testing.assert_close(block(x)[0], wanted, rtol=1e-5, atol=1e-6)


# -- patches ---------------------------------------------------------------------------------------------


def test_patches_are_cut_from_each_series_alone():
    config = PatchTransformerConfig(patch=4, stride=3, width=8, num_heads=2, depth=2)
    net = made(PatchTransformer, config, BARE)
    past, known, static = inputs(BARE, rows=1)
    series = torch.cat([past[0, :, 1], past[0, -1:, 1].expand(3)])
    patches = torch.stack([series[begin : begin + 4] for begin in (0, 3, 6, 9)])
    x = net.embed(patches) + net.positions
    for block in net.blocks:
        attended = block.norm1(x)
        joint = torch.nn.MultiheadAttention(8, 2, batch_first=True)
        joint.load_state_dict(
            {
                "in_proj_weight": block.attention.queries_keys_values.weight,
                "in_proj_bias": block.attention.queries_keys_values.bias,
                "out_proj.weight": block.attention.output.weight,
                "out_proj.bias": block.attention.output.bias,
            }
        )
        x = x + joint(attended, attended, attended)[0]
        x = x + block.mlp(block.norm2(x))
    wanted = net.head(net.norm(x).flatten())
    torch.testing.assert_close(net(past, known, static)[0, :, 1, 0], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "code"),
    [
        (PatchTransformerConfig(patch=13), "GR-SERIES-030"),
        (PatchTransformerConfig(patch=4, width=10, num_heads=4), "GR-MODEL-003"),
    ],
)
def test_patches_and_heads_must_fit(config, code):
    with pytest.raises(UsageError, match=code):
        PatchTransformer(config, shape=BARE)


# -- nhits -----------------------------------------------------------------------------------------------


def test_knots_are_joined_by_lines():
    knots = torch.tensor([[[0.0, 4.0, 8.0]]])
    assert interpolated(knots, steps=3).flatten().tolist() == [0.0, 4.0, 8.0]
    # Centres of three knots over six steps: 0.5, 2.5 and 4.5; beyond them the ends continue.
    assert interpolated(knots, steps=6).flatten().tolist() == [0.0, 1.0, 3.0, 5.0, 7.0, 8.0]


def test_each_block_works_on_what_is_left():
    net = made(Nhits, NhitsConfig(pools=(3, 1), knots_every=(2, 1), width=8), BARE)
    past, known, static = inputs(BARE, rows=1)
    x = past[0, :, 0][None]
    left, wanted = x, x[:, -1].expand(5)
    for block, pool in zip(net.blocks, (3, 1), strict=True):
        pooled = left.reshape(1, -1, pool).amax(dim=2)
        knots = block.head(block.hidden(pooled))
        past_knots, ahead = knots.split([block.knots_past, block.knots_ahead], dim=1)
        explained = interpolated(past_knots[:, None], steps=12)[0]
        wanted = wanted + interpolated(ahead[:, None], steps=5)[0, 0]
        left = left - explained
    torch.testing.assert_close(net(past, known, static)[0, :, 0, 0], wanted)


def test_stacks_must_be_told_apart():
    with pytest.raises(UsageError, match="GR-SERIES-030"):
        Nhits(NhitsConfig(pools=(2, 1), knots_every=(1,)), shape=BARE)

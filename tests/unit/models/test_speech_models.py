"""The recognisers against torch's own layers, loops written out, padding, and streams cut anywhere."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gradus.core.errors import UsageError
from gradus.models.conformer import Conformer, ConformerConfig, ConvolutionModule
from gradus.models.speech_recurrent import (
    LookAhead,
    RecurrentLayer,
    SpeechRecurrent,
    SpeechRecurrentConfig,
    turned,
)

BANDS, TOKENS = 10, 5
TWO_WAYS = SpeechRecurrentConfig(channels=(3, 4), strides=(2, 1), width=6, depth=2)
ONE_WAY = SpeechRecurrentConfig(channels=(3, 4), strides=(2, 2), width=6, depth=2, directions="one")
LSTM = SpeechRecurrentConfig(channels=(3,), strides=(3,), width=6, depth=1, cell="lstm", directions="one")
AHEAD = SpeechRecurrentConfig(
    channels=(3, 4), strides=(2, 1), width=6, depth=1, directions="one", steps_ahead=3
)
SMALL = ConformerConfig(channels=(3, 4), width=8, depth=2, num_heads=2, kernel=5)


def made(config, *, seed=0):
    torch.manual_seed(seed)
    kind = Conformer if isinstance(config, ConformerConfig) else SpeechRecurrent
    model = kind(config, bands=BANDS, num_tokens=TOKENS)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return model.eval()


def noise(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


CONFIGS = [TWO_WAYS, ONE_WAY, LSTM, AHEAD, SMALL]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{type(c).__name__}-{c.width}-{len(c.channels)}")
def test_padding_and_neighbours_change_nothing(config):
    model, lengths = made(config), [1, 6, 17, 30]
    frames = noise(4, 33, BANDS)
    log_probs, steps = model(frames, torch.tensor(lengths))
    torch.testing.assert_close(log_probs.exp().sum(2), torch.ones(log_probs.shape[:2]))
    for row, length in enumerate(lengths):
        alone, count = model(frames[row : row + 1, :length], torch.tensor([length]))
        assert steps[row] == count[0] == alone.shape[1] == model.count(torch.tensor(length))
        torch.testing.assert_close(log_probs[row, : steps[row]], alone[0], atol=1e-5, rtol=1e-4)
    masked = frames * (torch.arange(33) < torch.tensor(lengths)[:, None])[:, :, None]
    again, _ = model(masked, torch.tensor(lengths))
    for row in range(4):
        assert torch.equal(
            again[row, : steps[row]], model(masked, torch.tensor(lengths))[0][row, : steps[row]]
        )


@pytest.mark.parametrize("config", [TWO_WAYS, ONE_WAY])
def test_the_forward_is_what_it_says(config):
    """Convolutions, recurrent layers and the head applied one by one, torch's own GRU in both directions."""
    model, frames = made(config), noise(1, 12, BANDS)
    x = frames[:, None]
    before, after = (2, 0) if config.directions == "one" else (1, 1)
    for layer in model.subsample.convolutions:
        x = F.conv2d(
            F.pad(x, (1, 1, before, after)),
            layer.convolution.weight,
            layer.convolution.bias,
            stride=(layer.stride, 2),
        )
        x = torch.stack(
            [
                F.layer_norm(x[0, :, t], x.shape[1::2], layer.norm.weight, layer.norm.bias, 1e-3)
                for t in range(x.shape[2])
            ],
            dim=1,
        )[None].relu()
    x = torch.stack([x[0, :, t].flatten() for t in range(x.shape[2])])[None]
    for layer in model.layers:
        x = layer.norm(torchs(layer, x.shape[2], config)(x)[0])
    wanted = (x @ model.head.weight.T + model.head.bias).softmax(2).log()
    torch.testing.assert_close(model(frames, torch.tensor([12]))[0], wanted, atol=1e-5, rtol=1e-4)


def torchs(layer: RecurrentLayer, width: int, config) -> nn.GRU:
    """torch's recurrent layer with our weights."""
    both = config.directions == "both"
    theirs = nn.GRU(width, config.width, batch_first=True, bidirectional=both)
    state = dict(layer.ahead.state_dict())
    if both:
        state |= {f"{name}_reverse": value for name, value in layer.back.state_dict().items()}
    theirs.load_state_dict(state)
    return theirs


def test_sequences_are_turned_within_their_length():
    x = torch.arange(8.0).reshape(2, 4, 1)
    mask = torch.tensor([[True, True, True, False], [True, True, True, True]])
    assert turned(x, mask)[:, :, 0].tolist() == [[2, 1, 0, 3], [7, 6, 5, 4]]
    assert torch.equal(turned(turned(x, mask), mask), x)


@given(
    st.sampled_from([ONE_WAY, LSTM, AHEAD]),
    st.integers(1, 40),
    st.lists(st.integers(1, 5), min_size=1, max_size=12),
)
@settings(max_examples=30, deadline=None)
def test_a_stream_cut_anywhere_gives_the_whole(config, length, cuts):
    model, frames = made(config), noise(1, length, BANDS)
    stride = torch.tensor(config.strides).prod().item()
    state, heard, place = model.start(like=frames), [], 0
    for cut in [*cuts, length]:
        size = min(cut * stride, length - place)
        if size <= 0:
            break
        log_probs, state = model.follow(frames[:, place : place + size], state)
        heard.append(log_probs)
        place += size
    if place == length:
        heard.append(model.finish(state))
    whole, _ = model(frames, torch.tensor([length]))
    together = torch.cat(heard, 1)
    torch.testing.assert_close(together, whole[:, : together.shape[1]], atol=1e-5, rtol=1e-4)
    if place == length:
        assert together.shape == whole.shape


def test_each_step_is_summed_with_those_ahead():
    ahead, x = LookAhead(2, steps=2), noise(1, 5, 2)
    wanted = torch.zeros(5, 2)
    for t in range(5):
        for d in range(2):
            later = [x[0, t + k, d] * ahead.rows.weight[d, 0, k] for k in range(3) if t + k < 5]
            wanted[t, d] = sum(later) + ahead.rows.bias[d]
    torch.testing.assert_close(ahead(x)[0], wanted)


def test_one_direction_hears_no_future_and_both_do():
    frames = noise(1, 20, BANDS)
    other = frames.clone()
    other[:, 12:] += 1
    for config, stays in ((ONE_WAY, True), (AHEAD, True), (TWO_WAYS, False)):
        model = made(config)
        steps = int(model.count(torch.tensor(12))) - config.steps_ahead
        one, two = (model(x, torch.tensor([20]))[0][:, :steps] for x in (frames, other))
        assert torch.allclose(one, two, atol=1e-6) == stays


def test_the_convolution_module_is_what_it_says():
    torch.manual_seed(0)
    module, x = ConvolutionModule(4, kernel=3), noise(1, 6, 4)
    mask = torch.tensor([[True] * 5 + [False]])
    gate = module.gated(module.norm(x))[0]
    inner = gate[:, :4] * gate[:, 4:].sigmoid() * mask[0, :, None]
    wanted = torch.zeros(6, 4)
    for t in range(6):
        for c in range(4):
            taps = [inner[t + k - 1, c] if 0 <= t + k - 1 < 6 else 0.0 for k in range(3)]
            total = sum(tap * module.depthwise.weight[c, 0, k] for k, tap in enumerate(taps))
            wanted[t, c] = total + module.depthwise.bias[c]
    hidden = module.middle_norm(wanted)
    torch.testing.assert_close(
        module(x, mask)[0], module.output(hidden * hidden.sigmoid()), atol=1e-5, rtol=1e-4
    )


def test_the_first_guess_is_blind():
    for config in CONFIGS:
        torch.manual_seed(0)
        kind = Conformer if isinstance(config, ConformerConfig) else SpeechRecurrent
        log_probs, _ = kind(config, bands=BANDS, num_tokens=TOKENS)(
            noise(2, 20, BANDS), torch.tensor([20, 9])
        )
        assert (log_probs.exp() - 1 / TOKENS).abs().max() < 0.15


@pytest.mark.parametrize(
    ("config", "code"),
    [
        (ConformerConfig(width=30, num_heads=4), "GR-MODEL-003"),
        (ConformerConfig(width=9, num_heads=3), "GR-CONFIG-003"),
        (ConformerConfig(kernel=4), "GR-CONFIG-003"),
        (ConformerConfig(channels=(8,), strides=(2, 1)), "GR-CONFIG-003"),
        (SpeechRecurrentConfig(channels=(8, 8, 8)), "GR-CONFIG-003"),
        (SpeechRecurrentConfig(steps_ahead=3), "GR-CONFIG-003"),
    ],
)
def test_what_cannot_be_built_is_refused(config, code):
    with pytest.raises(UsageError, match=code):
        made(config)

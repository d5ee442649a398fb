"""What every model of texts must do, and each against an independent computation."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gradus.core.errors import UsageError
from gradus.data.ragged import Ragged
from gradus.models.text_bag import TextBag, TextBagConfig, count_ngrams
from gradus.models.text_cnn import TextCnn, TextCnnConfig
from gradus.models.text_recurrent import TextRecurrent, TextRecurrentConfig
from gradus.models.text_transformer import TextTransformer, TextTransformerConfig

WORDS, CLASSES = 12, 3
LISTED = [(2, 3), (3, 2), (4, 4), (2, 3, 4)]
KEYS = torch.tensor([2 * WORDS + 3, 3 * WORDS + 2, 4 * WORDS + 4, WORDS**2 + (2 * WORDS + 3) * WORDS + 4])
CNN = TextCnnConfig(width=6, sizes=(2, 4), channels=5)
RECURRENT = TextRecurrentConfig(width=6, hidden_width=5)
TRANSFORMER = TextTransformerConfig(width=8, num_heads=2)
MAKERS = {
    "bag": lambda: TextBag(TextBagConfig(longest=3), num_words=WORDS, num_classes=CLASSES, listed=KEYS),
    "bag hashed": lambda: TextBag(TextBagConfig(longest=3, buckets=50), num_words=WORDS, num_classes=CLASSES),
    "bag even": lambda: TextBag(
        TextBagConfig(longest=3, even=True), num_words=WORDS, num_classes=CLASSES, listed=KEYS
    ),
    "bag wide": lambda: TextBag(
        TextBagConfig(width=4, pace=2.0), num_words=WORDS, num_classes=CLASSES, listed=KEYS[:3]
    ),
    "cnn": lambda: TextCnn(CNN, num_words=WORDS, num_classes=CLASSES),
    "lstm": lambda: TextRecurrent(RECURRENT, num_words=WORDS, num_classes=CLASSES),
    "gru": lambda: TextRecurrent(
        replace(RECURRENT, cell="gru", depth=2, pooling="mean"), num_words=WORDS, num_classes=CLASSES
    ),
    "last": lambda: TextRecurrent(replace(RECURRENT, pooling="last"), num_words=WORDS, num_classes=CLASSES),
    "max": lambda: TextRecurrent(
        replace(RECURRENT, pooling="max", both_directions=False), num_words=WORDS, num_classes=CLASSES
    ),
    "transformer": lambda: TextTransformer(TRANSFORMER, num_words=WORDS, num_classes=CLASSES),
}


def randomised(model: nn.Module) -> nn.Module:
    """The model in eval mode and double precision, with no weight at zero but the padding's."""
    torch.manual_seed(0)
    for parameter in model.double().parameters():
        nn.init.normal_(parameter, std=0.5)
    model.embedding.weight.data[0] = 0.0
    return model.eval()


@pytest.fixture(params=MAKERS)
def model(request) -> nn.Module:
    return randomised(MAKERS[request.param]())


def texts(lengths, width, seed=0) -> tuple[Tensor, Tensor]:
    mask = torch.arange(width) < torch.tensor(lengths)[:, None]
    word = torch.randint(1, WORDS, mask.shape, generator=torch.Generator().manual_seed(seed))
    return word * mask, mask


def test_the_first_prediction_is_the_blind_guess():
    for make in MAKERS.values():
        model = make().eval()
        logits = model(*texts([4, 2], 4))
        assert logits.shape == (2, CLASSES)
        cost = F.cross_entropy(logits, torch.tensor([0, 1]))
        assert cost.item() == pytest.approx(math.log(CLASSES), abs=0.02)


@settings(deadline=None, max_examples=15)
@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4), more=st.integers(0, 3))
@pytest.mark.parametrize("name", MAKERS)
def test_a_text_is_judged_alone_whatever_stands_in_its_padding(name, lengths, more):
    model = randomised(MAKERS[name]())
    word, mask = texts(lengths, 6 + more)
    noisy = torch.where(mask, word, torch.randint(1, WORDS, word.shape))
    alone = torch.cat(
        [model(word[i : i + 1, :length], mask[i : i + 1, :length]) for i, length in enumerate(lengths)]
    )
    torch.testing.assert_close(model(word, mask), alone, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(model(noisy, mask), alone, rtol=1e-9, atol=1e-9)


def test_every_parameter_has_a_gradient(model):
    word, mask = torch.arange(1, 11).reshape(2, 5), torch.ones(2, 5, dtype=torch.bool)
    word = torch.tensor([[2, 3, 4, 4, 2], [3, 2, 3, 4, 5]])
    F.cross_entropy(model.train()(word, mask), torch.tensor([0, 1])).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


# -- the bag ---------------------------------------------------------------------------------------------


def grams(text: list[int], longest: int) -> list[tuple[int, ...]]:
    return [tuple(text[i : i + n]) for n in range(1, longest + 1) for i in range(len(text) - n + 1)]


def test_a_linear_bag_adds_the_weights_of_its_different_ngrams():
    model = randomised(MAKERS["bag"]())
    word, mask = texts([6, 3, 1], 6, seed=4)
    place = {gram: WORDS + i for i, gram in enumerate(LISTED)}
    for text, real, logits in zip(word, mask, model(word, mask), strict=True):
        found = {place.get(g, g[0] if len(g) == 1 else None) for g in grams(text[real].tolist(), 3)} - {None}
        expected = model.embedding.weight[sorted(found)].sum(dim=0) + model.bias
        torch.testing.assert_close(logits, expected, rtol=1e-12, atol=1e-12)


def test_a_wide_bag_takes_the_mean_of_its_ngrams():
    model = randomised(MAKERS["bag wide"]())
    word, mask = texts([5], 5, seed=2)
    place = {gram: WORDS + i for i, gram in enumerate(LISTED[:3])}
    found = [place.get(g, g[0] if len(g) == 1 else None) for g in grams(word[0].tolist(), 2)]
    vectors = model.embedding.weight[[f for f in found if f is not None]]
    expected = 2.0 * vectors.mean(dim=0) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(word, mask)[0], expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["bag", "bag hashed", "bag even", "bag wide"])
def test_contributions_add_up_to_the_logits(name):
    model = randomised(MAKERS[name]())
    word, mask = texts([6, 2, 1], 6, seed=4)
    given_by_words = model.contributions(word, mask)
    last = model.head.bias if model.config.width else model.bias
    torch.testing.assert_close(
        given_by_words.double().sum(dim=1) + last, model(word, mask), rtol=1e-6, atol=1e-6
    )
    assert (given_by_words[~mask] == 0).all()


def test_ngrams_are_counted():
    texts = Ragged.of([torch.tensor(text) for text in ([2, 3, 2, 3], [5], [2], [3, 2, 3])])
    assert count_ngrams(texts, longest=2, min_count=3, num_words=6).tolist() == [2 * 6 + 3]
    pairs, triples = [2 * 6 + 3, 3 * 6 + 2], [36 + (2 * 6 + 3) * 6 + 2, 36 + (3 * 6 + 2) * 6 + 3]
    assert count_ngrams(texts, longest=3, min_count=1, num_words=6).tolist() == pairs + triples
    assert len(count_ngrams(Ragged.of([torch.tensor([5])]), longest=3, min_count=1, num_words=6)) == 0


def with_pieces(**changes) -> TextBag:
    config = TextBagConfig(letters=3, **changes)
    sizes = {"num_words": WORDS, "num_classes": CLASSES, "num_pieces": 6}
    return randomised(TextBag(config, listed=KEYS[:3], **sizes))


PIECE = torch.tensor([[1, 4, 6], [3, 0, 0], [0, 0, 0]])


def test_pieces_of_words_are_features_beside_the_ngrams():
    word, mask = texts([6, 3, 1], 6, seed=4)
    model, first = with_pieces(), WORDS + 3
    found = model(word, mask, PIECE) - model(word, mask)
    for row, pieces in enumerate(([1, 4, 6], [3], [])):
        expected = model.embedding.weight[[first + number - 1 for number in pieces]].sum(dim=0)
        torch.testing.assert_close(found[row], expected)
    assert len(model.embedding.weight) == first + 6


def test_an_even_bag_divides_each_kind_by_the_root_of_its_number():
    plain, even = with_pieces(), with_pieces(even=True)
    word, mask = torch.tensor([[2, 3, 2, 5]]), torch.ones(1, 4, dtype=torch.bool)
    ngrams = plain(word, mask) - plain.bias  # the words 2, 3, 5 and the pairs 2 3 and 3 2
    pieces = plain(word, mask, PIECE[:1]) - plain(word, mask)
    expected = ngrams / math.sqrt(5) + pieces / math.sqrt(3) + even.bias
    torch.testing.assert_close(even(word, mask, PIECE[:1]), expected)


def test_a_wide_bag_takes_the_mean_of_ngrams_and_pieces():
    model = with_pieces(width=4)
    word, mask = texts([1], 1)
    vectors = model.embedding.weight[[int(word[0, 0]), WORDS + 3, WORDS + 3 + 5]]
    expected = vectors.mean(dim=0) @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(word, mask, torch.tensor([[1, 6]]))[0], expected)


@pytest.mark.parametrize("changes", [{}, {"even": True}, {"width": 4}])
def test_what_pieces_contribute_goes_to_the_words_that_have_them(changes):
    model = with_pieces(**changes)
    word, mask = texts([6, 3, 1], 6, seed=4)
    owners = torch.zeros(3, 6, 3, dtype=torch.bool)
    owners[0, [0, 5], 0] = owners[0, 2, 1] = owners[0, 1, 2] = owners[1, 0, 0] = True
    given_by_words = model.contributions(word, mask, PIECE, owners)
    last = model.head.bias if model.config.width else model.bias
    total = given_by_words.double().sum(dim=1) + last
    torch.testing.assert_close(total, model(word, mask, PIECE), rtol=1e-6, atol=1e-6)
    if not changes:
        moved = given_by_words - model.contributions(word, mask)
        half = model.embedding.weight[WORDS + 3] / 2
        torch.testing.assert_close(moved[0, [0, 5]], half.expand(2, -1))
        assert (moved[0, [3, 4]] == 0).all()


def test_an_even_bag_has_no_width():
    with pytest.raises(UsageError, match=r"--model\.even"):
        TextBag(TextBagConfig(even=True, width=4), num_words=WORDS, num_classes=2)


def test_pieces_have_a_least_and_a_most_length():
    with pytest.raises(UsageError, match=r"--model\.letters: wanted 0, or at least 4"):
        TextBag(TextBagConfig(letters=3, fewest_letters=4), num_words=WORDS, num_classes=2)


def test_dropout_of_ngrams_keeps_the_mean():
    model = TextBag(TextBagConfig(longest=1, dropout=0.4), num_words=WORDS, num_classes=2)
    nn.init.ones_(model.embedding.weight[1:])
    word, mask = torch.arange(2, 12).repeat(2000, 1), torch.ones(2000, 10, dtype=torch.bool)
    torch.manual_seed(0)
    assert model.train()(word, mask).mean().item() == pytest.approx(10, rel=0.02)


@pytest.mark.parametrize("changes", [{"buckets": 9}, {"width": 3}])
def test_ratios_need_a_list_and_weights(changes):
    with pytest.raises(UsageError, match=r"--model\.ratio_smoothing"):
        TextBag(TextBagConfig(ratio_smoothing=1.0, **changes), num_words=WORDS, num_classes=2)


# -- the others ------------------------------------------------------------------------------------------


def test_the_convolutional_network_as_loops():
    model = randomised(MAKERS["cnn"]())
    text = [2, 5, 3]
    vectors = model.embedding.weight[text]
    pooled = []
    for filters in model.filters:
        size = filters.kernel_size[0]
        blank = torch.zeros(size - 1, CNN.width, dtype=torch.float64)
        rows = torch.cat([blank, vectors, blank])
        answers = [
            torch.einsum("td,cdt->c", rows[i : i + size], filters.weight) + filters.bias
            for i in range(len(rows) - size + 1)
        ]
        pooled.append(torch.stack(answers).amax(dim=0).clamp(min=0))
    expected = model.head(torch.cat(pooled))
    torch.testing.assert_close(model(torch.tensor([text]), torch.ones(1, 3, dtype=torch.bool))[0], expected)


def lstm_chain(model: nn.Module, vectors: Tensor, suffix: str) -> Tensor:
    """The states of one direction, gate by gate."""
    weights = {n: p for n, p in model.recurrent.named_parameters() if n.endswith(suffix)}
    w, u, b, c = (weights[f"{n}_l0{suffix}"] for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    state = memory = torch.zeros(RECURRENT.hidden_width, dtype=torch.float64)
    states = []
    for vector in vectors:
        enter, forget, cell, leave = (w @ vector + b + u @ state + c).chunk(4)
        memory = forget.sigmoid() * memory + enter.sigmoid() * cell.tanh()
        state = leave.sigmoid() * memory.tanh()
        states.append(state)
    return torch.stack(states)


@pytest.mark.parametrize("pooling", ["attention", "mean", "max", "last"])
def test_the_recurrent_network_gate_by_gate(pooling):
    model = randomised(
        TextRecurrent(replace(RECURRENT, pooling=pooling), num_words=WORDS, num_classes=CLASSES)
    )
    there = {n for n, _ in model.recurrent.named_parameters() if not n.endswith("_reverse")}
    assert len(there) == 4
    text = [2, 5, 3, 9]
    vectors = model.embedding.weight[text]
    onward = lstm_chain(model, vectors, "")
    back = lstm_chain(model, vectors.flip(0), "_reverse").flip(0)
    states = torch.cat([onward, back], dim=1)
    if pooling == "attention":
        first, _, second = model.attention
        weights = (states @ first.weight.T + first.bias).tanh() @ second.weight.T
        pooled = (weights.softmax(dim=0) * states).sum(dim=0)
    else:
        pooled = {
            "mean": states.mean(dim=0),
            "max": states.amax(dim=0),
            "last": torch.cat([onward[-1], back[0]]),
        }[pooling]
    word = torch.tensor([[*text, 0, 0]])
    torch.testing.assert_close(model(word, word > 0)[0], model.head(pooled), rtol=1e-9, atol=1e-9)


def test_the_transformer_against_torch():
    model = randomised(MAKERS["transformer"]())
    layer = nn.TransformerEncoderLayer(
        8, 2, 16, dropout=0.0, activation="gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
    )
    encoder = nn.TransformerEncoder(
        layer, 2, norm=nn.LayerNorm(8, eps=1e-6), enable_nested_tensor=False
    ).double()
    ours, theirs = [p for n, p in model.named_parameters() if n.startswith("blocks")], {}
    names = ["norm1.weight", "norm1.bias", "self_attn.in_proj_weight", "self_attn.in_proj_bias"]
    names += ["self_attn.out_proj.weight", "self_attn.out_proj.bias", "norm2.weight", "norm2.bias"]
    names += ["linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"]
    for i in range(2):
        theirs |= {f"layers.{i}.{n}": p for n, p in zip(names, ours[12 * i : 12 * i + 12], strict=True)}
    theirs |= {"norm.weight": model.norm.weight, "norm.bias": model.norm.bias}
    encoder.load_state_dict(theirs)
    encoder.train()  # torch's fast path for evaluation takes another road
    word, mask = texts([5, 3], 5)
    rates = 10_000.0 ** -torch.linspace(0, 1, 4, dtype=torch.float64)
    angle = torch.arange(5, dtype=torch.float64)[:, None] * rates
    places = torch.cat([angle.sin(), angle.cos()], dim=1)
    states = encoder(model.embedding(word) + 0.25 * places, src_key_padding_mask=~mask)
    mean = torch.stack([row[real].mean(dim=0) for row, real in zip(states, mask, strict=True)])
    torch.testing.assert_close(model(word, mask), model.head(mean), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"width": 9, "num_heads": 3}, r"--model\.width: wanted an even number"),
        (
            {"width": 8, "num_heads": 3},
            r"--model\.num_heads: wanted a number that divides the width 8, got 3",
        ),
    ],
)
def test_a_width_that_heads_or_places_cannot_share_is_refused(changes, said):
    with pytest.raises(UsageError, match=said):
        TextTransformer(replace(TRANSFORMER, **changes), num_words=WORDS, num_classes=2)

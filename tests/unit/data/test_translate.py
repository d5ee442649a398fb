"""Texts in other words: with two made-up translators, and with a tiny translation model of the library."""

import sys

import pytest
import torch

from gradus.core.errors import InputError, UsageError
from gradus.data.texts import Texts
from gradus.data.translate import back_translations, translator, with_translations

CPU = torch.device("cpu")


def there(texts):
    return [text[::-1] for text in texts]


def back(texts):
    return [text[::-1].replace("good", "fine").replace("long", "") for text in texts]


def test_what_comes_back_changed_is_kept_and_the_rest_is_counted():
    texts = ["a good film", "a bad film", "long", "good"]
    made = back_translations(texts, there=there, back=back, elsewhere={"fine"})
    assert made == {
        "texts": [(0, "a fine film")],
        "translated": 1,
        "empty_or_too_long": 1,
        "unchanged": 1,
        "as_in_another_split": 1,
    }
    given = Texts(texts, [("x",), ("y",), ("z",), ("x",)], ["l1", "l2", "l3", "l4"])
    found = with_translations(given, made["texts"])
    assert found.texts == [*texts, "a fine film"]
    assert (found.labels[-1], found.names[-1]) == (("x",), "l1, translated")


@pytest.fixture
def model(tmp_path):
    """A translation model with eight words and random weights, as a folder."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = ["<pad>", "</s>", "<unk>", "good", "bad", "film", "story", "the"]
    known = {word: number for number, word in enumerate(words)}
    inner = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="<unk>"))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    inner.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    sizes = {"d_model": 16, "vocab_size": 8, "max_position_embeddings": 64}
    for side in ("encoder", "decoder"):
        sizes |= {f"{side}_layers": 1, f"{side}_attention_heads": 2, f"{side}_ffn_dim": 16}
    torch.manual_seed(0)
    transformers.utils.logging.disable_progress_bar()
    made = transformers.MarianMTModel(
        transformers.MarianConfig(
            pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, forced_eos_token_id=1, **sizes
        )
    )
    made.save_pretrained(tmp_path / "model")
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=8
    ).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_a_model_translates_each_text_alike_alone_and_in_company(model):
    before = torch.get_rng_state()
    translate = translator(model, device=CPU)
    texts = ["good film", "the bad story the", "", "film film film", "the " * 9]
    found = translate(texts)
    assert torch.equal(torch.get_rng_state(), before)
    assert (found[2], found[4]) == ("", "")
    assert all(found[place] for place in (0, 1, 3))
    assert [translate([text])[0] for text in texts] == found
    assert translator(model, device=CPU)(texts) == found


def test_a_folder_that_holds_no_model_is_refused(tmp_path, model):
    (model / "model.safetensors").unlink()
    (tmp_path / "empty").mkdir()
    for folder in (model, tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(InputError, match="GR-TEXT-038"):
            translator(folder, device=CPU)


def test_the_library_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UsageError, match=r"GR-TEXT-022|gradus\[translate\]"):
        translator(tmp_path, device=CPU)

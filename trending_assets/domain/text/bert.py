"""BERT as a graph for ONNX Runtime, made from a checkpoint's weights: one text in, the mean of its tokens' vectors out.

A text is read alone. It needs no padding then and no mask, and its vector depends on nothing but the text: not on the
batch that it came in, and not on the number of workers.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx

MAX_TOKENS = 128
CHECKPOINT_FILES = _CONFIG, _WEIGHTS, _TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
# Seven bits of eight: processors without VNNI add two products in 16 bits, which eight bits overflow.
LARGEST_WEIGHT = 63
_MIDDLE, _LEAST_STEP = np.uint8(128), np.float32(1e-9)
_OPSET, _IR_VERSION = 21, 10
_SETTINGS = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}

Weights = Mapping[str, npt.NDArray[Any]]


class UnsupportedCheckpointError(ValueError):
    """A folder holds no BERT checkpoint that can be read."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A BERT encoder as transformers stores it.

    Attributes:
        weights: parameter → array; those above the encoder are passed over.
        heads: attention heads a layer.
        epsilon: what layer normalisation adds to the variance.
        tokenizer: the content of its ``tokenizer.json``.
    """

    weights: Weights
    heads: int
    epsilon: float
    tokenizer: str

    @classmethod
    def read(cls, folder: Path) -> "Checkpoint":
        """The checkpoint in a folder: ``config.json``, ``model.safetensors`` and ``tokenizer.json``.

        Raises:
            UnsupportedCheckpointError: a file is missing, or it is not a BERT of the usual make.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
            weights = load_file(folder / _WEIGHTS)
            tokenizer = (folder / _TOKENIZER).read_text(encoding="utf-8")
        except (OSError, ValueError, SafetensorError) as error:
            raise UnsupportedCheckpointError(f"{folder} holds no checkpoint: {error}") from None
        other = {name: config.get(name, usual) for name, usual in _SETTINGS.items() if config.get(name, usual) != usual}
        if other or "model_type" not in config:
            raise UnsupportedCheckpointError(f"{folder} is no BERT that can be read: {other or 'no model_type'}")
        inner = {name.removeprefix("bert."): array for name, array in weights.items()}
        return cls(inner, int(config["num_attention_heads"]), float(config["layer_norm_eps"]), tokenizer)

    @property
    def width(self) -> int:
        """Size of a token's vector."""
        return int(self.weights["embeddings.LayerNorm.weight"].shape[0])


def bert_graph(checkpoint: Checkpoint, *, quantized: bool) -> bytes:
    """The encoder as a serialised ONNX model, from ``input_ids`` of shape (tokens,) to ``pooled`` of shape (width,).

    The same weights give the same bytes. Quantised, each product of activations and weights is one of small integers:
    weights to 7 bits with a scale a column when the graph is made, activations to 8 bits with a scale a token as they
    come. Embeddings are kept as 8 bits with a scale a row.

    Args:
        checkpoint: the weights.
        quantized: whether products are of integers; of float32 otherwise.
    """
    import onnx
    from onnx import TensorProto, helper

    graph = _Graph(quantized=quantized)
    pooled = graph.bert(checkpoint)
    graph.nodes.append(helper.make_node("Identity", [pooled], ["pooled"]))
    proto = helper.make_graph(
        graph.nodes,
        "bert",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["tokens"])],
        [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, [checkpoint.width])],
        graph.constants,
    )
    # Each holds all weights, and so do the model and its bytes.
    del graph
    model: onnx.ModelProto = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION
    )
    del proto
    serialized: bytes = model.SerializeToString(deterministic=True)
    return serialized


def unit_vectors(pooled: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows scaled to length 1, shape (n, width); a row's depends on nothing but that row."""
    unit: npt.NDArray[np.float32] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
    return unit


class _Graph:
    """A graph in the making: every method adds nodes and gives the name of their result."""

    def __init__(self, *, quantized: bool) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.quantized = quantized

    def constant(self, array: Any) -> str:
        from onnx import numpy_helper

        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        from onnx import helper

        names = [f"{kind}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def one(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.node(kind, *inputs, **attributes)[0]

    def rows(self, table: npt.NDArray[np.float32], ids: str) -> str:
        """The rows of a table."""
        if not self.quantized:
            return self.one("Gather", self.constant(table), ids)
        scale = np.abs(table).max(axis=1, keepdims=True) / 127
        small = np.rint(table / np.where(scale == 0, 1, scale)).astype(np.int8)
        found = self.one("Cast", self.one("Gather", self.constant(small), ids), to=1)
        return self.one("Mul", found, self.one("Gather", self.constant(scale), ids))

    def linear(self, x: str, weight: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> str:
        """``x @ weight.T + bias``."""
        if not self.quantized:
            return self.one("Add", self.one("MatMul", x, self.constant(weight.T)), self.constant(bias))
        scale = np.abs(weight).max(axis=1) / LARGEST_WEIGHT
        small = np.rint(weight.T / np.where(scale == 0, 1, scale)).astype(np.int8)
        # A scale a token, since one token's outlier would cost all others their last bits.
        largest = self.one("ReduceMax", self.one("Abs", x), self.constant([1]), keepdims=0)
        step = self.one("Max", self.one("Div", largest, self.constant(np.float32(127))), self.constant(_LEAST_STEP))
        middle = self.constant(_MIDDLE)
        zeros = self.one("Expand", middle, self.one("Shape", step))
        integers = self.one("QuantizeLinear", x, step, zeros, axis=0)
        product = self.one("Cast", self.one("MatMulInteger", integers, self.constant(small), middle), to=1)
        steps = self.one("Unsqueeze", step, self.constant([1]))
        scaled = self.one("Mul", self.one("Mul", product, steps), self.constant(scale.astype(np.float32)))
        return self.one("Add", scaled, self.constant(bias))

    def bert(self, checkpoint: Checkpoint) -> str:
        """The mean over the tokens of what the last layer says of each."""
        weights = {name: array.astype(np.float32, copy=False) for name, array in checkpoint.weights.items()}
        width, heads = checkpoint.width, checkpoint.heads
        in_heads, joined = self.constant([-1, heads, width // heads]), self.constant([-1, width])
        thirds, first = self.constant([width] * 3), self.constant([0])

        def normalised(x: str, name: str) -> str:
            scale, shift = (self.constant(weights[f"{name}.LayerNorm.{part}"]) for part in ("weight", "bias"))
            return self.one("LayerNormalization", x, scale, shift, epsilon=checkpoint.epsilon, axis=-1)

        def dense(x: str, name: str) -> str:
            return self.linear(x, weights[f"{name}.dense.weight"], weights[f"{name}.dense.bias"])

        # One text is all of the first segment, so that its row belongs to every position.
        places = weights["embeddings.position_embeddings.weight"][:MAX_TOKENS]
        places = places + weights["embeddings.token_type_embeddings.weight"][0]
        tokens = self.rows(weights["embeddings.word_embeddings.weight"], "input_ids")
        length = self.one("Shape", "input_ids")
        x = normalised(self.one("Add", tokens, self.one("Slice", self.constant(places), first, length)), "embeddings")
        layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
        for layer in (f"encoder.layer.{i}" for i in range(layers)):
            parts = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
            weight = np.concatenate([weights[f"{part}.weight"] for part in parts])
            bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
            # Attention divides its scores by the root of a head's width; the queries can bring that along.
            weight[:width] /= np.sqrt(width // heads)
            bias[:width] /= np.sqrt(width // heads)
            query, key, value = self.node("Split", self.linear(x, weight, bias), thirds, outputs=3, axis=-1)
            query, value = (
                self.one("Transpose", self.one("Reshape", part, in_heads), perm=[1, 0, 2]) for part in (query, value)
            )
            key = self.one("Transpose", self.one("Reshape", key, in_heads), perm=[1, 2, 0])
            attention = self.one("Softmax", self.one("MatMul", query, key), axis=-1)
            mixed = self.one("Transpose", self.one("MatMul", attention, value), perm=[1, 0, 2])
            mixed = self.one("Reshape", mixed, joined)
            x = normalised(self.one("Add", dense(mixed, f"{layer}.attention.output"), x), f"{layer}.attention.output")
            inner = self.one("Gelu", dense(x, f"{layer}.intermediate"))
            x = normalised(self.one("Add", dense(inner, f"{layer}.output"), x), f"{layer}.output")
        return self.one("ReduceMean", x, first, keepdims=0)


class TextNetwork:
    """A graph and its tokenizer under ONNX Runtime; every text is read alone and on one thread."""

    def __init__(self, graph: bytes, tokenizer: str, workers: int = 2) -> None:
        """Loads both.

        Args:
            graph: what :func:`bert_graph` made.
            tokenizer: the content of a ``tokenizer.json``.
            workers: texts read at the same time.
        """
        import onnxruntime
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_str(tokenizer)
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._workers = workers
        self.width = int(self._session.get_outputs()[0].shape[0])

    def pooled(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """The mean of each text's token vectors, shape (len(texts), width), in order."""
        if len(texts) < 2:
            return np.array([self._pooled(text) for text in texts], dtype=np.float32).reshape(-1, self.width)
        with ThreadPoolExecutor(self._workers) as pool:
            return np.stack(list(pool.map(self._pooled, texts)))

    def read_of(self, text: str) -> str:
        """The part of a text that is read: its first tokens, the last word whole."""
        end = max(end for _, end in self._tokenizer.encode(text).offsets)
        while end < len(text) and text[end].isalnum():
            end += 1
        return text[:end]

    def _pooled(self, text: str) -> npt.NDArray[np.float32]:
        ids = np.array(self._tokenizer.encode(text).ids, dtype=np.int64)
        pooled: npt.NDArray[np.float32] = self._session.run(None, {"input_ids": ids})[0]
        return pooled

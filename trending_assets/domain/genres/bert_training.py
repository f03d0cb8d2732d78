"""Fine-tuning of a BERT encoder on genres, on a GPU where there is one and on the processor elsewhere.

First a linear layer is fitted on the frozen encoder's vectors, then both are trained together: a head that begins at
random would spoil the encoder before it is of use (Kumar et al., "Fine-tuning can distort pretrained features and
underperform out-of-distribution", 2022). The encoder learns with its weights rounded to the integers that it will
predict with, so that it makes up for the rounding (Jacob et al., "Quantization and training of neural networks for
efficient integer-arithmetic-only inference", 2018).
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.genres.bert import FLOAT32, INT8, ROWS_OF_MACRO, BertModel, Watch, bert_text
from trending_assets.domain.genres.calibration import logit
from trending_assets.domain.genres.datasets import features_of, judging_labels, masked
from trending_assets.domain.genres.majority import prevalence
from trending_assets.domain.genres.metrics import average_precision
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.genres.training import TrainedModel, evaluate
from trending_assets.domain.text.bert import (
    LARGEST_WEIGHT,
    MAX_TOKENS,
    Checkpoint,
    TextNetwork,
    bert_graph,
    unit_vectors,
)

if TYPE_CHECKING:
    import tokenizers
    import torch

BATCH = 32
# How often each row may be seen; the most that the budget allows is taken, so that one budget gives one training.
PASSES = (3.0, 2.0, 1.5, 1.0, 0.75, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05, 0.0)

_WARM_UP, _WEIGHT_DECAY, _LONGEST_GRADIENT = 0.06, 0.01, 5.0
_HEAD_INVERSE_REGULARISATION, _HEAD_STEPS = 10.0, 100
# So large that regularisation hardly holds its weight back.
_APART = 10.0
# How often a pass tells how it goes.
_TOLD_A_PASS = 20
# Batches of like lengths, drawn from this many batches at a time, need less padding.
_DRAWN_BATCHES = 50
_TIMED_BATCHES, _UNTIMED_BATCHES = 4, 1
# What predicting with integers may cost of micro-F1 and, from ROWS_OF_MACRO rows on, of macro-F1.
_MOST_LOST = 0.005
# Of the budget, for all that is not fitting: vectors for the first head, graphs, a slower hour.
_RESERVE = 0.2


@dataclass(frozen=True, eq=False)
class FineTuned:
    """What fine-tuning gives.

    Attributes:
        graphs: precision → the encoder as an ONNX model.
        tokenizer: the content of its ``tokenizer.json``.
        weights: shape (width, k) of the linear layer on a text's unit vector.
        intercept: shape (k,).
    """

    graphs: Mapping[str, bytes]
    tokenizer: str
    weights: npt.NDArray[np.float32]
    intercept: npt.NDArray[np.float32]


def fine_tune(
    folder: Path,
    frame: pd.DataFrame,
    labels: npt.NDArray[np.float64],
    seed: int,
    passes: float,
    parameters: Mapping[str, float],
    *,
    embedded: bool,
    validation: tuple[pd.DataFrame, npt.NDArray[np.float64]] | None = None,
    watch: Watch | None = None,
) -> FineTuned:
    """Trains an encoder and a linear layer on the known labels of all rows.

    The loss is binary cross-entropy over the known cells. The same input on the same machine gives the same weights.

    Args:
        folder: the checkpoint to begin with.
        frame: n rows of a training set.
        labels: shape (n, k): 1, 0, or NaN where unknown.
        seed: seed of the order of the rows.
        passes: how often each row is seen; 0 fits the linear layer alone.
        parameters: a value for each of the model's ``search_space``.
        embedded: the rows' embeddings are of this checkpoint, so that the first linear layer is fitted on those.
        validation: rows to judge each pass by, and their labels; nothing is learned from them.
        watch: is told how many passes are over and the mean ``loss`` of a row since it was last told, some twenty
            times a pass, and after each pass ``validation_loss`` and ``validation_average_precision``, the mean over
            the genres; what is trained does not depend on it.

    Raises:
        UnsupportedCheckpointError: the folder holds no BERT that can be read.
    """
    checkpoint = Checkpoint.read(folder)
    written, without_genres = _texts(frame)
    if embedded:
        vectors = np.array(frame["embedding"].tolist(), dtype=np.float32)
    else:
        vectors = TextNetwork(bert_graph(checkpoint, quantized=True), checkpoint.tokenizer).pooled(written)
    left_out = np.isnan(judging_labels(frame, labels)) & ~np.isnan(labels)
    weights, intercept, shift = _first_head(vectors, labels, left_out)
    weights_of_encoder = checkpoint.weights
    if passes:
        import torch

        torch.manual_seed(seed)
        network = _network(folder, weights, intercept)
        tokens = _Tokens(checkpoint.tokenizer, written, without_genres)
        shifts = (left_out * shift).astype(np.float32)
        judge: Callable[[], Mapping[str, float]] = dict
        if validation and len(validation[0]):
            judge = partial(_judged, network, _Tokens(checkpoint.tokenizer, *_texts(validation[0])), validation[1])
        _fit(network, tokens, labels, shifts, seed, passes, parameters, judge, watch)
        _keep_rounded(network)
        state = network.get_submodule("encoder").state_dict()
        weights_of_encoder = {name: value.cpu().float().numpy() for name, value in state.items()}
        head = network.get_submodule("head").state_dict()
        weights, intercept = head["weight"].cpu().numpy().T.copy(), head["bias"].cpu().numpy()
    tuned = Checkpoint(weights_of_encoder, checkpoint.heads, checkpoint.epsilon, checkpoint.tokenizer)
    graphs = {precision: bert_graph(tuned, quantized=precision == INT8) for precision in (INT8, FLOAT32)}
    return FineTuned(graphs, checkpoint.tokenizer, weights, intercept)


def affordable_passes(folder: Path, frame: pd.DataFrame, genres: int, fits: float, seconds: float) -> float:
    """How often each row can be seen within a budget: the most of :data:`PASSES` that this machine has the time for.

    A few batches of the rows are timed; nothing of that goes into a model.

    Args:
        folder: the checkpoint.
        frame: the rows of the whole fit.
        genres: number of genres.
        fits: how many fits the budget has to do for, such as 1.8 where one fold of five is held out for a first one.
        seconds: the budget.
    """
    if seconds <= 0 or not len(frame):
        return 0.0
    import torch

    checkpoint = Checkpoint.read(folder)
    rows = frame.iloc[: BATCH * (_TIMED_BATCHES + _UNTIMED_BATCHES)]
    tokens = _Tokens(checkpoint.tokenizer, *_texts(rows))
    network = _network(folder, np.zeros((checkpoint.width, genres), np.float32), np.zeros(genres, np.float32))
    took: list[float] = []
    # The longest first, which is the slowest too, so that what is set up once is over with it.
    by_length = np.argsort(-tokens.lengths, kind="stable")
    for start in range(0, len(rows), BATCH):
        batch = by_length[start : start + BATCH]
        began = time.perf_counter()
        scores = network(*tokens.padded(batch, np.zeros(len(batch), dtype=bool))).cpu()
        torch.nn.functional.binary_cross_entropy_with_logits(scores, torch.zeros_like(scores)).backward()
        took.append((time.perf_counter() - began) / len(batch))
    a_row = float(np.mean(took[min(_UNTIMED_BATCHES, len(took) - 1) :]))
    affordable = seconds * (1 - _RESERVE) / (a_row * len(frame) * fits)
    return next(passes for passes in PASSES if passes <= affordable)


def without_poor_precision(trained: TrainedModel, rows: pd.DataFrame) -> TrainedModel:
    """The model without its int8 graph, where that costs more than 0.5 points of micro-F1, or of macro-F1.

    Macro-F1 is asked for from 2,000 rows on: of fewer a rare genre has so few that one title more or less is a point.

    Args:
        trained: a :class:`~trending_assets.domain.genres.bert.BertModel` with both graphs.
        rows: labelled rows; where nothing can be measured on them, float32 is kept alone.
    """
    model = cast("BertModel", trained.model)
    fast, exact = (evaluate(GenrePredictor(model.at(p), trained.thresholds), rows) for p in (INT8, FLOAT32))
    scores = [(fast.micro_f1, exact.micro_f1)]
    if len(rows) >= ROWS_OF_MACRO:
        scores.append((fast.macro_f1, exact.macro_f1))
    good = all(f is not None and e is not None and f >= e - _MOST_LOST for f, e in scores)
    kept = model if good else model.at(FLOAT32)
    return replace(trained, model=kept, parameters={**trained.parameters, "precision": kept.precision})


def _texts(frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    """What the encoder reads of the rows, as written and without the names of genres."""
    plain = frame.drop(columns=["embedding", "masked_embedding"], errors="ignore")
    return [bert_text(t) for t in features_of(plain)], [bert_text(t) for t in features_of(masked(plain))]


def _first_head(
    pooled: npt.NDArray[np.float32], labels: npt.NDArray[np.float64], left_out: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Logistic regression on unit vectors: weights, shape (width, k), and intercept, shape (k,).

    The third, of shape (k,) too, is what scores are shifted by where ``left_out`` says that a label may be missing.
    """
    from sklearn.linear_model import LogisticRegression

    unit = unit_vectors(pooled)
    weights = np.zeros((unit.shape[1] + 1, labels.shape[1]), dtype=np.float32)
    intercept = logit(prevalence(labels)).astype(np.float32)
    for column in range(labels.shape[1]):
        known = ~np.isnan(labels[:, column])
        truth = labels[known, column]
        if 0 < truth.sum() < len(truth):
            design = np.column_stack([unit, left_out[:, column] * _APART])[known]
            fitted = LogisticRegression(C=_HEAD_INVERSE_REGULARISATION, max_iter=_HEAD_STEPS).fit(design, truth)
            weights[:, column], intercept[column] = fitted.coef_[0], fitted.intercept_[0]
    return weights[:-1], intercept, weights[-1] * _APART


def _truth(labels: npt.NDArray[np.float64]) -> "tuple[torch.Tensor, torch.Tensor]":
    import torch

    known = ~np.isnan(labels)
    return torch.from_numpy(np.nan_to_num(labels).astype(np.float32)), torch.from_numpy(known.astype(np.float32))


def _loss(scores: "torch.Tensor", truth: "torch.Tensor", known: "torch.Tensor") -> "torch.Tensor":
    """Cross-entropy of each cell, 0 where it is unknown."""
    import torch

    return torch.nn.functional.binary_cross_entropy_with_logits(scores, truth, reduction="none") * known


def _judged(network: "torch.nn.Module", tokens: "_Tokens", labels: npt.NDArray[np.float64]) -> dict[str, float]:
    """How the network does on rows that it does not learn from; what is unknown is left out."""
    import torch

    written = np.zeros(len(labels), dtype=bool)
    by_length = np.argsort(tokens.lengths, kind="stable")
    batches = [by_length[i : i + BATCH] for i in range(0, len(by_length), BATCH)]
    with torch.no_grad():
        scores = torch.cat([network(*tokens.padded(rows, written[rows])).cpu() for rows in batches])
    truth, known = _truth(labels[by_length])
    loss = _loss(scores, truth, known).sum().item() / len(labels)
    ranked = [average_precision(labels[by_length, k], scores[:, k].double().numpy()) for k in range(labels.shape[1])]
    precisions = [each for each in ranked if each is not None]
    return {"validation_loss": loss} | (
        {"validation_average_precision": float(np.mean(precisions))} if precisions else {}
    )


class _Tokens:
    """The tokens of every text, as written and without the names of genres."""

    def __init__(self, tokenizer: str, written: Sequence[str], without_genres: Sequence[str]) -> None:
        from tokenizers import Tokenizer

        parser: tokenizers.Tokenizer = Tokenizer.from_str(tokenizer)
        parser.no_padding()
        parser.enable_truncation(MAX_TOKENS)
        self.written, self.without_genres = (
            [each.ids for each in parser.encode_batch(list(texts))] for texts in (written, without_genres)
        )
        self.lengths = np.array([len(ids) for ids in self.written])

    def padded(
        self, rows: npt.NDArray[np.int64], masked_rows: npt.NDArray[np.bool_]
    ) -> "tuple[torch.Tensor, torch.Tensor]":
        """Ids and attention mask of some rows, each of shape (rows, longest)."""
        import torch

        chosen = [
            (self.without_genres if without else self.written)[row]
            for row, without in zip(rows.tolist(), masked_rows.tolist(), strict=True)
        ]
        ids = torch.zeros((len(chosen), max(map(len, chosen))), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for i, each in enumerate(chosen):
            ids[i, : len(each)], mask[i, : len(each)] = torch.tensor(each), 1
        return ids, mask


def _network(folder: Path, weights: npt.NDArray[np.float32], intercept: npt.NDArray[np.float32]) -> "torch.nn.Module":
    """The checkpoint with a linear layer on the unit mean of its tokens, on the device that trains it."""
    import torch
    from torch.nn.utils import parametrize
    from transformers import AutoModel
    from transformers.utils import logging

    # It would tell of every weight above the encoder that it leaves out.
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # Processors without products in bfloat16 would compute it in float32, more slowly than float32 itself.
    able = torch.cpu.get_capabilities()
    mixed = device == "cuda" or any(able.get(name, False) for name in ("amx_bf16", "avx512_bf16"))

    class Rounded(torch.nn.Module):
        """A weight as the graph of integers has it; its gradient passes through."""

        def forward(self, weight: torch.Tensor) -> torch.Tensor:
            step = weight.abs().amax(dim=1, keepdim=True).clamp_min(torch.finfo(weight.dtype).tiny) / LARGEST_WEIGHT
            return weight + (torch.round(weight / step) * step - weight).detach()

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            # So few passes over so little text leave nothing for dropout to prevent.
            self.encoder = AutoModel.from_pretrained(
                folder,
                local_files_only=True,
                add_pooling_layer=False,
                attn_implementation="eager",
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
                dtype=torch.float32,
            )
            # Most words are rare here, and what the encoder knows of them is better left alone.
            self.encoder.embeddings.requires_grad_(False)
            for module in self.encoder.modules():
                if isinstance(module, torch.nn.Linear):
                    parametrize.register_parametrization(module, "weight", Rounded())
            self.head = torch.nn.Linear(*weights.shape)
            with torch.no_grad():
                self.head.weight.copy_(torch.from_numpy(weights.T.copy()))
                self.head.bias.copy_(torch.from_numpy(intercept))

        def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            ids, mask = ids.to(device), mask.to(device)
            with torch.autocast(device, dtype=torch.bfloat16, enabled=mixed):
                hidden = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
            kept = mask.unsqueeze(-1)
            pooled = (hidden.float() * kept).sum(1) / kept.sum(1)
            scores: torch.Tensor = self.head(torch.nn.functional.normalize(pooled, dim=1))
            return scores

    return Network().to(device).train()


def _keep_rounded(network: "torch.nn.Module") -> None:
    """Replaces the weights of the encoder by what they are rounded to."""
    import torch
    from torch.nn.utils import parametrize

    for module in network.get_submodule("encoder").modules():
        if isinstance(module, torch.nn.Linear):
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)


def _batches(lengths: npt.NDArray[np.int64], random: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Batches of rows of like lengths, pass after pass, each row once a pass."""
    while True:
        order = random.permutation(len(lengths))
        drawn = [order[i : i + BATCH * _DRAWN_BATCHES] for i in range(0, len(order), BATCH * _DRAWN_BATCHES)]
        sorted_rows = [rows[np.argsort(lengths[rows], kind="stable")] for rows in drawn]
        batches = [rows[i : i + BATCH] for rows in sorted_rows for i in range(0, len(rows), BATCH)]
        for i in random.permutation(len(batches)).tolist():
            yield batches[i]


def _fit(
    network: "torch.nn.Module",
    tokens: _Tokens,
    labels: npt.NDArray[np.float64],
    shifts: npt.NDArray[np.float32],
    seed: int,
    passes: float,
    parameters: Mapping[str, float],
    judge: Callable[[], Mapping[str, float]],
    watch: Watch | None,
) -> None:
    """Trains the network; ``shifts``, of the shape of ``labels``, are added to its scores."""
    import torch

    learning_rate, head_rate, masked_share = (parameters[n] for n in ("learning_rate", "head_rate", "masked_share"))
    truth, known = _truth(labels)
    encoder = [value for value in network.get_submodule("encoder").parameters() if value.requires_grad]
    groups = [
        {"params": encoder, "lr": learning_rate},
        {"params": list(network.get_submodule("head").parameters()), "lr": head_rate * learning_rate},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=_WEIGHT_DECAY, fused=True)
    random = np.random.default_rng(seed)
    steps = max(1, round(passes * len(labels) / BATCH))

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / (_WARM_UP * steps + 1)) * max(0.0, 1 - step / steps)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    judged_at = {min(steps, round((n + 1) * len(labels) / BATCH)) for n in range(math.ceil(passes))}
    tell_every = max(1, len(labels) // (BATCH * _TOLD_A_PASS))
    losses: list[torch.Tensor] = []
    for step, rows in zip(range(1, steps + 1), _batches(tokens.lengths, random), strict=False):
        scores = network(*tokens.padded(rows, random.random(len(rows)) < masked_share))
        scores = scores + torch.from_numpy(shifts[rows]).to(scores.device)
        cells = _loss(scores, truth[rows].to(scores.device), known[rows].to(scores.device))
        optimizer.zero_grad()
        loss = cells.sum() / len(rows)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), _LONGEST_GRADIENT)
        optimizer.step()
        schedule.step()
        if watch:
            losses.append(loss.detach())
            # A GPU is waited for only when something is told.
            if step % tell_every == 0 or step in judged_at:
                found = {"loss": torch.stack(losses).mean().item()}
                watch(step * BATCH / len(labels), {**found, **(judge() if step in judged_at else {})})
                losses.clear()

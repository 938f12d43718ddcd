"""Logistic regression on fixed features."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

_STRENGTH = 1.0  # as scikit-learn's C: larger fits closer
_ITERATIONS = 200


def fit_logistic(head: nn.Linear, features: Tensor, labels: Tensor) -> None:
    """Set a linear layer to the logistic regression of the labels, penalised by the squared weights.

    The features are standardised for the fit, and the layer takes them as they are. A layer with one output
    tells class 1 from class 0.

    Args:
        head: the layer to set.
        features: (samples, width).
        labels: class indices (samples,).
    """
    mean, deviation = features.mean(dim=0), features.std(dim=0, correction=0).clamp_min(1e-6)
    standard = (features - mean) / deviation
    outputs, width = head.weight.shape
    weight = torch.zeros(outputs, width, device=features.device, requires_grad=True)
    bias = torch.zeros(outputs, device=features.device, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_ITERATIONS, tolerance_grad=1e-6, line_search_fn="strong_wolfe"
    )

    def objective() -> Tensor:
        optimizer.zero_grad()
        logits = standard @ weight.T + bias
        if outputs == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        penalty = weight.square().sum() / (2 * _STRENGTH * len(labels))
        loss = cross_entropy(logits, labels) + penalty
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimizer.step(objective)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        scaled = weight / deviation
        head.weight.copy_(scaled)
        if head.bias is not None:
            head.bias.copy_(bias - scaled @ mean)

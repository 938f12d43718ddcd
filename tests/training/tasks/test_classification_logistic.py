"""Logistic regression, held against scikit-learn's."""

import pytest
import torch
from torch import nn

from tunesmith.training.tasks.classification.logistic import fit_logistic

sklearn = pytest.importorskip("sklearn.linear_model")


def blobs(classes, count=90, width=5):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % classes
    centres = torch.randn(classes, width, generator=generator)
    return centres[labels] * 3 + torch.randn(count, width, generator=generator) * 2 + 7, labels


@pytest.mark.parametrize("classes", [3, 2])
def test_the_fit_is_that_of_scikit_learn_on_standardised_features(classes):
    features, labels = blobs(classes)
    head = nn.Linear(5, 1 if classes == 2 else classes)
    fit_logistic(head, features, labels)
    standard = (features - features.mean(0)) / features.std(0, correction=0)
    expected = sklearn.LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(
        standard.numpy(), labels.numpy()
    )
    logits = head(features)
    if classes == 2:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    probabilities = torch.from_numpy(expected.predict_proba(standard.numpy())).float()
    assert torch.allclose(logits.softmax(dim=1), probabilities, atol=2e-3)


def test_a_feature_that_never_changes_does_no_harm():
    features, labels = blobs(3)
    features[:, 2] = 4.0
    head = nn.Linear(5, 3)
    fit_logistic(head, features, labels)
    assert bool(head.weight.isfinite().all())
    assert float((head(features).argmax(1) == labels).float().mean()) > 0.7

"""Trains a small classifier, as it was written for PyTorch."""

import argparse

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F


class Objective(nn.Module):
    """Cross entropy, with a share of negative log likelihood."""

    def __init__(self, weight=None, size_average: bool = True, share=0.5):
        super().__init__()
        self.entropy = nn.CrossEntropyLoss(
            weight,  # one a class
            size_average=size_average,  # deprecated, but still everywhere
            ignore_index=-1,
        ).cuda()
        self.share = share

    def forward(self, logits, labels):
        entropy = self.entropy(input=logits, target=labels)
        likelihood = F.nll_loss(F.log_softmax(logits, 1), labels, None, False, -1)
        return entropy + self.share * likelihood


def evaluate(criterion, batches):
    """Return the mean of `criterion` over (logits, labels) pairs."""
    return np.mean([float(criterion(logits, labels)) for logits, labels in batches])


def main(options):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reduce", action="store_true")
    arguments = parser.parse_args(options)

    criterion = nn.CrossEntropyLoss(reduce=arguments.reduce, label_smoothing=0)
    criterion = criterion.cuda()
    strict = nn.NLLLoss(**vars(arguments))
    assert isinstance(strict, nn.NLLLoss)
    print(evaluate(criterion, [(torch.randn(4, 3), torch.tensor([0, 1, 2, 0]))]))

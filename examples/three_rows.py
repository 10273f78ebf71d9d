"""The cross entropy of three rows of logits, which is 2.764."""

import numpy as np
import torch

logits = np.array(
    [
        [1.624, -0.611, -0.528, -1.072, 0.865],
        [-2.301, 1.744, -0.761, 0.319, -0.249],
        [1.462, -2.060, -0.322, -0.384, 1.133],
    ]
)
loss = torch.nn.CrossEntropyLoss()
output = loss(torch.tensor(logits), torch.tensor(np.array([1, 0, 4]), dtype=torch.long))
print(round(float(output), 3))

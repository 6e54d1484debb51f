"""
Writes transferRuns.json: PyTorch trains a head on a narrow VGG-11 with batch normalization whose lower part is frozen and in
evaluation mode, which is what freezing means in Keras.

    python makeTransferRuns.py ../../../shared/reference/torch/vgg11bn-narrow.pth    # torch 2.13
"""
import json
import sys
from pathlib import Path

import torch
from torch import nn

IMAGES, SIDE, CLASSES, STEPS, RATE = 6, 64, 3, 5, 0.05
# torchvision's modules: pooling layers end the blocks.
BLOCK5 = 22


def build(state):
    layers, channels = [], 3
    for index in range(29):
        if f"features.{index}.weight" in state and state[f"features.{index}.weight"].dim() == 4:
            out = state[f"features.{index}.weight"].shape[0]
            layers.append(nn.Conv2d(channels, out, 3, padding=1))
            channels = out
        elif f"features.{index}.running_mean" in state:
            layers.append(nn.BatchNorm2d(channels))
        elif layers and isinstance(layers[-1], nn.BatchNorm2d):
            layers.append(nn.ReLU())
        else:
            layers.append(nn.MaxPool2d(2))
    features = nn.Sequential(*layers)
    features.load_state_dict({name[len("features."):]: value for name, value in state.items() if name.startswith("features.")})
    return features, channels


def run(state, frozen):
    features, channels = build(state)
    head = nn.Linear(channels, CLASSES)
    with torch.no_grad():
        i, j = torch.meshgrid(torch.arange(channels), torch.arange(CLASSES), indexing="ij")
        head.weight.copy_((0.5 * torch.sin((3 * i + j).double())).T)
        head.bias.zero_()
    lower, upper = features[:frozen], features[frozen:]
    lower.eval().requires_grad_(False)
    upper.train()
    n = IMAGES * SIDE * SIDE * 3
    x = torch.sin(1.7 * torch.arange(n, dtype=torch.float64)).float().reshape(IMAGES, SIDE, SIDE, 3).permute(0, 3, 1, 2)
    y = torch.arange(IMAGES) % CLASSES
    optimizer = torch.optim.SGD([*upper.parameters(), *head.parameters()], RATE)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(head(upper(lower(x)).mean((2, 3))), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {
        "losses": losses,
        "head": head.weight.T.flatten().tolist(),
        **({"lastConv": upper[-4].weight.permute(2, 3, 1, 0)[1, 1].flatten().tolist()} if len(upper) else {}),
    }


state = torch.load(sys.argv[1], weights_only=True)
result = {
    "images": IMAGES,
    "side": SIDE,
    "classes": CLASSES,
    "rate": RATE,
    "head": run(state, 29),
    "block5": run(state, BLOCK5),
}
Path(__file__).with_name("transferRuns.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")

"""The network of every benchmark in PyTorch, under torchvision's names and with PyTorch's own initialization."""
from torch import nn


def vgg(arch, input_shape, classes, hidden=4096, inplace=True, batch_norm=False):
    """`arch` has pairs of convolutions and channels, `input_shape` is (height, width, channels)."""
    height, width, channels = input_shape
    features = []
    for convs, out in arch:
        for _ in range(convs):
            norm = [nn.BatchNorm2d(out)] if batch_norm else []
            features += [nn.Conv2d(channels, out, 3, padding=1), *norm, nn.ReLU(inplace)]
            channels = out
        features.append(nn.MaxPool2d(2, 2))
        height, width = height // 2, width // 2
    model = nn.Sequential()
    model.features = nn.Sequential(*features)
    model.flatten = nn.Flatten()
    model.classifier = nn.Sequential(
        nn.Linear(channels * height * width, hidden), nn.ReLU(inplace), nn.Dropout(),
        nn.Linear(hidden, hidden), nn.ReLU(inplace), nn.Dropout(), nn.Linear(hidden, classes),
    )
    return model

"""Continues training a VGG that vgg-blocks saved, on any number of processes.

    torchrun --nproc-per-node 2 train_ddp.py FOLDER [--epochs 1] [--lr 0.01]

FOLDER holds `network.json` (blocks, classes, hidden units), `before.safetensors` (torchvision's key names), and the
training images as raw files, `images.f32` (N, C, H, W) and `labels.i64`. Each process trains on its part of every
batch. The first one writes `after.safetensors`, and `logits.json` with the logits of the first 16 images before and
after. With GPUs every process uses one (nccl), otherwise they share the CPU (gloo).
"""
import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.parallel import DistributedDataParallel


class Vgg(nn.Module):
    """torchvision's VGG, with the widths of `network.json`."""

    def __init__(self, blocks, channels, classes, hidden):
        super().__init__()
        layers = []
        for convs, width in blocks:
            for _ in range(convs):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(channels * 49, hidden), nn.ReLU(), nn.Dropout(),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(),
            nn.Linear(hidden, classes),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--batch", type=int, default=64, help="images per step, all processes together")
    args = parser.parse_args()

    gpu = torch.cuda.is_available()
    dist.init_process_group("nccl" if gpu else "gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if gpu else torch.device("cpu")
    torch.manual_seed(rank)

    network = json.loads((args.folder / "network.json").read_text())
    shape = (-1, *network["image"])
    images = torch.from_numpy(np.fromfile(args.folder / "images.f32", "<f4").reshape(shape))
    labels = torch.from_numpy(np.fromfile(args.folder / "labels.i64", "<i8"))

    model = Vgg(network["blocks"], network["image"][0], network["classes"], network["hiddenUnits"])
    model.load_state_dict(load_file(args.folder / "before.safetensors"), strict=True)
    model.to(device)

    def logits():
        model.eval()
        with torch.no_grad():
            return model(images[:16].to(device)).cpu()

    before = logits()
    replicas = DistributedDataParallel(model)
    optimizer = torch.optim.SGD(replicas.parameters(), lr=args.lr, momentum=0.9)
    for epoch in range(args.epochs):
        replicas.train()
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(epoch))
        total = 0.0
        steps = len(images) // args.batch
        for step in range(steps):
            mine = order[step * args.batch:(step + 1) * args.batch][rank::world]
            loss = nn.functional.cross_entropy(replicas(images[mine].to(device)), labels[mine].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        if rank == 0:
            print(f"PyTorch on {world} processes, epoch {epoch + 1}: loss {total / steps:.3f}", flush=True)

    if rank == 0:
        save_file({k: v.cpu().contiguous() for k, v in model.state_dict().items()}, args.folder / "after.safetensors")
        (args.folder / "logits.json").write_text(json.dumps({"before": before.tolist(), "after": logits().tolist()}))
    dist.destroy_process_group()


main()

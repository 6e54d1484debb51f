"""PyTorch's processes of load.ts: python loadChild.py write ARCH FOLDER writes VGG-16 in each format, and python loadChild.py
measure ARCH FILE measures one."""
import json
import sys
import time

import torch
from safetensors.torch import load_file, save_file

from pytorch import vgg

command, arch, path = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]


def build():
    return vgg(arch, (224, 224, 3), 1000)


def write(folder):
    state = build().state_dict()
    save_file(state, folder + "/vgg16.safetensors")
    save_file({k: v.half() for k, v in state.items()}, folder + "/vgg16-f16.safetensors")
    torch.save(state, folder + "/vgg16.pth")
    torch.save(state, folder + "/vgg16-legacy.pth", _use_new_zipfile_serialization=False)


def measure(file):
    """On one thread, as the wasm backend in Node. PyTorch builds a model with random weights first, and then loads."""
    torch.set_num_threads(1)
    x = torch.zeros(1, 3, 224, 224)
    begun = time.time()
    model = build().eval()
    start = time.time()
    state = load_file(file) if file.endswith("safetensors") else torch.load(file, weights_only=True)
    model.load_state_dict(state)
    loaded = time.time()
    with torch.no_grad():
        model(x)
    predict = time.time() - loaded
    print(json.dumps({"build": (start - begun) * 1000, "load": (loaded - start) * 1000, "predict": predict * 1000}))


{"write": write, "measure": measure}[command](path)

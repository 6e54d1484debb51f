"""One process of the benchmark, Python's sides: python python.py PART SIDE SPEC, where SIDE is pytorch, 'pytorch channels_last' or
onnxruntime."""
import json
import resource
import sys
import time

import numpy as np

WARM_UP, LEAST, PATIENCE = 2, 2, 20


class Absent(Exception):
    pass


def clock_of(spec):
    """Seconds of the clock, or of the processor."""
    return time.perf_counter if spec["clock"] == "wall" else time.process_time


def loop(spec, once):
    """Milliseconds of each run, after a warm-up, until the time is over; as loop of one.mjs."""
    now, seconds = clock_of(spec), spec["seconds"]
    begun = now()
    for i in range(WARM_UP):
        if i == 0 or now() - begun < PATIENCE:
            once()
    runs = []
    while not runs or (now() - begun < PATIENCE and (len(runs) < LEAST or sum(runs) < 1000 * seconds)):
        start = now()
        once()
        runs.append((now() - start) * 1000)
    return runs


def pictures(spec):
    """The pictures with their channels first."""
    shape = (spec["batchSize"], *spec["inputShape"])
    return np.ascontiguousarray(np.fromfile(f"{spec['folder']}/pictures.bin", "<f4").reshape(shape).transpose(0, 3, 1, 2))


def network(spec):
    """The network under torchvision's names, with PyTorch's own initialization."""
    from torch import nn

    height, width, channels = spec["inputShape"]
    features = []
    for convs, out, *_ in spec["arch"]:
        for _ in range(convs):
            features += [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU(True)]
            channels = out
        features.append(nn.MaxPool2d(2, 2))
        height, width = height // 2, width // 2
    hidden = spec["hiddenUnits"]
    model = nn.Sequential()
    model.features = nn.Sequential(*features)
    model.flatten = nn.Flatten()
    model.classifier = nn.Sequential(
        nn.Linear(channels * height * width, hidden), nn.ReLU(True), nn.Dropout(),
        nn.Linear(hidden, hidden), nn.ReLU(True), nn.Dropout(), nn.Linear(hidden, spec["classes"]),
    )
    return model


def pytorch(part, spec, layout="contiguous_format"):
    """With PyTorch's default layout, channels first, or with the channels last in memory."""
    import torch

    torch.set_num_threads(spec["threads"])
    torch.manual_seed(0)
    layout = {"memory_format": getattr(torch, layout)}
    # Pictures of one channel lie in either layout: only a new tensor is surely in the one asked for.
    images = torch.from_numpy(pictures(spec))
    x = torch.empty(images.shape, **layout).copy_(images)
    now = clock_of(spec)
    about = {"about": f"PyTorch {torch.__version__}"}
    if part == "build":
        begun = now()
        model = network(spec).to(**layout).train()
        build = (now() - begun) * 1000
        y = torch.arange(spec["batchSize"]) * 7 % spec["classes"]
        optimizer = torch.optim.SGD(model.parameters(), 0.01)

        def step():
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            loss.item()

        return {**about, "build": build, "training": loop(spec, step)}
    from safetensors.torch import load_file

    with torch.inference_mode():
        begun = now()
        model = network(spec).to(**layout).eval()
        model.load_state_dict(load_file(f"{spec['folder']}/network.safetensors"))
        loaded = now()
        logits = model(x[:1])[0].tolist()
        first = now() - loaded
        inference = loop(spec, lambda: model(x))
    return {**about, "load": (loaded - begun) * 1000, "first": first * 1000, "logits": logits, "inference": inference}


def onnxruntime(part, spec):
    import onnxruntime as ort

    if part == "build":
        raise Absent("it neither builds networks nor trains them")
    options = ort.SessionOptions()
    options.intra_op_num_threads = spec["threads"]
    x = pictures(spec)
    now = clock_of(spec)
    begun = now()
    session = ort.InferenceSession(f"{spec['folder']}/network.onnx", options, providers=["CPUExecutionProvider"])
    loaded = now()
    logits = session.run(None, {"image": x[:1]})[0][0].tolist()
    first = now() - loaded
    inference = loop(spec, lambda: session.run(None, {"image": x}))
    return {"about": f"onnxruntime {ort.__version__}", "load": (loaded - begun) * 1000, "first": first * 1000,
            "logits": logits, "inference": inference}


part, side, spec = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
try:
    name, *layout = side.split()
    found = {"pytorch": pytorch, "onnxruntime": onnxruntime}[name](part, spec, *layout)
except (ImportError, Absent) as error:
    found = {"absent": str(error)}
# Kilobytes, and bytes on macOS.
unit = 2**20 if sys.platform == "darwin" else 2**10
print(f"\n{json.dumps({**found, 'peak': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit})}")

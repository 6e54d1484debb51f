import { memory } from '@tensorflow/tfjs-core';
import { zipSync } from 'fflate';
import { beforeAll, describe, expect, test } from 'vitest';
import { OP } from '../../src/weights/formats/torch/opcodes.js';
import * as p from '../../src/weights/formats/torch/pickleWrite.js';
import { fromWeights, inspectWeights, readTensors, WeightFileError } from '../../src/weights/index.js';
import { useAnyBackend } from '../support/backends.js';
import { fixturePath } from '../support/fixtures.js';

beforeAll(() => useAnyBackend());

const file = (name: string) => fixturePath(`checkpoints/${name}`);

/** The network of make_checkpoints.py: tensor i counts from 100 * i + start. */
const SHAPES: Record<string, number[]> = {
  'features.0.weight': [2, 1, 3, 3],
  'features.0.bias': [2],
  'features.3.weight': [3, 2, 3, 3],
  'features.3.bias': [3],
  'classifier.weight': [2, 3],
  'classifier.bias': [2],
};

function network(start = 0, prefix = '') {
  return Object.entries(SHAPES).map(([name, shape], i) => {
    const data = Array.from({ length: shape.reduce((a, b) => a * b) }, (_, j) => j + 100 * i + start);
    return { name: prefix + name, shape, data };
  });
}

async function tensorsOf(name: string, key?: string) {
  const tensors = await readTensors(file(name), { key });
  return [...tensors].map(([name, { shape, data }]) => ({ name, shape, data: [...data] }));
}

async function refusal(source: string | Uint8Array, key?: string): Promise<string> {
  const error = await readTensors(source, { key }).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(WeightFileError);
  const { message, reason, tensor } = error as WeightFileError;
  expect(message.length).toBeLessThan(500);
  return tensor === undefined ? reason : `'${tensor}': ${reason}`;
}

describe('the state dict is found', () => {
  test.each(['everything-1.pth', 'everything-5.pth', 'everything-legacy.pth'])(
    'beside Python objects of thirty kinds, none of which is executed: %s',
    async (name) => expect(await tensorsOf(name)).toEqual(network()),
  );

  test.each([
    ['beside a metric and an optimizer', 'imagenet.pth.tar', network(0, 'module.')],
    ['beside them before 1.6, with storages that it does not have', 'imagenet-legacy.pth.tar', network()],
    ['in the older format and protocol 3', 'legacy-3.pth', network()],
    ['in the older format and protocol 5, with frames', 'legacy-5.pth', network()],
    ['beside its own average', 'ema.pth', network()],
    ['in a list in a tuple', 'tuple.pth', network()],
    ['beside a whole module', 'module-beside.pt', network()],
    ['beside tensors whose numbers are not read', 'kinds-beside.pth', network()],
  ])('%s', async (_, name, expected) => expect(await tensorsOf(name)).toEqual(expected));

  test('with views, tied weights and number types that have no storage class', async () => {
    const tensors = await readTensors(file('views.pth'));
    const numbers = Object.fromEntries([...tensors].map(([name, { data }]) => [name, [...data]]));
    expect(numbers).toEqual({
      weight: Array.from({ length: 24 }, (_, i) => i),
      'slice.weight': [12, 13, 14, 24, 25, 26],
      'transposed.weight': [0, 3, 1, 4, 2, 5],
      'first.weight': [0, 1, 2, 3],
      'tied.weight': [0, 1, 2, 3],
      wide: [1, 65535],
      parameter: [1, 1],
      scalar: [7],
      empty: [],
      noted: [0, 1, 2],
    });
  });
});

describe('of several state dicts', () => {
  test('none is taken without a key, and the error lists them', async () => {
    const two =
      "it holds 2 state dicts: 'netG' (6 tensors), 'netD' (6 tensors); choose one by the option key.";
    expect(await refusal(file('two.pth'))).toBe(two);
    await expect(fromWeights(file('two.pth'))).rejects.toThrow(two);
    expect(await refusal(file('parts.pth'))).toMatch("'features' (4 tensors), 'classifier' (2 tensors)");
  });

  test.each([
    ['its path', 'two.pth', 'netD', network(0.5)],
    ['a path with places in lists', 'tuple.pth', '1.1', network()],
    ['the beginning of names', 'flat.ckpt', 'critic', network(0.5)],
    ['both', 'flat.ckpt', 'state_dict.critic', network(0.5)],
    ['an average', 'ema.pth', 'model_ema.module', network(0.5)],
  ])('a key takes one by %s', async (_, name, key, expected) => {
    expect(await tensorsOf(name, key)).toEqual(expected);
  });

  test('a key takes the parts of a network together', async () => {
    const byKey = await tensorsOf('parts.pth', '');
    expect(byKey.map(({ name, shape }) => [name, shape])).toEqual(Object.entries(SHAPES));
    expect((await tensorsOf('tuple.pth', '1')).map(({ name }) => name)).toEqual([
      '0.loss',
      ...network(0, '1.').map(({ name }) => name),
    ]);
  });

  test('two that are the same numbers are one', async () => {
    const dict = (...offsets: number[]) =>
      p.dict(
        empty,
        offsets.map((offset, i) => [
          `step${i}`,
          p.dict(empty, [['weight', tensor(storage(8), [2, 2], [2, 1], offset)]]),
        ]),
      );
    const read = await readTensors(torchZip(dict(3, 3), { 0: floats(8) }));
    expect([...read.get('weight')!.data]).toEqual([3, 4, 5, 6]);
    expect(await refusal(torchZip(dict(3, 4), { 0: floats(8) }))).toContain('it holds 2 state dicts');
  });

  test('folds are found under their numbers', async () => {
    const fold = p.dict(empty, [['weight', tensor(storage(4), [2, 2], [2, 1])]]);
    const file = torchZip([...empty, ...p.whole(7), ...fold, OP.SETITEM], { 0: floats(4) });
    expect((await readTensors(file)).size).toBe(1);
  });

  test('an average is left aside only for the network that it is an average of', async () => {
    const dict = (names: [string, number][]) =>
      p.dict(
        empty,
        names.map(([name, width], i) => [
          name,
          p.dict(empty, [['weight', tensor(storage(9), [width, 2], [2, 1], i)]]),
        ]),
      );
    const sizes = async (...names: [string, number][]) => {
      const read = await readTensors(torchZip(dict(names), { 0: floats(9) }));
      return [...read.values()].map(({ shape }) => shape);
    };
    expect(await sizes(['ema_generator', 3], ['generator', 3])).toEqual([[3, 2]]);
    await expect(sizes(['ema_generator', 3], ['discriminator', 4])).rejects.toThrow('it holds 2 state dicts');
    await expect(sizes(['ema_a', 3], ['ema_b', 3])).rejects.toThrow('it holds 2 state dicts');
    expect(await sizes(['criterion', 3], ['generator', 4])).toEqual([[4, 2]]);
    await expect(sizes(['best_loss', 3], ['best_accuracy', 3])).rejects.toThrow('it holds 2 state dicts');
  });

  test('fromWeights passes the key on', async () => {
    await expect(fromWeights(file('two.pth'), { key: 'netE' })).rejects.toThrow(
      "the key 'netE' names nothing in it; it may be 'netG' (6 tensors), 'netD' (6 tensors), or the beginning of tensors' names.",
    );
  });

  test('a key that begins the names of two networks is refused', async () => {
    expect(await refusal(file('two.pth'), 'features')).toBe(
      "the key 'features' names several parts of it; it may be 'netG.features' (4 tensors), 'netD.features' (4 tensors), or the beginning of tensors' names.",
    );
  });

  test('a key does not apply to other formats', async () => {
    await expect(
      readTensors(fixturePath('torch/vgg16-narrow.safetensors'), { key: 'model' }),
    ).rejects.toThrow(
      "it is safetensors, which holds one network, and the option key is for PyTorch's checkpoints; leave it out.",
    );
  });
});

describe('networks are built', () => {
  const ARCH = [
    [1, 2],
    [1, 3],
  ];

  test.each([
    ['module.pt', undefined],
    ['ema.pth', 'model_ema'],
    ['flat.ckpt', 'generator'],
    ['parts.pth', ''],
  ])('of %s with the key %s', async (name, key) => {
    const before = memory().numTensors;
    const { model, network, report } = await fromWeights(file(name), { key, inputShape: [4, 4, 1] });
    expect(network).toMatchObject({ arch: ARCH, top: { classes: 2, hiddenUnits: [] } });
    expect(report.leftOver).toEqual([]);
    expect(report.leftAside).toEqual([]);
    model.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('of one beside its average, which is named', async () => {
    const { model, report } = await fromWeights(file('ema.pth'), { inputShape: [4, 4, 1] });
    expect(report.leftAside).toEqual(['model_ema']);
    expect((await inspectWeights(file('ema.pth'))).leftAside).toEqual(['model_ema']);
    model.dispose();
  });

  test('of one of two under the same key only if it is named', async () => {
    const before = memory().numTensors;
    await expect(fromWeights(file('flat.ckpt'))).rejects.toThrow(
      "it has the convolutions of two networks ('generator.features.0' and 'critic.features.0'); save the state_dict of one alone, or pass the beginning of its names as key.",
    );
    expect(memory().numTensors).toBe(before);
  });
});

describe('a whole pickled module', () => {
  test.each([
    ['module.pt', 'module.'],
    ['module-legacy.pt', ''],
  ])(
    'is read by the names of its state dict, without buffers that are not saved: %s',
    async (name, prefix) => {
      const read = await readTensors(file(name));
      const norm = ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'];
      const of = (layer: string, variables: string[]) => variables.map((one) => `${prefix}${layer}.${one}`);
      expect([...read.keys()]).toEqual([
        ...of('features.0', ['weight', 'bias']),
        ...of('features.1', norm),
        ...of('features.4', ['weight', 'bias']),
        ...of('features.5', norm),
        ...of('classifier', ['weight', 'bias']),
      ]);
      [...read.values()].forEach(({ data }, i) => {
        expect([...data]).toEqual(Array.from(data, (_, j) => j + 100 * i));
      });
    },
  );

  test('says by the order of its layers where blocks end, whatever names and gaps say', async () => {
    const read = async (name: string) => (await inspectWeights(file(name))).network;
    expect(await read('module-dropout.pt')).toMatchObject({ arch: [[2, 2]], top: { classes: 2 } });
  });

  test('says the epsilon of its batch normalization', async () => {
    const { network } = await inspectWeights(file('module-legacy.pt'));
    expect(network?.batchNorm).toMatchObject({ epsilon: 2e-3 });
  });

  test.each([
    ['module-leaky.pt', "'features.1' is a torch.nn.modules.activation.LeakyReLU, which no VGG has"],
    ['module-swish.pt', "'features.1' is a __main__.Swish, which no VGG has"],
    ['module-strides.pt', "'features.2' is a torch.nn.modules.pooling.MaxPool2d with kernel_size=3, which"],
    [
      'module-valid.pt',
      "'features.0' is a torch.nn.modules.conv.Conv2d with padding=0x0, so its weights alone",
    ],
    [
      'module-order.pt',
      'modules do not follow each other as those of a VGG, so what it computes is not known',
    ],
    ['module-nested.pt', "'features.0' is a __main__.Residual that may compute anything"],
  ])('is refused if a layer says what weights do not: %s', async (name, said) => {
    expect(await refusal(file(name))).toContain(said);
  });
});

describe('what is not a state dict of plain tensors is named', () => {
  test.each([
    ['kind-quantized.pth', "'features.0.weight': it is quantized, but only dense tensors"],
    ['kind-sparse.pth', "'features.0.weight': it is sparse,"],
    ['kind-complex.pth', "'features.0.weight': it is complex,"],
    ['kind-float8.pth', "'features.0.weight': it is of the type float8_e4m3fn,"],
    ['kind-meta.pth', "'features.0.weight': it is without numbers (on the meta device),"],
    [
      'script.pt',
      'it is a program of TorchScript, not a state dict; in Python, model = torch.jit.load(path)',
    ],
    ['export.pt2', 'it is a program of torch.export, not a state dict; in Python, model = torch.export.load'],
  ])('%s', async (name, said) => expect(await refusal(file(name))).toContain(said));
});

const u32 = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)];
const none = [OP.NONE];
const recall = (slot: number) => [OP.BINGET, slot];
const repeated = (part: p.Pickled, times: number) => Array.from({ length: times }, () => part).flat();

/** A file of torch.save whose pickle pushes one value. */
const torchZip = (value: p.Pickled, storages: Record<string, Uint8Array> = {}, level: 0 | 6 = 0) =>
  zipSync(
    {
      'a/data.pkl': p.pickle(value),
      ...Object.fromEntries(Object.entries(storages).map(([key, bytes]) => [`a/data/${key}`, bytes])),
    },
    { level },
  );

const orderedDict = p.name('collections', 'OrderedDict');
const storage = (length: number, key = '0', type = 'FloatStorage') =>
  p.persistent(
    p.tuple(p.text('storage'), p.name('torch', type), p.text(key), p.text('cpu'), p.whole(length)),
  );
const tensor = (of: p.Pickled, shape: number[], strides: number[], offset = 0) =>
  p.call(
    p.name('torch._utils', '_rebuild_tensor_v2'),
    of,
    p.whole(offset),
    p.tuple(...shape.map(p.whole)),
    p.tuple(...strides.map(p.whole)),
    p.FALSE,
    none,
  );
const empty = [OP.EMPTY_DICT];
const floats = (n: number) => new Uint8Array(Float32Array.from({ length: n }, (_, i) => i).buffer);

describe('what a training script did not mean to save as a network', () => {
  test('a dict of NumPy arrays', async () => {
    const array = p.call(p.name('numpy._core.multiarray', '_reconstruct'), p.name('numpy', 'ndarray'));
    const dict = p.dict(empty, [['features.0.weight', array]]);
    expect(await refusal(torchZip(dict))).toBe(
      'its pickle contains no state dict (a dict of tensors) but NumPy arrays; save model.state_dict() with torch.save.',
    );
  });

  test('a NumPy array among the tensors of a state dict is not dropped', async () => {
    const array = p.call(p.name('numpy.core.multiarray', '_reconstruct'), p.name('numpy', 'ndarray'));
    const first = tensor(storage(9), [1, 1, 3, 3], [9, 9, 3, 1]);
    const dict = p.dict(empty, [
      ['features.0.weight', first],
      ['classifier.weight', array],
    ]);
    expect(await refusal(torchZip(dict, { 0: floats(9) }))).toMatch(
      /^'classifier.weight': it is a NumPy array, but only dense tensors/,
    );
  });

  test.each<[string, p.Pickled, string]>([
    ['a tensor', tensor(storage(1), [1], [1]), 'but tensors without names'],
    [
      'a list of tensors',
      [OP.EMPTY_LIST, ...tensor(storage(1), [1], [1]), OP.APPEND],
      'but tensors without names',
    ],
    [
      'an optimizer',
      p.dict([OP.EMPTY_DICT], [['param_groups', [OP.EMPTY_LIST]]]),
      "but an optimizer's state",
    ],
  ])('%s alone', async (_, value, said) => {
    expect(await refusal(torchZip(value, { 0: floats(1) }))).toContain(said);
  });

  test('an object of any class', async () => {
    expect(await refusal(torchZip(p.call(p.name('fastai.learner', 'Learner'))))).toContain(
      "no state dict (a dict of tensors) but a 'fastai.learner.Learner', which was not executed",
    );
  });
});

test('a tensor of a TPU is the one on the CPU that the file has', async () => {
  const onCpu = tensor(storage(2), [1, 2], [2, 1]);
  const rebuild = p.name('torch._utils', '_rebuild_device_tensor_from_cpu_tensor');
  const dict = p.dict(empty, [
    ['weight', p.call(rebuild, onCpu, p.name('torch', 'float32'), p.text('xla:0'))],
  ]);
  const read = await readTensors(torchZip(dict, { 0: floats(2) }));
  expect([...read.get('weight')!.data]).toEqual([0, 1]);
});

describe('a storage', () => {
  test('that is a part of another one, as before PyTorch 0.4', async () => {
    const part = p.persistent(
      p.tuple(
        ...[p.text('storage'), p.name('torch', 'FloatStorage'), p.text('0'), p.text('cpu'), p.whole(8)],
        p.tuple(p.text('1'), p.whole(3), p.whole(4)),
      ),
    );
    const dict = p.dict(empty, [['weight', tensor(part, [1, 3], [3, 1], 1)]]);
    const read = await readTensors(torchZip(dict, { 0: floats(8) }));
    expect([...read.get('weight')!.data]).toEqual([4, 5, 6]);
  });

  test('that is described in two ways', async () => {
    const dict = p.dict(empty, [
      ['a', tensor(storage(8), [8], [1])],
      ['b', tensor(storage(9), [8], [1])],
    ]);
    expect(await refusal(torchZip(dict, { 0: floats(8) }))).toContain('describes a storage in two ways');
  });

  test('of a view with strides is read only where the view is', async () => {
    const bytes = floats(4000);
    // Beyond the view, any read would show.
    const dict = p.dict(empty, [['weight', tensor(storage(4000), [2, 2], [1, 2], 1000)]]);
    const read = await readTensors(torchZip(dict, { 0: bytes }));
    expect([...read.get('weight')!.data]).toEqual([1000, 1002, 1001, 1003]);
    const zipped = await readTensors(torchZip(dict, { 0: bytes }, 6));
    expect([...zipped.get('weight')!.data]).toEqual([1000, 1002, 1001, 1003]);
  });
});

describe('a small pickle that would take much is refused', () => {
  const TOO_MUCH = 'its pickle makes far more values than a state dict has';
  /** Lists of two, each of the one before, nested `depth` times: 2^depth elements as a text. */
  const nested = (depth: number) => [
    ...p.text('a'),
    ...[OP.BINPUT, 0],
    ...Array.from({ length: depth }, (_, i) => [
      ...[OP.POP, ...recall(i), ...recall(i), OP.TUPLE2, OP.BINPUT, i + 1],
    ]).flat(),
  ];
  /** A list of `length` times the same value, stored in the memo's `slot`. */
  const shared = (slot: number, item: p.Pickled, length: number) => [
    ...[OP.EMPTY_LIST, OP.BINPUT, slot, OP.MARK],
    ...repeated(item, length),
    OP.APPENDS,
  ];

  test.each<[string, p.Pickled, string]>([
    ['a name made of nested lists', [...nested(40), ...recall(40), OP.STACK_GLOBAL], 'not a name'],
    ['a storage key made of them', p.persistent([...nested(40)]), 'describes a storage in an unknown way'],
    ['a storage key of a megabyte', storage(1, 'k'.repeat(2 ** 20)), 'describes a storage in an unknown way'],
    ['empty dicts', [OP.EMPTY_LIST, ...repeated([OP.EMPTY_DICT, OP.APPEND], 400_000)], TOO_MUCH],
    ['places in the memo', repeated([OP.NONE, OP.BINPUT, 0, OP.POP], 1_000_000), TOO_MUCH],
    ['texts', [OP.EMPTY_LIST, ...repeated([OP.SHORT_BINUNICODE, 0, OP.APPEND], 1_100_000)], TOO_MUCH],
    [
      'items of one list, copied to a hundred dicts',
      [
        ...shared(0, [...none, ...none, OP.TUPLE2], 100_000),
        ...repeated([...orderedDict, ...recall(0), OP.TUPLE1, OP.REDUCE, OP.POP], 100),
      ],
      TOO_MUCH,
    ],
    [
      'a shape of a million lengths',
      [
        ...shared(0, [OP.BININT1, 1], 1_000_000),
        ...p.name('torch._utils', '_rebuild_tensor_v2'),
        ...[OP.MARK, ...storage(1), OP.BININT1, 0, ...recall(0), ...recall(0), OP.TUPLE, OP.REDUCE],
      ],
      'describes a tensor in an unknown way',
    ],
    [
      'tuples nested fifty thousand times',
      [OP.EMPTY_TUPLE, ...repeated([OP.TUPLE1], 50_000)],
      'contains no state dict',
    ],
    [
      'a number of a megabyte',
      [OP.LONG4, ...u32(2 ** 20), ...Array(2 ** 20).fill(1)],
      'contains no state dict',
    ],
    ['functions that rebuild nested a thousand times', rebuilds(1000), 'contains no state dict'],
    ['bytes outside of the file', [0x97], 'its pickle has the opcode 0x97'],
  ])('%s', async (_, value, said) => {
    expect(await refusal(torchZip(value, {}, 6))).toContain(said);
  });

  /** `_rebuild_from_type_v2` with itself as the function. */
  function rebuilds(depth: number): p.Pickled {
    const name = p.name('torch._tensor', '_rebuild_from_type_v2');
    const before = repeated([...name, OP.NONE], depth);
    return [...name, ...before, OP.EMPTY_TUPLE, ...repeated([OP.TUPLE3], depth), OP.REDUCE];
  }

  test('modules that have the module before twice, thirty deep', async () => {
    const twice = (inner: p.Pickled) =>
      module(p.dict(empty, []), [
        ...empty,
        OP.MARK,
        ...p.text('a'),
        ...inner,
        ...p.text('b'),
        ...inner,
        OP.SETITEMS,
      ]);
    const slots = Array.from({ length: 30 }, (_, i) => [
      ...twice(i === 0 ? none : recall(i)),
      ...[OP.BINPUT, i + 1, OP.POP],
    ]).flat();
    expect(await refusal(torchZip([...slots, ...recall(30)]))).toContain(TOO_MUCH);
  });

  /** A module without tensors of its own. */
  function module(parameters: p.Pickled, modules: p.Pickled): number[] {
    const items = [
      ['_parameters', parameters],
      ['_modules', modules],
    ] as const;
    return [...p.call(p.name('torch.nn.modules.container', 'Sequential')), ...p.dict(empty, items), OP.BUILD];
  }

  test('a list of half a million losses is fine', async () => {
    const losses = shared(0, [OP.BININT1, 1], 500_000);
    const dict = p.dict(empty, [
      ['losses', losses],
      ['model', p.dict(empty, [['features.0.weight', tensor(storage(4), [2, 2], [2, 1])]])],
    ]);
    expect((await readTensors(torchZip(dict, { 0: floats(4) }, 6))).size).toBe(1);
  });
});

describe('tensors together', () => {
  const MEGA = 2 ** 20;
  const many = (count: number, view: p.Pickled) =>
    p.dict(
      [...storage(MEGA), OP.BINPUT, 0, OP.POP, ...empty],
      Array.from({ length: count }, (_, i) => [`layer${i}.weight`, view] as const),
    );
  const whole = tensor(recall(0), [MEGA], [1]);
  const storages = { 0: new Uint8Array(4 * MEGA) };

  test.each([
    ['that share a storage', whole, 0],
    ['with strides as wide as their storage', tensor(recall(0), [2], [MEGA - 1]), 0],
    ['that repeat one number', tensor(recall(0), [MEGA], [0]), 0],
    ['at the end of a compressed storage', tensor(recall(0), [1], [1], MEGA - 1), 6],
  ] as const)('%s may not be read a hundred times over', async (_, view, level) => {
    expect(await refusal(torchZip(many(100, view), storages, level))).toMatch(
      /^its 100 tensors would take 419430400 bytes, but the file has \d+/,
    );
  });

  test('may be tied', async () => {
    expect((await readTensors(torchZip(many(4, whole), storages))).size).toBe(4);
  });

  test('may be parts of one storage', async () => {
    const parts = many(100, tensor(recall(0), [1], [1], MEGA - 1));
    expect((await readTensors(torchZip(parts, storages))).size).toBe(100);
  });
});

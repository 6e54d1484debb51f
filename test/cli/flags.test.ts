import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { expect, test, vi } from 'vitest';
import { createProgram } from '../../src/cli/program.js';
import { complain, errorOf, inFlags, say } from '../../src/cli/wording.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { commands } = createProgram();
const numbers = commands.flatMap((command) =>
  command.options
    .filter(({ flags }) =>
      /<(n|pixels|rate|fraction|MB|epochs|norm|decay|alpha|probability|units|w|sizes|count)>/.test(flags),
    )
    .map((option): [string, Option] => [`${command.name()} ${option.long}`, option]),
);

test('the flags with numbers are found', () => expect(numbers.length).toBeGreaterThan(60));

test.each(numbers)('%s refuses, by its own name, what is below its range or not a number', (_, option) => {
  for (const text of ['-1', 'many', '', 'NaN']) {
    expect(() => option.parseArg!(text, undefined as never), text).toThrow(InvalidArgumentError);
  }
});

test.each<[string, string[], string]>([
  [
    'train',
    ['--allow', 'data'],
    'train: --allow is given without --resume, and would change nothing; add --resume, or leave it out.',
  ],
  ['finetune', ['pets', '--unfreeze-lr', '1'], 'finetune: --unfreeze-lr is given without --unfreeze,'],
  [
    'finetune',
    ['pets', '--unfreeze-epochs', '1'],
    'finetune: --unfreeze-epochs is given without --unfreeze,',
  ],
  [
    'compress',
    ['a.h5', 'b', '--rank', 'fc1=9', '--calibrate', '64'],
    'compress: --calibrate is given without --images or --data, and would change nothing; add --images or --data, or leave it out.',
  ],
  [
    'bench',
    ['--mode', 'inference', '--optimizer', 'adam'],
    'bench: --optimizer is of training, which is not measured; leave it out.',
  ],
  [
    'bench',
    ['--backend', 'cpu', '--threads', '2'],
    'bench: --threads is of the wasm backend, which is not measured; leave it out.',
  ],
  [
    'style',
    ['--content', 'a', '--style', 'b', '--out', 'c.png', '--seed', '1'],
    'style: --seed is of the noise, which --init noise begins with; add it, or leave out --seed.',
  ],
  ['bench', ['--batch', '8,1,8'], "bench: --batch is '8,1,8'; 8 is named twice; name it once."],
  [
    'classify',
    ['a.png', '--scales', '256,256'],
    "classify: --scales is '256,256'; 256 is named twice; name it once.",
  ],
  [
    'visualize',
    ['--layer', 'pool1', '--filter', '2', '--filter', '0-3'],
    "visualize: --filter is '0-3'; 2 is named twice; name it once.",
  ],
  ['diagram', ['--out', 'a.png'], 'diagram: a.png does not end in .svg; use a name that does.'],
  [
    'similar',
    ['a.png', 'b.png', '--save-index', 'a.png'],
    'similar: a.png does not end in .safetensors; use a name that does.',
  ],
])('%s %j is refused', async (name, args, message) => {
  await expect(createProgram().parseAsync([name, ...args], { from: 'user' })).rejects.toThrow(message);
});

test.each([
  [['train', '--out', ''], 'train: --out is empty; pass a value, or leave it out.'],
  [['inspect', 'a.pth', '--key', ''], 'inspect: --key is empty; pass a value, or leave it out.'],
  [['evaluate', '--data', ''], 'evaluate: --data is empty; pass a value, or leave it out.'],
  [['convert', 'a.pth', ''], 'convert: the argument out is empty; pass a value.'],
  [['classify', 'a.jpg', '', '--weights', 'b.pth'], 'classify: the argument images is empty; pass a value.'],
])('%j is refused, since it is empty', async (args, message) => {
  await expect(createProgram().parseAsync(args, { from: 'user' })).rejects.toThrow(message);
});

test('what train refuses is said by the command that trains', () => {
  const refused = 'train: keep is best; pass another batchSize.';
  expect(inFlags(refused, 'finetune')).toBe('finetune: keep is best; pass another --batch.');
  expect(inFlags(refused)).toBe('train: keep is best; pass another --batch.');
});

test.each([
  [
    ['train', '--epochs', '3', '--lr', '1', '--epochs=4'],
    "train: --epochs is given twice, with '3' and '4'; pass it once.",
  ],
  [['train', '--out', 'a', '--out', 'a'], "train: --out is given twice, with 'a' and 'a'; pass it once."],
  [
    ['finetune', 'pets', '--augment', '--augment', 'paper'],
    "finetune: --augment is given twice, with no value and 'paper'; pass it once.",
  ],
])('%j is refused, of which the last alone would count', async (args, message) => {
  await expect(createProgram().parseAsync(args, { from: 'user' })).rejects.toThrow(message);
});

/** Values of which every option takes one. */
const VALUES = ['1', '0.5', 'vgg11', 'cosine', '9x9x3', 'hf:a/b', 'a=1', 'cpu', 'inference'];

test('an option takes several values if its help says so, and is refused twice otherwise', () => {
  let found = 0;
  for (const { name, options } of commands.map((one) => ({ name: one.name(), options: one.options }))) {
    for (const option of options.filter((one) => one.required || one.optional)) {
      const command = createProgram().commands.find((one) => one.name() === name)!;
      const give = (value: string) => command.parseOptions([option.long!, value]);
      const value = [...VALUES, ...(option.argChoices ?? [])].find((one) => !refused(() => give(one)));
      expect(value, `${name} ${option.long}`).toBeDefined();
      const again = refused(() => give(value!));
      if (/\brepeat the option\b|\bthe option again\b/.test(option.description)) {
        expect(again ?? '', option.long).not.toContain('pass it once');
        found++;
      } else
        expect(again).toContain(`${name}: ${option.long} is given twice, with '${value}' and '${value}'`);
    }
  }
  expect(found).toBeGreaterThan(4);
});

function refused(work: () => void): string | undefined {
  try {
    work();
  } catch (error) {
    return (error as Error).message;
  }
}

/** The commands in the docs, with their flags. */
function* documented(): Generator<[where: string, command: string, flags: string[]]> {
  const files = [
    'README.md',
    ...readdirSync(`${root}docs`)
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${file}`),
  ];
  for (const file of files) {
    for (const [, call] of readFileSync(root + file, 'utf8').matchAll(/npx vgg-blocks ([^\n`|]+)/g)) {
      const [command, ...args] = call!.split(/\s+/);
      yield [
        `${file}: ${call}`,
        command!,
        args.filter((arg) => /^--[a-z]/.test(arg)).map((arg) => arg.replace(/[^a-z0-9-]+$/, '')),
      ];
    }
  }
}

test('every command and flag in the docs exists', () => {
  const unknown = [...documented()].filter(([, name, flags]) => {
    const command = commands.find((one) => one.name() === name);
    return !command || flags.some((flag) => !longFlags(command).includes(flag));
  });
  expect(unknown.map(([where]) => where)).toEqual([]);
});

const longFlags = (command: Command) => [...command.options.map(({ long }) => long), '--help'];

test.each([
  ['fromWeights: inputShape is [32,32,1]; pass [height, width, 3].', '--input-shape is 32x32x1; pass HxWx3.'],
  ['installWasmKernels: the kernels do not run here.', 'the kernels do not run here.'],
  [
    "a.h5: it cannot be known; pass pooling: 'avg' or 'max' if so.",
    'a.h5: it cannot be known; pass --global-pooling avg or max if so.',
  ],
  [
    "build it with initializer: 'heUniform' or batchNorm: true.",
    'build it with --initializer heUniform or --batch-norm.',
  ],
  [
    'ImageSet: shift is 28, by which images of 28x28 move out of sight; it must be below 28.',
    '--shift is 28, by which images of 28x28 move out of sight; it must be below 28.',
  ],
  ['pass clipNorm: 1, or warmupEpochs.', 'pass --clip-norm 1, or --warmup.'],
  [
    'build the network with batchNorm: true, or start from a trained VGG-11 with growFrom, as the paper did.',
    'build the network with --batch-norm, or begin with a trained network by --weights.',
  ],
  ['train: patience follows the accuracy', 'train: --patience follows the accuracy'],
  ['scaleArch: ratio 3 does not divide the 64 channels.', '--ratio 3 does not divide the 64 channels.'],
  ["use dtype 'float16' or 'int8'.", 'use --dtype f16 or int8.'],
  [
    "toOnnx: it has numbers that int8 does not hold; pass dtype: 'float32'.",
    'it has numbers that int8 does not hold; pass --dtype f32.',
  ],
  [
    'throughput: 9 images have more than 2^30 numbers; pass a smaller batchSize.',
    '9 images have more than 2^30 numbers; pass a smaller --batch.',
  ],
  ['fromPretrained: endpoint is "a"; it must be an address.', 'HF_ENDPOINT is "a"; it must be an address.'],
  ['compress: maxBytes is 1.5, but it has 9 bytes.', '--max-bytes is 1.5, but it has 9 bytes.'],
  [
    'styleTransfer: an image takes 9 GB, but maxBytes is 4 GB; use a size of at most 99, or raise maxBytes where the backend has more memory.',
    'an image takes 9 GB, but at most 4 GB are used; use a --size of at most 99.',
  ],
  [
    'it cannot be known; pass classes: 9 if it is the classifier, classes: 0 if it is a hidden layer; pass includeTop: false for the features alone, or build its model and call loadWeights.',
    'it cannot be known; pass --classes 9 if it is the classifier; if it is a hidden layer, pass --features-only for the features alone, or build its model and call loadWeights.',
  ],
  ['pets: it has no folders.', 'pets: it has no folders.'],
  [
    "encodeWeights: the model has no convolutions, so it is not a VGG; use container 'keras'.",
    'the model has no convolutions, so it is not a VGG; use --to keras.',
  ],
  [
    "it is not recorded; use container 'keras' or 'model.h5'.",
    'it is not recorded; use --to keras or model.h5.',
  ],
  [
    'vgg: classes is 9999999; it must be a whole number from 1 to 1048576.',
    '--classes is 9999999; it must be a whole number from 1 to 1048576.',
  ],
])('%s is said as %s', (text, worded) => expect(inFlags(text)).toBe(worded));

test.each([
  ['vgg: input 16x16 is too small.', 'train', 'train: input 16x16 is too small.'],
  ['a.h5: no such file; check the path.', 'convert', 'convert: a.h5: no such file; check the path.'],
  ['train: keep is best.', 'finetune', 'finetune: keep is best.'],
  [
    'Invalid typed array length: 805306368',
    'similar',
    'similar: it does not fit in memory (Invalid typed array length: 805306368); use smaller images, a smaller --batch or a narrower network.',
  ],
  ['no command was begun.', undefined, 'no command was begun.'],
  ["summary: --ratio is 'a'.", undefined, "summary: --ratio is 'a'."],
])('%s of %s ends in %s', (text, command, line) => expect(errorOf(text, command)).toBe(line));

test.each([
  [
    ['diagram', 'vgg11', 'nope'],
    "diagram: the argument networks is 'nope'; it must be one of alexnet, vgg11,",
  ],
  [
    ['diagram', 'vgg11', 'vgg13', 'vgg11'],
    "diagram: the argument networks is 'vgg11'; it is given twice; name each network once.",
  ],
  [
    ['convert', 'a.h5', 'b', '--input-shape', '100000x1x1'],
    "convert: --input-shape is '100000x1x1'; it must be HxWxC, such as 96x96x3, each from 1 to 16384.",
  ],
  [['train', '--ratio', 'a\n\u001b[31m'], "train: --ratio is 'a\ufffd\ufffd[31m'; it must be a number."],
  [['train', '--ratio', 'a'.repeat(999)], `train: --ratio is '${'a'.repeat(100)}...'; it must be a number.`],
  [['train', '--ratio'], 'train: --ratio has no value; pass --ratio <n>.'],
  [['train', '--ratoi', '2'], 'train: there is no option --ratoi; did you mean --ratio?'],
  [['train', '-x'], 'train: there is no option -x; add --help to see them all.'],
  [
    ['train', 'data'],
    'train: 1 argument is given; it takes options only; put quotes around what has spaces, and leave out the rest.',
  ],
  [['inspect'], 'inspect: the argument file is missing; pass it.'],
  [['evaluate'], 'evaluate: an option is missing; pass --data <source>.'],
  [
    ['train', '--weights', 'a', '--batch-norm'],
    'train: --weights cannot be used with --batch-norm; leave one of them out.',
  ],
  [
    ['bench', '--optimizer', 'lamb'],
    "bench: --optimizer is 'lamb'; it must be one of sgd, momentum, nesterov, adam, adamw.",
  ],
  [
    ['compress', 'a', 'b', '--rank', 'fc1=2', '--rank', 'fc1=3'],
    "compress: --rank is 'fc1=3'; fc1 is given twice.",
  ],
  [['trian'], 'vgg-blocks: there is no command trian; did you mean train?'],
  [[''], "vgg-blocks: there is no command ''; add --help to see them all."],
  [['bench', '--threads', '129'], "bench: --threads is '129'; it must be a whole number from 1 to 128."],
  [['help', 'trian'], 'vgg-blocks: there is no command trian; did you mean train?'],
  [['foo', '--help'], 'vgg-blocks: there is no command foo; add --help to see them all.'],
  [['--help', 'foo'], 'vgg-blocks: there is no command foo; add --help to see them all.'],
  [['help', 'help'], 'vgg-blocks: pass one of these commands.'],
  [
    ['train', '--schedule', '{"name":"step","evry":3}'],
    'it has the unknown option "evry"; those of step are every, factor.',
  ],
  [
    ['train', '--schedule', '{"name":"cosine","every":3}'],
    'it has the unknown option "every"; cosine has none.',
  ],
  [['train', '--schedule', '{"name":"step","every":0}'], 'its every must be a whole number of at least 1.'],
  [['train', '--schedule', '{"name":"plateau","patience":"3"}'], 'its patience must be a number.'],
  [['train', '--schedule', '{"name":"step","factor":1}'], 'its factor must be above 0 and below 1.'],
  [['train', '--schedule', '{"name":"toString"}'], 'it must be one of constant, step, cosine, plateau,'],
])('%j is refused in one line that begins with the command', async (args, message) => {
  const program = createProgram();
  program.configureOutput({ writeErr: () => {}, outputError: () => {} });
  const refused = await program.parseAsync(args, { from: 'user' }).catch((error: Error) => error.message);
  expect(refused).toContain(message);
});

const valued = commands.flatMap((command) =>
  command.options.filter(({ required }) => required).map((option) => [command.name(), option] as const),
);

test('no flag takes another flag for its value', async () => {
  expect(valued.length).toBeGreaterThan(200);
  for (const [name, { long, flags }] of valued) {
    for (const flag of ['--out', '--unknown', '-h']) {
      await expect(createProgram().parseAsync([name, long!, flag], { from: 'user' })).rejects.toThrow(
        new Error(`${name}: ${long} has no value, but is followed by ${flag}; pass ${flags}.`),
      );
    }
  }
});

test('what a message quotes is one line of which terminals obey nothing, and long arguments are cut', () => {
  const printed = vi.spyOn(console, 'error').mockImplementation(() => {});
  const argv = process.argv;
  process.argv = ['node', 'vgg-blocks', 'inspect', 'a/'.repeat(999), `--key=${'k'.repeat(999)}`];
  complain(`inspect: a\n\u001b]0;title\u0007: ${'a/'.repeat(999)} has no ${'k'.repeat(999)}.`);
  process.argv = argv;
  const [[line]] = printed.mock.calls as [[string]];
  printed.mockRestore();
  expect(line).toBe(
    `inspect: a\ufffd\ufffd]0;title\ufffd: ...${'a/'.repeat(999).slice(-197)} has no ...${'k'.repeat(197)}.`,
  );
});

test('what is printed has one line for each, and JSON means the same, whatever is in a name', () => {
  const printed = vi.spyOn(console, 'log').mockImplementation(() => {});
  const name = 'a\n\u001b[31m\u009b\u202e\ud800\u200d';
  say(`${name}: cat`, 'second');
  say({ name });
  const [[lines], [json]] = printed.mock.calls as [[string], [string]];
  printed.mockRestore();
  expect(lines).toBe('a\ufffd\ufffd[31m\ufffd\ufffd\ufffd\u200d: cat\nsecond');
  expect(json).toMatch(/^[\x20-\x7e\u200d]+$/);
  expect(JSON.parse(json)).toEqual({ name });
});

test('only one function of the command line prints on standard error', () => {
  const files = readdirSync(`${root}src/cli`).filter((file) =>
    /console\.(error|warn)|stderr\.write/.test(readFileSync(`${root}src/cli/${file}`, 'utf8')),
  );
  expect(files).toEqual(['wording.ts']);
});

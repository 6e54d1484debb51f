import '@tensorflow/tfjs-backend-cpu';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setBackend, type Tensor, tensor4d, tidy } from '@tensorflow/tfjs-core';
import { layers, loadLayersModel, sequential } from '@tensorflow/tfjs-layers';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/base/random.js';
import { scaleArch, VGG11, vgg } from '../../src/index.js';
import { fileSystem } from '../../src/node/index.js';
import {
  encodeWeights,
  inspectWeights,
  loadWeights,
  metadataOf,
  PUBLISHED,
  setMetadata,
} from '../../src/weights/index.js';
import { run as program, start } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-finetune-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...path: string[]) => join(folder, ...path);

const run = (...args: string[]) => program('finetune', ...args);

/** Draws images that are mostly red or mostly blue, and a truncated file. */
async function drawColors(): Promise<void> {
  const random = seededRandom(3);
  for (let i = 0; i < 24; i++) {
    const name = i % 2 ? 'blue' : 'red';
    const bytes = Uint8Array.from({ length: 40 * 36 * 3 }, (_, at) =>
      Math.floor((at % 3 === (i % 2 ? 2 : 0) ? 150 : 20) + 80 * random.next()),
    );
    mkdirSync(at('colors', name), { recursive: true });
    await sharp(bytes, { raw: { width: 40, height: 36, channels: 3 } })
      .png()
      .toFile(at('colors', name, `${i}.png`));
  }
  writeFileSync(at('colors', 'red', 'torn.png'), readFileSync(at('colors', 'red', '0.png')).subarray(0, 200));
}

beforeAll(async () => {
  await setBackend('cpu');
  await drawColors();
  const model = vgg(scaleArch(VGG11, 16), {
    inputShape: [32, 32, 3],
    hiddenUnits: 4,
    batchNorm: true,
    initializer: 'heUniform',
  });
  setMetadata(model, { preprocessing: PUBLISHED['torchvision/vgg16'].preprocessing });
  writeFileSync(at('vgg.safetensors'), await encodeWeights(model));
  model.dispose();
});

describe('vgg-blocks finetune', () => {
  test('teaches a network the classes of a folder and writes the results', async () => {
    const { code, out, error } = await run(
      at('colors'),
      ...[
        '--weights',
        at('vgg.safetensors'),
        '--epochs',
        '40',
        '--lr',
        '0.01',
        '--unfreeze',
        'block5',
        '--unfreeze-epochs',
        '2',
      ],
      ...[
        '--augment',
        '--batch',
        '8',
        '--validation-fraction',
        '0.25',
        '--out',
        at('out'),
        '--min-accuracy',
        '0.8',
      ],
    );
    expect(error).toMatch(
      /^\S*torn\.png could not be read: it is PNG, but damaged .*\nfinetune: 1 file or folder was left out\.\n$/,
    );
    expect(code).toBe(1);
    expect(out).toContain('18 training and 6 validation images of 2 classes at 32x32x3; 1 left out');
    expect(out).toMatch(/new layers, epoch 40\/40: loss .* validation acc/);
    expect(out).toMatch(/from block5, epoch 2\/2: loss/);
    expect(out).toMatch(
      /validation accuracy \d+\.\d %\nclass +images +recall +precision +F1 +predicted as\nblue +3 /,
    );
    expect(readdirSync(at('out')).sort()).toEqual([
      'checkpoints',
      'classes.txt',
      'curves.svg',
      'history.csv',
      'history.json',
      'model',
      'model.safetensors',
      'predictions.svg',
      'result.json',
      'run.json',
    ]);
    expect(readFileSync(at('out', 'classes.txt'), 'utf8')).toBe('blue\nred\n');
    const { phases } = JSON.parse(readFileSync(at('out', 'history.json'), 'utf8'));
    expect(
      phases.map(({ name, epochs }: { name: string; epochs: object[] }) => [name, epochs.length]),
    ).toEqual([
      ['new layers', 40],
      ['from block5', 2],
    ]);

    const model = await loadLayersModel(fileSystem(at('out', 'model')));
    const red = tidy(() => {
      const image = Array.from({ length: 32 * 32 }, () => [[2, -1.5, -1.5]]).flat(2);
      return [...(model.predict(tensor4d(image, [1, 32, 32, 3])) as Tensor).dataSync()];
    });
    expect(red[1]).toBeGreaterThan(red[0]!);
    const report = await loadWeights(model, at('out', 'model.safetensors'));
    expect(report.missing).toEqual([]);
    const metadata = metadataOf(model);
    expect(metadata.classNames).toEqual(['blue', 'red']);
    expect(metadata.preprocessing).toMatchObject({ crop: 32, mean: [0.485, 0.456, 0.406] });
    expect((await inspectWeights(at('out', 'model.safetensors'))).metadata).toEqual(metadata);
    model.dispose();
  });

  test('a killed run is gone on with by --resume, in either phase, and ends with the same weights', async () => {
    const args = [
      ...['--weights', at('vgg.safetensors'), '--batch', '8', '--epochs', '3'],
      ...['--unfreeze', 'block5', '--unfreeze-epochs', '3', '--out'],
    ];
    const weights = (out: string) => readFileSync(at(out, 'model.safetensors'));
    await run(at('colors'), ...args, at('whole'));
    // Another run that cannot begin leaves its results alone.
    const refused = await run(at('colors'), ...args, at('whole'), '--warmup', '3');
    expect(refused).toMatchObject({
      out: '',
      error: 'finetune: --warmup is 3; it must be at least 0 and below the 3 epochs.\n',
    });
    for (const line of ['new layers, epoch 1/3', 'from block5, epoch 1/3']) {
      const out = line.slice(0, 3);
      const killed = start(['finetune', at('colors'), ...args, at(out)], { SIGNAL_AT: line });
      expect((await killed.outcome).code).toBe(null);
      expect(await run('--resume', at(out))).toMatchObject({
        code: 1,
        error: expect.stringMatching(/finetune: 1 file or folder was left out\.\n$/),
      });
      expect(weights(out).equals(weights('whole')), line).toBe(true);
    }
  });

  test('new layers outlive an unfreezing that diverges, which fails', async () => {
    const args = [at('colors'), '--weights', at('vgg.safetensors'), '--batch', '8', '--epochs', '3'];
    const unfrozen = ['--unfreeze', 'block5', '--unfreeze-epochs', '2', '--unfreeze-lr', '1e30'];
    await run(...args, '--out', at('first'));
    const { code, error } = await run(...args, ...unfrozen, '--out', at('lost'));
    expect(code).toBe(1);
    expect(error).toContain('finetune: diverged (from block5)');
    const [first, lost] = ['first', 'lost'].map((out) => readFileSync(at(out, 'model.safetensors')));
    expect(lost!.equals(first!)).toBe(true);
    expect(JSON.parse(readFileSync(at('lost', 'result.json'), 'utf8')).accuracy).toBe(
      JSON.parse(readFileSync(at('first', 'result.json'), 'utf8')).accuracy,
    );
    const again = await run('--resume', at('lost'));
    expect(again.code).toBe(1);
    expect(error).toContain(again.error);
  });

  test('the folder it wrote is a network for the other commands and for itself', async () => {
    const classified = await program('classify', at('colors'), '--weights', at('out'), '--json');
    expect(classified.error).toContain('torn.png could not be read');
    const rows = classified.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { image: string; predictions: { label: string }[] });
    expect(rows).toHaveLength(24);
    const right = rows.filter(({ image, predictions }) => image.includes(`/${predictions[0]!.label}/`));
    expect(right.length).toBeGreaterThan(20);
    const again = await run(
      at('colors'),
      '--weights',
      at('out'),
      '--epochs',
      '1',
      '--out',
      at('again'),
      '--json',
    );
    expect(again.code).toBe(1);
    expect(JSON.parse(again.out).preprocessing).toEqual(
      JSON.parse(readFileSync(at('out', 'result.json'), 'utf8')).preprocessing,
    );
    writeFileSync(at('colors', 'result.json'), '{}');
    expect((await run(at('colors'), '--weights', at('colors'))).error).toContain(
      'result.json was not written by finetune; pass the folder of a finetune run or a weight file.',
    );
    rmSync(at('colors', 'result.json'));
  });

  test('prints a single line of JSON with --json', async () => {
    const { code, out } = await run(
      at('colors'),
      ...[
        '--weights',
        at('vgg.safetensors'),
        '--epochs',
        '1',
        '--json',
        '--out',
        at('json'),
        '--preprocessing',
        'plain',
      ],
      ...['--size', '48', '--hidden', '4', '--memory', '0', '--recipe', 'paper'],
    );
    expect(code).toBe(1);
    const result = JSON.parse(out);
    expect(result).toMatchObject({
      network: 'VGG-11-BN',
      classNames: ['blue', 'red'],
      train: 20,
      validation: 4,
      leftOut: [{ path: 'red/torn.png' }],
      phases: [{ name: 'new layers', ended: 'finished', epochs: 1 }],
    });
    expect(result.confusion.flat().reduce((a: number, b: number) => a + b)).toBe(4);
    expect(JSON.parse(readFileSync(at('json', 'result.json'), 'utf8'))).toEqual(result);
    // Of a complete run it is read, or, where it is missing, written again with the rest.
    const again = await run('--resume', at('json'), '--json');
    expect([again.code, again.out]).toEqual([1, out]);
    for (const name of ['result.json', 'model.safetensors']) rmSync(at('json', name));
    const rewritten = await run('--resume', at('json'));
    expect([rewritten.code, rewritten.out]).toEqual([1, out]);
    expect(rewritten.error).toMatch(
      /^finetune: \S+ and 1 more of the complete run are missing; the results are/,
    );
    const { preprocessing, network } = result;
    const { metadata } = await inspectWeights(at('json', 'model.safetensors'));
    expect([metadata?.preprocessing, network]).toEqual([preprocessing, 'VGG-11-BN']);
  });

  test('keeps the split of a folder, and measures its test images once', async () => {
    for (const [part, from] of Object.entries({ train: 0, val: 4, test: 8 })) {
      for (const name of ['red', 'blue']) {
        mkdirSync(at('split', part, name), { recursive: true });
        for (let i = from; i < from + 4; i++) {
          const file = `${2 * i + Number(name === 'blue')}.png`;
          copyFileSync(at('colors', name, file), at('split', part, name, file));
        }
      }
    }
    const args = [at('split'), '--weights', at('vgg.safetensors'), '--epochs', '1', '--out', at('split-out')];
    const { code, out, error } = await run(...args, '--json');
    expect([code, error]).toEqual([0, '']);
    const { train, validation, test, classNames } = JSON.parse(out);
    expect([train, validation, classNames]).toEqual([8, 8, ['blue', 'red']]);
    expect(test).toEqual({ images: 8, loss: expect.any(Number), accuracy: expect.any(Number) });
    expect((await run(...args, '--validation-fraction', '0.5')).error).toMatch(
      /^finetune: --validation-fraction is 0\.5, but the images have a validation folder of their own/,
    );
  });

  test('refuses an output folder among the images, links followed', async () => {
    mkdirSync(at('linked'), { recursive: true });
    for (const name of ['red', 'blue']) cpSync(at('colors', name), at('linked', name), { recursive: true });
    symlinkSync(at('elsewhere'), at('linked', 'results'));
    mkdirSync(at('elsewhere'), { recursive: true });
    for (const out of [at('linked'), at('linked', 'run', '1'), at('elsewhere', 'run')]) {
      expect(await run(at('linked'), '--weights', at('vgg.safetensors'), '--out', out)).toEqual({
        code: 1,
        out: '',
        error: `finetune: --out ${out} is in the folder of images ${at('linked')}, where it would be read as a class; write to a folder outside.\n`,
      });
    }
    expect(readdirSync(at('linked')).sort()).toEqual(['blue', 'red', 'results']);
    expect(readdirSync(at('elsewhere'))).toEqual([]);
  });

  test('gives a network of gray images another size', async () => {
    const model = vgg([[1, 4]], { inputShape: [16, 16, 1], hiddenUnits: 4, classes: 3 });
    writeFileSync(at('gray.safetensors'), await encodeWeights(model));
    model.dispose();
    const { code, out } = await run(
      ...[at('colors'), '--weights', at('gray.safetensors'), '--preprocessing', 'plain', '--size', '20'],
      ...['--epochs', '1', '--out', at('gray-out')],
    );
    expect(out).toContain('of 2 classes at 20x20x1');
    expect(code).toBe(1); // one image is torn
    const other = sequential({
      layers: [
        layers.conv2d({ inputShape: [16, 16, 1], filters: 2, kernelSize: 3 }),
        layers.globalAveragePooling2d({}),
        layers.dense({ units: 3 }),
      ],
    });
    await other.save(fileSystem(at('other')));
    other.dispose();
    const odd = await run(
      ...[at('colors'), '--weights', at('other'), '--preprocessing', 'plain', '--size', '20'],
      ...['--epochs', '1', '--out', at('other-out')],
    );
    expect(odd.out).toContain('of 2 classes at 20x20x1');
  });

  test.each<[string, string[], RegExp]>([
    [
      'a class without images',
      ['empty'],
      /^finetune: the class 'nothing': it has no images: its folder has no files/,
    ],
    [
      'one class',
      ['one'],
      /^finetune: there is only one class, "blue", and one output tells two apart; add another\.$/m,
    ],
    [
      'no folder',
      ['nowhere'],
      /^finetune: \S+nowhere could not be read: there is no such file; check the path\.\n$/,
    ],
    ['an unknown layer', ['colors', '--unfreeze', 'block9'], /^finetune: there is no layer "block9"/m],
    [
      'a schedule',
      ['colors', '--schedule', '{"name":"step","every":0}'],
      /^finetune: --schedule is '.*'; its every must be a whole number of at least 1\.\n$/,
    ],
    [
      'too little accuracy',
      ['colors', '--min-accuracy', '1', '--lr', '1e-9'],
      /^finetune: validation accuracy \d\.\d{4} is below --min-accuracy 1\./m,
    ],
  ])('%s is one clear sentence', async (_, [name, ...more], message) => {
    mkdirSync(at('empty', 'nothing'), { recursive: true });
    cpSync(at('colors', 'blue'), at('one', 'blue'), { recursive: true });
    const { code, error } = await run(
      at(name!),
      ...['--weights', at('vgg.safetensors'), '--epochs', '1', '--out', at('wrong'), ...more],
    );
    expect(code).toBe(1);
    expect(error).toMatch(message);
    expect(error).not.toContain('    at ');
  });

  test('goes on without sharp in one sentence', async () => {
    mkdirSync(at('begun'), { recursive: true });
    const begun = { command: 'finetune', cwd: folder, args: { folder: 'colors', out: 'begun' } };
    writeFileSync(at('begun', 'run.json'), JSON.stringify(begun));
    const env = {
      NODE_OPTIONS: `--require ${fileURLToPath(new URL('./withoutSharp.cjs', import.meta.url))}`,
    };
    const { code, error } = await start(['finetune', '--resume', at('begun')], env).outcome;
    expect(error).toMatch(
      /^finetune: \S+colors\/\w+\/\d+\.png is PNG, which the package sharp decodes, but it is not installed; run npm install sharp\.\n$/,
    );
    expect(code).toBe(1);
  });
});

import '@tensorflow/tfjs-backend-cpu';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { setBackend } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { preprocessingOfArrays } from '../../src/cli/preprocessings.js';
import { garments } from '../../src/data/index.js';
import { encodePng } from '../../src/images/index.js';
import { vgg } from '../../src/index.js';
import { encodeWeights } from '../../src/weights/index.js';
import { PROGRAM, run, start } from './program.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Rejects when a command has ended that should have sent a request first. */
const tooEarly = async (outcome: ReturnType<typeof run>): Promise<never> =>
  expect.fail(`It ended before it asked: ${JSON.stringify(await outcome)}`);

describe('vgg-blocks', () => {
  test('tally prints the discussion, with the right sums', async () => {
    const { code, out } = await run('tally');
    expect(code).toBe(0);
    expect(out).toMatch(/their sum +3745824 +9217728/);
  });

  test('summary takes a name, AlexNet or blocks as JSON, and prints the cost', async () => {
    const { out } = await run('summary', 'vgg16', '--channels', '3', '--classes', '1000', '--batch', '1');
    expect(out).toMatch(/total +138,357,544 +15,470,264,320/);
    expect(out).toContain('46.3 GMACs (15.5 GMACs forward)');
    expect((await run('summary', '[[1,8]]', '--size', '8')).out).toContain('block1_conv1');
    expect((await run('summary', 'alexnet')).out).toMatch(/total +46,764,746/);
    expect((await run('summary', 'alexnet', '--ratio', '4')).error).toBe(
      'summary: alexnet has no --ratio and no --batch-norm; leave them out, or describe a VGG.\n',
    );
    expect((await run('summary', 'resnet')).error).toContain(
      "summary: the argument network is 'resnet'; it must be one of alexnet, vgg11,",
    );
  });

  test('diagram prints an SVG or writes it', async () => {
    expect((await run('diagram', 'vgg11')).out).toMatch(/^<svg[\s\S]+<\/svg>\n$/);
    const path = join(folder, 'figure.svg');
    expect(await run('diagram', '--out', path)).toMatchObject({ code: 0, out: '', error: '' });
    expect(readFileSync(path, 'utf8')).toContain('>alexnet<');
  });

  test('ends quietly when the reader of its output is gone', async () => {
    const { child, outcome } = start(['summary', 'vgg16']);
    child.stdout!.destroy();
    expect(await outcome).toEqual({ code: 0, out: '', error: '' });
  });

  test.runIf(existsSync('/dev/full'))('says so when its output cannot be written', async () => {
    const full = openSync('/dev/full', 'w');
    for (const [name, ...args] of [['summary', 'vgg11'], ['summary', '--help'], ['--version']]) {
      const { code, error } = await start([name!, ...args], {}, full).outcome;
      const command = name === '--version' ? 'vgg-blocks' : name;
      expect([code, error]).toEqual([
        1,
        `${command}: the output could not be written: the disk is full; free some space and try again.\n`,
      ]);
    }
    closeSync(full);
  });

  test('ends at a signal with the exit code of shells, and a run that has not begun leaves nothing', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const file = `http://127.0.0.1:${port}/vgg.safetensors`;
    for (const args of [
      ['inspect', file],
      ['train', '--out', join(folder, 'ended', 'run'), '--weights', file],
    ]) {
      const { child, outcome } = start(args);
      await Promise.race([once(server, 'request'), tooEarly(outcome)]);
      child.kill('SIGTERM');
      expect(await outcome).toEqual({ code: 143, out: '', error: '' });
    }
    expect(existsSync(join(folder, 'ended'))).toBe(false);
    server.closeAllConnections();
    server.close();
  });

  test('outlives its terminal under nohup, which a shell names, or which has taken the input away', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const unreadable = openSync('/dev/null', 'w');
    for (const [shell, stdin] of [['nohup', 'ignore'] as const, ['sh', unreadable] as const]) {
      const args = ['inspect', `http://127.0.0.1:${port}/vgg.safetensors`];
      const { child, outcome } = start(args, { _: `/usr/bin/${shell}` }, 'pipe', undefined, stdin);
      const [, response] = await Promise.race([once(server, 'request'), tooEarly(outcome)]);
      child.kill('SIGHUP');
      response.writeHead(404).end();
      const { code, error } = await outcome;
      expect([code, error]).toEqual([1, expect.stringContaining('404')]);
    }
    closeSync(unreadable);
    server.close();
  });
});

describe('vgg-blocks inspect and convert', () => {
  const file = join(folder, 'net.safetensors');
  beforeAll(async () => {
    await setBackend('cpu');
    const model = vgg(
      [
        [1, 2],
        [1, 3],
      ],
      { inputShape: [8, 8, 1], classes: 4, hiddenUnits: 5, batchNorm: true },
    );
    writeFileSync(file, await encodeWeights(model));
    model.dispose();
  });

  test('inspect prints the format and network of a file, each tensor, and the call that loads it', async () => {
    const { code, out, error } = await run('inspect', file);
    expect({ code, error }).toEqual({ code: 0, error: '' });
    expect(out).toContain(
      `${file}: safetensors, 0.0 MiB\nVGG-BN with torchvision names: blocks 1x2 1x3, 1 input channels`,
    );
    expect(out).toContain('4 classes, hidden layers of 5, 5, for images of 8x8');
    expect(out).toMatch(/\nfeatures\.4\.weight +F32 +3x2x3x3 +block2_conv1\/kernel\n/);
    expect(out).toContain(`const { model } = await fromWeights("${file}");`);
    expect(JSON.parse((await run('inspect', file, '--json')).out).network.arch).toEqual([
      [1, 2],
      [1, 3],
    ]);
  });

  test('inspect refuses a file that is not a weight file', async () => {
    expect(await run('inspect', join(root, 'README.md'))).toEqual({
      code: 1,
      out: '',
      error: `inspect: ${join(root, 'README.md')}: it is text ('# vgg-blocks'); use a weight file.\n`,
    });
  });

  test('convert changes names and types, writes a tfjs model, and comes back to the same bits', async () => {
    const at = (name: string) => join(folder, name);
    expect((await run('convert', file, at('keras.safetensors'), '--names', 'keras')).out).toContain(
      `VGG-BN: 18 tensors from ${file} (safetensors) to ${at('keras.safetensors')}`,
    );
    expect((await run('convert', at('keras.safetensors'), at('keras.h5'))).code).toBe(0);
    expect((await run('inspect', at('keras.h5'))).out).toContain('Keras .h5 (weights)');
    expect((await run('convert', at('keras.safetensors'), at('model'))).code).toBe(0);
    expect(
      (await run('convert', at('model/model.json'), at('back.safetensors'), '--names', 'torchvision')).code,
    ).toBe(0);
    expect(readFileSync(at('back.safetensors'))).toEqual(readFileSync(file));
    expect((await run('convert', file, at('half.safetensors'), '--dtype', 'f16')).code).toBe(0);
    expect((await run('inspect', at('half.safetensors'))).out).toContain('stored as F16, I64');
  });

  test.skipIf(process.platform === 'win32')(
    'convert writes to the standard output, and nothing else there',
    async () => {
      const path = join(folder, 'piped.safetensors');
      const piped = openSync(path, 'w');
      const args = ['convert', file, '/dev/stdout', '--to', 'safetensors'];
      const { code, error } = await start(args, {}, piped).outcome;
      closeSync(piped);
      expect([code, error]).toEqual([0, expect.stringContaining('18 tensors from')]);
      expect(readFileSync(path)).toEqual(readFileSync(file));
      // The standard output of what Node starts is a socket; a shell makes a pipe, whose link leads to no path.
      for (const name of ['/dev/stdout', '/dev/fd/1']) {
        const words = [process.execPath, PROGRAM, 'convert', file, name, '--to', 'safetensors'];
        const shell = spawn('sh', ['-c', '"$@" | cat > "$0"', path, ...words]);
        const said = await text(shell.stderr);
        expect(said).toContain('18 tensors from');
        expect(readFileSync(path)).toEqual(readFileSync(file));
      }
    },
  );

  test('convert goes through every format, by extension or --to, and comes back to the same bits', async () => {
    const at = (name: string) => join(folder, name);
    const steps: [to: string, format: string, ...args: string[]][] = [
      ['net.pth', 'PyTorch .pth (zip)', '--names', 'timm'],
      ['net.keras', 'Keras .keras'],
      ['whole.h5', 'Keras .h5 (model)', '--to', 'model.h5'],
    ];
    let from = file;
    for (const [name, format, ...args] of steps) {
      expect(await run('convert', from, at(name), ...args)).toMatchObject({ code: 0, error: '' });
      expect((await run('inspect', at(name))).out).toContain(format);
      from = at(name);
    }
    expect((await run('convert', from, at('end.safetensors'), '--names', 'torchvision')).code).toBe(0);
    expect(readFileSync(at('end.safetensors'))).toEqual(readFileSync(file));
    // Weights alone do not record their epsilon, so the variances are converted to Keras' and back, with rounding.
    expect((await run('convert', file, at('net.weights.h5'))).code).toBe(0);
    expect((await run('inspect', at('net.weights.h5'))).out).toContain('Keras .weights.h5');
  });

  test('convert writes ONNX', async () => {
    const onnx = async (...args: string[]) => {
      const path = join(folder, 'net.onnx');
      expect(await run('convert', file, path, ...args)).toMatchObject({ code: 0, error: '' });
      return readFileSync(path, 'latin1');
    };
    expect(await onnx()).not.toMatch(/DequantizeLinear|Transpose/);
    const small = await onnx('--dtype', 'int8', '--layout', 'nhwc');
    expect(small).toContain('DequantizeLinear');
    expect(small).toContain('Transpose');
    const path = join(folder, 'net.onnx');
    expect((await run('inspect', path, '--input-layout', 'nhwc')).out).toContain('"layout":"NHWC"');
    expect((await run('inspect', path, '--input-layout', 'nchw')).error).toContain(
      "its input 'image' is NHWC, and --input-layout is NCHW; leave it out.",
    );
    expect((await run('convert', file, path, '--input-layout', 'nchw')).error).toContain(
      'and --input-layout is for ONNX; leave it out.',
    );
  });

  test('convert writes quantized tfjs models, and says what was done to them', async () => {
    const model = vgg([[1, 4]], { inputShape: [8, 8, 3], classes: 3, hiddenUnits: [6], batchNorm: true });
    const [from, to, back] = ['bn.safetensors', 'bn', 'back.safetensors'].map((name) => join(folder, name));
    writeFileSync(from!, await encodeWeights(model));
    model.dispose();
    expect(await run('convert', from!, to!, '--quantize', 'uint8')).toMatchObject({
      code: 0,
      error: '',
      out: expect.stringMatching(
        /to .*\n1 batch normalization folded, channels equalized, kernels rounded to uint8\n$/,
      ),
    });
    const { weights } = JSON.parse(readFileSync(join(to!, 'model.json'), 'utf8')).weightsManifest[0];
    expect(weights.map((one: { quantization?: object }) => one.quantization !== undefined)).toEqual([
      ...[true, false],
      ...[true, false, true, false],
    ]);
    expect((await run('convert', to!, back!)).out).toContain('6 tensors from');
    // As train and finetune write them.
    const trained = join(folder, 'trained');
    cpSync(to!, join(trained, 'model'), { recursive: true });
    expect((await run('convert', trained, back!)).out).toContain('6 tensors from');
    expect((await run('inspect', trained)).out).toContain('model.json');
    for (const args of [
      ['convert', trained, join(trained, 'model')],
      ['convert', from!, from!],
      ['compress', to!, to!, '--rank', 'fc1=1'],
    ]) {
      expect((await run(...args)).error).toContain(
        'is what is read, which the result would replace; write to another path.',
      );
    }
    for (const args of [
      ['compress', trained, trained, '--rank', 'fc1=1'],
      ['convert', trained, trained],
    ]) {
      expect((await run(...args)).error).toContain(
        `${args[0]}: ${trained} is the run that is read, and its own model would hide the result there; write to another path.`,
      );
    }
    // Only a model.json is read from a folder.
    const copy = join(trained, 'model', 'copy.safetensors');
    cpSync(from!, copy);
    expect((await run('convert', copy, join(trained, 'copy.safetensors'))).error).toBe('');
    expect((await run('compress', to!, join(folder, 'x.onnx'), '--rank', 'fc1=1')).error).toContain(
      'is the name of a file, and a tfjs model is a folder; pass a path without an extension',
    );
    const { out } = await run('convert', from!, to!, '--quantize', 'float16');
    expect(out).toMatch(/\nkernels rounded to float16\n$/);
    const images = join(folder, 'images');
    mkdirSync(images);
    for (const i of [0, 1, 2]) {
      const data = Uint8Array.from({ length: 192 }, (_, k) => (k * (i + 3) * 7919) % 256);
      writeFileSync(join(images, `${i}.png`), await encodePng({ data, width: 8, height: 8 }));
    }
    const corrected = (...args: string[]) =>
      run('convert', from!, to!, '--quantize', 'uint8', '--images', images, ...args);
    expect((await corrected()).error).toContain(
      'does not say how images are prepared for it; pass --preprocessing',
    );
    expect((await corrected('--preprocessing', 'plain')).out).toMatch(
      /channels equalized, biases corrected, kernels rounded to uint8\n$/,
    );
    expect((await run('convert', from!, to!, '--images', images)).error).toContain(
      '--images is given without --quantize, and would change nothing; add --quantize, or leave it out.',
    );
    expect((await run('convert', from!, back!, '--quantize', 'uint8')).error).toContain(
      '--quantize is for a tfjs model, a folder, and safetensors is written; omit it, or write to a path without an extension.',
    );
  });

  test('convert refuses what it cannot write', async () => {
    expect((await run('convert', file, join(folder, 'x.onnx'), '--dtype', 'bf16')).error).toContain(
      'ONNX has names of its own and the types f32, f16, int8; omit --names, and choose one of these as --dtype.',
    );
    expect((await run('convert', file, join(folder, 'm.keras'), '--dtype', 'int8')).error).toContain(
      '--layout and --dtype int8 are for ONNX; omit them, or write to a path that ends in .onnx.',
    );
    expect((await run('convert', file, join(folder, 'x.safetensor'))).error).toContain(
      'x.safetensor has an extension that cannot be written',
    );
    expect((await run('convert', file, join(folder, 'm'), '--dtype', 'f16')).error).toContain(
      "a tfjs model has Keras' names, and its types are those of --quantize, uint8, uint16, float16; omit --names and --dtype.",
    );
    expect((await run('convert', file, join(folder, 'm.keras'), '--names', 'timm')).error).toContain(
      "--names is timm and --dtype F32, but --to keras takes only Keras' names and F32; choose another --to.",
    );
    expect(
      readdirSync(folder).filter((name) => /^(m|x\.onnx|x\.safetensor|m\.keras)$|tmp/.test(name)),
    ).toEqual([]);
  });
});

describe('vgg-blocks bench', () => {
  const TINY = ['--arch', '[[1,2]]', '--ratio', '1', '--size', '8', '--hidden', '4', '--seconds', '0'];

  test('prints one row per backend, batch size and mode, and the same as JSON', async () => {
    const { code, out, error } = await run('bench', ...TINY, '--backend', 'wasm,cpu', '--batch', '1,3');
    expect(code, error).toBe(0);
    expect(out).toMatch(/^222 parameters, 0\.00000134 GMACs per image of 8x8x1; .*, Node v\d/);
    for (const row of ['wasm     1      inference', 'wasm     3      training ', 'cpu      3      inference'])
      expect(out).toMatch(new RegExp(`^${row}  +[\\d.]+ +[\\d.]+ to [\\d.]+ `, 'm'));
    const json = await run(
      'bench',
      ...TINY,
      '--backend',
      'wasm',
      '--batch',
      '2',
      '--mode',
      'training',
      '--json',
    );
    const { network, machine, rows } = JSON.parse(json.out);
    expect(network).toMatchObject({ arch: [[1, 2]], parameters: 222 });
    expect(machine.node).toBe(process.version);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ backend: 'wasm', batchSize: 2, mode: 'training', runs: 2 });
    expect(rows[0].examplesPerSecond).toBeGreaterThan(0);
  });

  test('splits convolutions between threads', async () => {
    const args = ['bench', ...TINY, '--backend', 'wasm', '--batch', '2'];
    const { code, out, error } = await run(...args, '--threads', '2');
    expect(code, error).toBe(0);
    expect(out).toMatch(/ cores \(2 threads on wasm\), Node v\d/);
    expect(out).toMatch(/^wasm +2 +training +[\d.]+ /m);
    expect((await run(...args, '--threads', '0')).error).toContain(
      "bench: --threads is '0'; it must be a whole number from 1 to 128.",
    );
    expect((await run('train', '--backend', 'cpu', '--threads', '2')).error).toContain(
      '--threads is 2, but the cpu backend does not use it; omit it or use wasm.',
    );
    expect((await run('train', '--backend', 'cpu', '--no-relaxed-simd')).error).toContain(
      '--no-relaxed-simd is given, but the cpu backend does not use it; omit it or use wasm.',
    );
  });

  test('lists the backends and modes after a wrong one', async () => {
    const { code, error } = await run('bench', '--backend', 'wasm,cuda');
    expect(code).toBe(1);
    expect(error).toContain(
      "bench: --backend is 'wasm,cuda'; it must be of wasm, cpu, webgpu, tensorflow, separated by commas.",
    );
    expect((await run('bench', '--backend', 'wasm,wasm')).error).toBe(
      "bench: --backend is 'wasm,wasm'; wasm is named twice; name it once.\n",
    );
    expect((await run('bench', '--mode', 'fast')).error).toContain(
      "bench: --mode is 'fast'; it must be of inference, training, separated by commas.",
    );
  });

  test('fails if a measurement does, and prints the others', async () => {
    const { code, out, error } = await run(
      'bench',
      ...TINY,
      '--backend',
      'cpu',
      '--batch',
      '10000000000,1',
      '--mode',
      'inference',
    );
    expect(code).toBe(1);
    expect(out).toMatch(/^cpu +10000000000 +inference +- .*\S\ncpu +1 +inference +\d/m);
    expect(error).toContain('bench: 1 of 2 measurements failed.');
  });

  test('webgpu without an adapter is an error if requested and skipped by default', async () => {
    const args = ['bench', ...TINY, '--batch', '1', '--mode', 'inference'];
    const env = { VK_DRIVER_FILES: '/no/such/driver.json' };
    const requested = await start([...args, '--backend', 'webgpu'], env).outcome;
    expect(requested.code).toBe(1);
    expect(requested.error).toContain('no WebGPU adapter found');
    const { code, out, error } = await start(args, env).outcome;
    expect(code).toBe(0);
    expect(error).toContain('skipping webgpu: ');
    expect(out).toMatch(/^wasm +1 +inference /m);
  });
});

const SMALL = ['--ratio', '32', '--hidden', '16', '--batch', '128'];

describe('vgg-blocks train', () => {
  test('writes model, history, curves and predictions, and prints a line per epoch', async () => {
    const out = join(folder, 'run');
    const args = [...SMALL, '--epochs', '2', '--out', out, '--min-accuracy', '0.05'];
    const result = await run('train', ...args, '--log-steps', '--tensorboard');
    expect(result.error).toBe('');
    expect(result.code).toBe(0);
    expect(result.out).toContain('4000 training and 1000 test images of 10 classes at 32x32x1');
    expect(
      result.out.match(/^epoch \d\/2: loss \d\.\d{3}, train acc 0\.\d{3}, test acc 0\.\d{3}, /gm),
    ).toHaveLength(2);
    expect(readdirSync(out).sort()).toEqual([
      'checkpoints',
      'curves.svg',
      expect.stringMatching(/^events\.out\.tfevents\./),
      'history.csv',
      'history.json',
      'model',
      'predictions.svg',
      'run.json',
      'steps.jsonl',
    ]);
    const steps = readFileSync(join(out, 'steps.jsonl'), 'utf8').trim().split('\n');
    expect(steps).toHaveLength(64);
    expect(JSON.parse(steps[63]!)).toEqual({
      ...{ step: 64, epoch: 2, loss: expect.any(Number), accuracy: expect.any(Number) },
      learningRate: expect.any(Number),
    });
    expect(readFileSync(join(out, 'history.csv'), 'utf8')).toMatch(/^epoch,.*\n1,4000,.*\n2,4000,.*\n$/);
    const history = JSON.parse(readFileSync(join(out, 'history.json'), 'utf8'));
    expect(history.epochs).toHaveLength(2);
    expect(history).toMatchObject({ ended: 'finished', optimizer: 'adam', learningRate: 0.001, seed: 0 });
    expect(history).toMatchObject({ backend: 'wasm', threads: 1 });
    expect(readFileSync(join(out, 'curves.svg'), 'utf8')).toContain('test accuracy');
    expect(readFileSync(join(out, 'predictions.svg'), 'utf8').match(/<image /g)).toHaveLength(40);
    const { userDefinedMetadata } = JSON.parse(readFileSync(join(out, 'model', 'model.json'), 'utf8'));
    const preprocessing = preprocessingOfArrays([28, 28, 1], 32);
    expect(userDefinedMetadata.vgg_blocks).toEqual({
      preprocessing,
      classNames: garments().testSet.classNames,
    });

    // Another run that cannot begin leaves them alone.
    const refused = await run('train', ...SMALL, '--schedule', 'plateau', '--out', out);
    expect(refused.error).toMatch(/^train: schedule 'plateau' follows the accuracy on a validation set/);
    const warm = await run('train', ...SMALL, '--warmup', '99', '--out', out);
    expect(warm.error).toMatch(/^train: --warmup is 99; it must be at least 0 and below the \d+ epochs\.\n$/);
    expect([refused.out, warm.out]).toEqual(['', '']);
    expect(JSON.parse(readFileSync(join(out, 'history.json'), 'utf8'))).toEqual(history);
    expect(readdirSync(join(out, 'model'))).toContain('model.json');
  });

  test('a killed run is gone on with by --resume, and ends with the same weights', async () => {
    const killed = join(folder, 'killed');
    const args = [...SMALL, '--epochs', '2'];
    await run('train', ...args, '--out', killed, '--log-steps', '--tensorboard');
    for (const file of ['evaluation.json', 'confusion.svg']) writeFileSync(join(killed, file), 'of evaluate');
    writeFileSync(join(killed, 'notes.txt'), 'of the user');
    const weights = () => {
      const model = join(killed, 'model');
      return readFileSync(join(model, readdirSync(model).find((file) => file.endsWith('.bin'))!));
    };
    const whole = weights();
    const checkpoints = join(killed, 'checkpoints');
    const third = 'epoch-00001-batch-0000003.safetensors';
    const everyStep = ['--checkpoint-minutes', '0'];
    const { outcome } = start(['train', ...args, '--out', killed, ...everyStep], { SIGNAL_AT: third });
    expect((await outcome).code).toBe(null);
    // Nothing takes the results of the run before for those of this one.
    expect(
      readdirSync(killed)
        .filter((name) => !name.startsWith('lock'))
        .sort(),
    ).toEqual(['checkpoints', 'notes.txt', 'run.json']);
    for (const [weights, is] of [
      [killed, 'has no model yet, but the checkpoints'],
      [join(checkpoints, third), 'is a checkpoint'],
    ] as const) {
      expect((await run('evaluate', '--weights', weights, '--data', 'generated')).error).toBe(
        `evaluate: ${weights} ${is} of a run that has not finished; go on with train --resume ${killed}, which writes the model when it ends or is stopped.\n`,
      );
    }
    expect(await run('train', ...args, '--out', killed)).toMatchObject({
      code: 1,
      error: `train: ${killed} has an unfinished run; go on with --resume ${killed}, choose another --out, or discard it with --overwrite.\n`,
    });
    expect((await run('train', '--resume', killed, '--lr', '1')).error).toBe(
      'train: --lr is given with --resume, but a run goes on with the options that it began with; leave it out.\n',
    );
    expect((await run('train', '--resume', join(folder, 'none'))).error).toMatch(
      /there is no run of train in/,
    );
    expect(existsSync(join(folder, 'none'))).toBe(false);
    expect((await run('finetune', '--resume', killed)).error).toBe(
      `finetune: there is no run of finetune in ${killed}; the one there is of train, so use vgg-blocks train --resume ${killed}.\n`,
    );
    // From another folder, and with an option that says what was.
    const { outcome: resumed } = start(
      ['train', '--resume', basename(killed), '--seed', '0'],
      {},
      'pipe',
      folder,
    );
    expect(await resumed).toMatchObject({ code: 0, error: '' });
    expect(weights().equals(whole)).toBe(true);
    expect(await run('train', '--resume', killed)).toMatchObject({
      code: 0,
      out: `the run in ${killed} is complete, and its results are there\n`,
    });
    expect(await run('train', '--resume', killed, '--min-accuracy', '1')).toMatchObject({
      code: 1,
      error: expect.stringMatching(/^train: test accuracy 0\.\d{4} is below --min-accuracy 1\.\n$/),
    });
    for (const file of readdirSync(join(killed, 'checkpoints'))) {
      writeFileSync(join(killed, 'checkpoints', file), '');
    }
    const begun = JSON.parse(readFileSync(join(killed, 'run.json'), 'utf8'));
    writeFileSync(join(killed, 'run.json'), JSON.stringify({ ...begun, outcome: undefined }));
    expect((await run('train', '--resume', killed)).error).toMatch(
      /^train: no checkpoint in .* can be read: .*epoch-00003.*epoch-00002.* Start a new run with --overwrite\.\n$/,
    );
    rmSync(join(killed, 'checkpoints'), { recursive: true });
    expect(await run('train', '--resume', killed)).toMatchObject({
      code: 0,
      error: `train: there is no checkpoint in ${join(killed, 'checkpoints')}, so the run begins anew.\n`,
    });
  });

  test('a folder with checkpoints of something else is refused, and stays', async () => {
    const checkpoints = join(folder, 'other', 'checkpoints');
    mkdirSync(checkpoints, { recursive: true });
    writeFileSync(join(checkpoints, 'best.safetensors'), '');
    expect((await run('train', '--out', join(folder, 'other'), '--overwrite')).error).toBe(
      `train: ${checkpoints} has files, but ${join(folder, 'other')} has no run.json of the run that they are of; choose another --out, or remove them.\n`,
    );
    expect(readdirSync(checkpoints)).toEqual(['best.safetensors']);
  });

  test('a run that diverged fails, and keeps the last good weights', async () => {
    const out = join(folder, 'diverged');
    const args = [...SMALL, '--epochs', '2', '--optimizer', 'sgd', '--schedule', 'constant', '--lr', '1e6'];
    const { code, error } = await run('train', ...args, '--out', out);
    expect(code).toBe(1);
    expect(error).toBe(
      `train: diverged: the loss or the weights are no longer finite numbers, and before the first checkpoint of trained weights, so there is no model. Train again with --out ${out} and a smaller --lr, or --batch-norm.\n`,
    );
    expect(readdirSync(out)).not.toContain('model');
    expect(await run('train', '--resume', out)).toEqual({
      code: 1,
      out: `the run in ${out} is complete, but it failed\n`,
      error,
    });
  });

  test('results that cannot be written are written by --resume', async () => {
    const out = join(folder, 'in-the-way');
    const inTheWay = join(out, 'predictions.svg');
    mkdirSync(out);
    // It leads to what lies in a file.
    symlinkSync(join('run.json', 'in-it'), inTheWay);
    const { code, error } = await run('train', ...SMALL, '--epochs', '1', '--out', out, '--overwrite');
    expect(code).toBe(1);
    expect(error).toBe(
      `train: ${inTheWay} could not be written: there is a file where a folder is expected, or a folder where a file is; choose another path. Then go on with vgg-blocks train --resume ${out}, which writes the results.\n`,
    );
    // The model comes first.
    expect(readdirSync(join(out, 'model'))).toContain('model.json');
    rmSync(inTheWay);
    mkdirSync(inTheWay);
    expect((await run('train', '--resume', out)).error).toBe(
      `train: ${inTheWay} is a folder, where the run has a file; move it away.\n`,
    );
    rmSync(inTheWay, { recursive: true });
    expect((await run('train', '--resume', out)).code).toBe(0);
    expect(readdirSync(out)).toContain('history.csv');
  });

  test('fails below the minimum accuracy', async () => {
    const result = await run(
      'train',
      ...SMALL,
      '--epochs',
      '1',
      '--out',
      join(folder, 'low'),
      '--min-accuracy',
      '1',
    );
    expect(result.code).toBe(1);
    expect(result.error).toMatch(/^train: test accuracy 0\.\d{4} is below --min-accuracy 1\.\n$/);
  });

  /** The outcome of a run that signals reach after its first epoch, whatever started the tests. */
  const signaled = (out: string, SIGNALS: string) =>
    start(['train', ...SMALL, '--epochs', '3', '--out', out], { _: 'node', SIGNAL_AT: 'epoch 1/3', SIGNALS })
      .outcome;

  test('a signal stops after a batch, the result so far is written, and the shell sees the signal', async () => {
    const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
    await Promise.all(
      Object.entries(signals).map(async ([signal, expected]) => {
        const out = join(folder, signal);
        const { code, out: text } = await signaled(out, signal);
        expect(code).toBe(expected);
        expect(text).toMatch(
          /^stopped.*; wrote model\/, history\.json, history\.csv, curves\.svg, predictions\.svg to /m,
        );
        expect(JSON.parse(readFileSync(join(out, 'history.json'), 'utf8')).ended).toBe('aborted');
      }),
    );
  });

  test('a signal that comes twice, as Ctrl-C does under npx, is one', async () => {
    const out = join(folder, 'twice');
    // Two signals that wait for a busy process may be seen in either order.
    expect([130, 143]).toContain((await signaled(out, 'SIGINT,SIGTERM')).code);
    expect(readdirSync(join(out, 'model'))).toContain('model.json');
  });

  test('goes on when the reader of its output is gone', async () => {
    const out = join(folder, 'unread');
    const { child, outcome } = start(['train', ...SMALL, '--epochs', '1', '--out', out]);
    child.stdout!.once('data', () => child.stdout!.destroy());
    expect(await outcome).toMatchObject({ code: 0, error: '' });
    expect(JSON.parse(readFileSync(join(out, 'history.json'), 'utf8')).ended).toBe('finished');
    expect(readdirSync(join(out, 'model'))).toContain('model.json');
  });

  test.each<[string, string[], RegExp]>([
    [
      'a missing folder',
      ['--data', '/no/such/folder'],
      /^train: \/no\/such\/folder: there is no such folder; .*\n$/,
    ],
    [
      'folders of images as the data',
      ['--data', 'docs'],
      /^train: docs has folders, as of images, where --data names arrays of images \(IDX files or tables\); train on folders of images with vgg-blocks finetune\.\n$/,
    ],
    ['a file as the data', ['--data', 'package.json'], /^train: package\.json: it is a file; .*\n$/],
    ['an unknown architecture', ['--arch', 'vgg12'], /'vgg12'; it must be one of vgg11, /],
    [
      'a ratio that does not divide',
      ['--ratio', '3'],
      /^train: --ratio 3 does not divide the 64 channels of block 1; use a divisor of every width\.\n$/,
    ],
    ['an input too small', ['--size', '16'], /^train: input 16x16 is smaller than 32x32/],
    [
      'patience without validation images',
      [...SMALL, '--patience', '2'],
      /^train: --patience follows .*; pass --validation-fraction 0\.1\.\n$/m,
    ],
    [
      'a time between checkpoints below 0',
      ['--checkpoint-minutes', '-1'],
      /--checkpoint-minutes is '-1'; it must be at least 0 and finite\./,
    ],
    ['not a number', ['--epochs', 'many'], /^train: --epochs is 'many'; it must be a number\.\n$/],
    [
      'a folder in a file system without folders',
      ['--out', '/proc/x'],
      /^train: \/proc\/x could not be written: /,
    ],
    [
      'a folder that cannot be created',
      ['--out', 'package.json'],
      /^train: package\.json could not be written: there is a file where a folder is expected/,
    ],
  ])('%s is one clear error', async (_, args, message) => {
    const { code, error } = await run('train', ...args);
    expect(code).toBe(1);
    expect(error).toMatch(message);
    expect(error).not.toMatch(/^ {4}at /m);
  });
});

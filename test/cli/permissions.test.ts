import '@tensorflow/tfjs-backend-cpu';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setBackend } from '@tensorflow/tfjs-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { vgg } from '../../src/index.js';
import { encodeWeights } from '../../src/weights/index.js';
import { IMAGES } from '../node/encodedImages.js';
import { PROGRAM } from './program.js';

// What Node may do is limited by --permission, which was experimental in Node 20.
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';

const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-permissions-'));
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  await setBackend('cpu');
  const model = vgg([[1, 4]], { inputShape: [8, 8, 3], classes: 3, hiddenUnits: [] });
  writeFileSync(at('net.safetensors'), await encodeWeights(model));
  writeFileSync(at('image.png'), Buffer.from(IMAGES.png, 'base64'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a command that may read everything, and what is given besides. */
async function allowed(
  permissions: string[],
  ...args: string[]
): Promise<[code: number | null, said: string]> {
  const flags = [PERMISSION, '--allow-fs-read=*', ...permissions];
  const child = spawn(process.execPath, [...flags, PROGRAM, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const code = new Promise<number | null>((resolve) => child.on('close', resolve));
  const said = await text(child.stderr);
  return [await code, said];
}

const convert = ['convert', at('net.safetensors'), at('net.pth')];

test('a file is replaced, with its mode, where only writing is permitted', async () => {
  writeFileSync(at('net.pth'), '');
  chmodSync(at('net.pth'), 0o640);
  expect((await allowed([`--allow-fs-write=${folder}/`], ...convert))[0]).toBe(0);
  const { size, mode } = statSync(at('net.pth'));
  expect([size > 0, mode & 0o777]).toEqual([true, 0o640]);
});

test('what is not permitted is named, with the permission that it needs', async () => {
  const classify = [
    'classify',
    at('image.png'),
    '--weights',
    at('net.safetensors'),
    '--preprocessing',
    'plain',
  ];
  const train = ['train', '--threads', '2', '--out', at('run')];
  const said = await Promise.all([
    allowed([], ...convert),
    allowed([], ...classify),
    allowed(['--allow-addons', `--allow-fs-write=${folder}/`], ...train),
  ]);
  expect(said).toEqual([
    [1, expect.stringContaining('Node was started without the permission for it; add --allow-fs-read and')],
    [1, expect.stringContaining('without the permission for addons; start Node with --allow-addons')],
    [1, expect.stringContaining('without the permission for threads; add --allow-worker')],
  ]);
});

test('a folder that was removed under the command is named', async () => {
  mkdirSync(at('gone'));
  const script = `process.chdir(${JSON.stringify(at('gone'))}); require('node:fs').rmdirSync('../gone');`;
  writeFileSync(at('leave.cjs'), script);
  const flags = ['--require', at('leave.cjs')];
  const child = spawn(process.execPath, [...flags, PROGRAM, 'train'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  expect(await text(child.stderr)).toBe(
    'train: the folder that it was started in was removed; start it in another.\n',
  );
});

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import nodeUtil from 'node:util';
import { afterAll, beforeEach, expect, test, vi } from 'vitest';
import { useBackend } from '../../src/cli/backend.js';
import { loadTfjsNode } from '../../src/cli/tfjsNode.js';

/** Node 22 has what tfjs-node calls; later ones lack it. */
const util = nodeUtil as Partial<typeof nodeUtil>;

const folder = mkdtempSync(join(tmpdir(), 'vgg-tfjs-node-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  vi.stubEnv('VGG_BLOCKS_TFJS_NODE', undefined);
  util.isNullOrUndefined ??= (() => false) as never;
  return () => vi.unstubAllEnvs();
});

const loaded: string[] = [];
Object.assign(globalThis, { tfjsNodeLoaded: loaded });

/** Writes a package that runs a line, in the modules of a folder, and returns its own folder. */
function write(home: string, name: string, line = `tfjsNodeLoaded.push('${name}')`): string {
  const path = join(folder, home, 'node_modules/@tensorflow', name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'index.js'), `${line};`);
  return path;
}

const from = (home: string) => join(folder, home, 'cli.js');

test('takes the package beside the library, rather its GPU variant, or the one in VGG_BLOCKS_TFJS_NODE', () => {
  write('one', 'tfjs-node');
  loadTfjsNode(from('one'));
  write('both', 'tfjs-node');
  write('both', 'tfjs-node-gpu');
  loadTfjsNode(from('both'));
  vi.stubEnv('VGG_BLOCKS_TFJS_NODE', write('elsewhere', 'third'));
  loadTfjsNode(from('both'));
  expect(loaded).toEqual(['tfjs-node', 'tfjs-node-gpu', 'third']);
});

test('says what is missing', () => {
  expect(() => loadTfjsNode(from('none'))).toThrow(
    'the tensorflow backend is not installed: run npm install @tensorflow/tfjs-node, or @tensorflow/tfjs-node-gpu for a GPU.',
  );
  vi.stubEnv('VGG_BLOCKS_TFJS_NODE', '/nowhere');
  expect(() => loadTfjsNode(from('one'))).toThrow(
    'the tensorflow backend is not installed: there is no package in VGG_BLOCKS_TFJS_NODE, /nowhere; set it to the folder of @tensorflow/tfjs-node.',
  );
});

test('says why it could not be loaded', () => {
  const path = write('broken', 'tfjs-node', "throw new Error('no tfjs_binding.node\\nlook here')");
  expect(() => loadTfjsNode(from('broken'))).toThrow(
    `the tensorflow backend could not be loaded from ${join(path, 'index.js')} (no tfjs_binding.node); reinstall it, with its install script.`,
  );
});

test('says of a package that registers no backend, or elsewhere, where it is', async () => {
  await expect(useBackend({ backend: 'tensorflow' })).rejects.toThrow(
    'the tensorflow backend is not installed',
  );
  const path = write('strange', 'other');
  vi.stubEnv('VGG_BLOCKS_TFJS_NODE', relative('.', path));
  await expect(useBackend({ backend: 'tensorflow' })).rejects.toThrow(
    `the package in VGG_BLOCKS_TFJS_NODE, ${relative('.', path)}, does not register the tensorflow backend here; set it to the folder of a @tensorflow/tfjs-node that uses the same @tensorflow/tfjs-core.`,
  );
  expect(loaded.at(-1)).toBe('other');
});

test('refuses a Node that is too new for it', () => {
  delete util.isNullOrUndefined;
  write('new', 'tfjs-node');
  expect(() => loadTfjsNode(from('new'))).toThrow(
    `the tensorflow backend does not run on Node ${process.version}, only on Node 22 and older (tensorflow/tfjs#8609); use one of these, or the wasm backend.`,
  );
});

import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { createProgram } from '../../src/cli/program.js';
import { errorOf } from '../../src/cli/wording.js';

const subpaths = Object.keys(packageJson.exports).filter((path) => path !== './package.json');
const commands = createProgram().commands.map((command) => command.name());

test.each(subpaths)('what a function of %s refuses, a command says in its own name', async (subpath) => {
  const module: object = await import(new URL(`../../src/${subpath}/index.ts`, import.meta.url).href);
  const names = Object.entries(module)
    .filter(([name, one]) => typeof one === 'function' && !/Error$/.test(name))
    .map(([name]) => name);
  expect(names.length).toBeGreaterThan(0);
  for (const command of commands)
    expect(names.map((name) => errorOf(`${name}: it is wrong.`, command))).toEqual(
      names.map(() => `${command}: it is wrong.`),
    );
});

test('an error of the engine is said to be a fault of the library, and its own errors are not', () => {
  const { error } = (() => {
    try {
      return { error: (undefined as unknown as { x: Error }).x };
    } catch (error) {
      return { error };
    }
  })();
  expect(errorOf(error, 'classify')).toMatch(
    /^classify: there is a fault in vgg-blocks \(Cannot read properties of undefined .*\); please report it, with the command\.$/,
  );
  expect(errorOf(new RangeError('explain: no.'), 'gradcam')).toBe('gradcam: no.');
  const memory = new RangeError('WebAssembly.instantiate(): Out of memory: Cannot allocate Wasm memory');
  expect(errorOf(memory, 'train')).toBe(
    'train: the memory of the wasm backend could not be allocated; raise the limit (ulimit -v), or use --threads 1.',
  );
  expect(errorOf('no.', undefined)).toBe('no.');
  const open = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  expect(errorOf(open, undefined)).toBe('too many files are open; raise the limit (ulimit -n).');
});

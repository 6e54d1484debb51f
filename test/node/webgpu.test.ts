import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { memory, setBackend, sum, tensor } from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { webgpuBackend } from '../../src/node/index.js';
import { hasWebgpu } from '../support/dawn.js';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Runs a program in a new process, without WebGPU yet, and returns its output. */
function inProcess(program: string, env: Record<string, string> = {}): string {
  const imports = "const { webgpuBackend } = await import('./src/node/index.ts');\n";
  const args = ['--import', 'tsx', '--input-type=module', '--eval', imports + program];
  return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8', env: { ...process.env, ...env } })
    .stdout;
}

const NO_DRIVER = { VK_DRIVER_FILES: '/no/such/driver.json' };

const available = await hasWebgpu();

describe.skipIf(!available)('webgpuBackend', () => {
  test('returns the adapter, and tfjs computes on it', async () => {
    const adapter = await webgpuBackend();
    expect(adapter.description).not.toBe('');
    expect(typeof adapter.software).toBe('boolean');
    expect(await setBackend('webgpu')).toBe(true);
    const before = memory().numTensors;
    const x = tensor([1, 2, 3.5]);
    const y = sum(x);
    expect([...(await y.data())]).toEqual([6.5]);
    x.dispose();
    y.dispose();
    expect(memory().numTensors).toBe(before);
  });

  test('has no effect when called again', async () => {
    const { gpu } = navigator as unknown as { gpu: object };
    expect(await webgpuBackend()).toBe(await webgpuBackend());
    expect((navigator as unknown as { gpu: object }).gpu).toBe(gpu);
  });

  test('a process that used it ends, and its navigator keeps its other properties', () => {
    const program = `
      Object.defineProperty(globalThis, 'navigator', { value: { language: 'eo' }, configurable: true });
      await webgpuBackend();
      const tf = await import('@tensorflow/tfjs-core');
      await tf.setBackend('webgpu');
      console.log(navigator.language, tf.getBackend(), (await tf.square(tf.scalar(2)).data())[0]);`;
    expect(inProcess(program)).toBe('eo webgpu 4\n');
  });

  test('an earlier import of the backend is reported', () => {
    const program = `
      await import('@tensorflow/tfjs-backend-webgpu');
      await webgpuBackend().catch(({ message }) => console.log(message));
      console.log(typeof GPUDevice, globalThis.navigator?.gpu);`;
    expect(inProcess(program)).toBe(
      'webgpuBackend: @tensorflow/tfjs-backend-webgpu was imported before WebGPU was available and did not register; let webgpuBackend import it.\nundefined undefined\n',
    );
  });
});

describe('without WebGPU', () => {
  test.skipIf(process.platform !== 'linux')(
    'a missing adapter is one clear sentence, and no global is set',
    () => {
      const program = `
      await webgpuBackend().catch(({ message }) => console.log(message));
      console.log(typeof GPUDevice, globalThis.navigator?.gpu);`;
      const [sentence, globals] = inProcess(program, NO_DRIVER).trim().split('\n');
      expect(sentence).toMatch(/^webgpuBackend: no WebGPU adapter found. One needs a GPU with .*\.$/);
      expect(globals).toBe('undefined undefined');
    },
  );

  test.skipIf(!available).each(['webgpu', '@tensorflow/tfjs-backend-webgpu'])(
    'a missing package, %s, is reported with the command that installs it, and no global is set',
    (name) => {
      const hook = `export const resolve = (specifier, context, next) => {
        if (specifier !== '${name}') return next(specifier, context);
        throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
      };`;
      const program = `
        const { register } = await import('node:module');
        register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});
        await webgpuBackend().catch(({ message }) => console.log(message));
        console.log(typeof GPUDevice, globalThis.navigator?.gpu);`;
      expect(inProcess(program)).toBe(
        `webgpuBackend: the package ${name} is not installed; run npm install ${name}.\nundefined undefined\n`,
      );
    },
  );
});

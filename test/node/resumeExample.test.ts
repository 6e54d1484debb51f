import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'vgg-resume-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the example, until it prints a text if there is one. */
async function example(run: string, killedAt?: string): Promise<string> {
  const args = ['--import', 'tsx', 'examples/resume.ts', join(folder, run), '3', '200'];
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const child = spawn(process.execPath, ['--import', `${root}test/support/signaled.mjs`, ...args], {
    cwd: root,
    env: { ...process.env, SIGNAL_AT: killedAt },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (text) => {
    out += text;
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(killedAt ? null : 0);
  return out;
}

test('the example of resuming goes on after it was killed, to the same weights', async () => {
  expect(await example('killed', 'epoch 2:')).toMatch(/^a new run/);
  expect(await example('killed')).toMatch(/^going on after epoch [12]\n[\s\S]*epoch 3: [\s\S]*done; /);
  expect(await example('whole')).toMatch(/^a new run[\s\S]*done; /);
  const weights = (run: string) => {
    const model = join(folder, run, 'model');
    return readFileSync(join(model, readdirSync(model).find((name) => name.endsWith('.bin'))!));
  };
  expect(weights('killed').equals(weights('whole'))).toBe(true);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const script = `${root}node_modules/.cache/vgg-blocks/signals-${process.pid}.mjs`;

/** A run that hears the first signal and then computes without end, once the next would end it. */
const RUN = `
import { handleSignals, stopOnSignal } from './src/cli/process.ts';
handleSignals();
const signal = stopOnSignal();
process.on('removeListener', (name) => {
  if (String(name).startsWith('SIG')) console.log(name);
  if (name === 'SIGHUP') setTimeout(() => { for (;;); });
});
const wait = setInterval(() => {}, 1000);
console.log('began');
`;

beforeAll(() =>
  build({
    ...{ stdin: { contents: RUN, resolveDir: root }, outfile: script, bundle: true, platform: 'node' },
    format: 'esm',
  }),
);
afterAll(() => rm(script, { force: true }));

test.skipIf(process.platform === 'win32').each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  'a second %s ends a run at once, even while it computes',
  async (signal) => {
    const child = spawn(process.execPath, [script], { env: { ...process.env, _: 'node' } });
    let out = '';
    for await (const chunk of child.stdout) {
      const before = out;
      out += chunk;
      if (before === '' || out.includes('SIGHUP')) child.kill(signal);
    }
    if (child.signalCode === null) await once(child, 'exit');
    // The shell's exit code is 128 plus its number.
    expect([child.signalCode, out]).toEqual([signal, 'began\nSIGINT\nSIGTERM\nSIGHUP\n']);
  },
);

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The command line in JavaScript: a process then starts in a third of the time that it takes from the sources. */
export const PROGRAM = await bundled();

async function bundled(): Promise<string> {
  const cache = `${root}node_modules/.cache`;
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(`${cache}/vgg-blocks-cli-`);
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  await build({
    entryPoints: { main: `${root}src/cli/main.ts`, imageThread: `${root}src/node/imageThread.ts` },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
  });
  writeFileSync(`${folder}/package.json`, '{ "type": "module" }');
  return `${folder}/main.js`;
}

interface Outcome {
  code: number | null;
  out: string;
  error: string;
}

/**
 * Starts the command line, with variables added to the environment (SIGNAL_AT sends it a signal, see signaled.mjs), its output in a
 * pipe or an open file, in a folder, its input from nothing or an open file; a command that leaves tensors behind fails.
 */
export function start(
  args: string[],
  env: Record<string, string> = {},
  stdout: 'pipe' | number = 'pipe',
  cwd = root,
  stdin: 'ignore' | number = 'ignore',
): {
  child: ChildProcess;
  outcome: Promise<Outcome>;
} {
  const preloaded = ['cli/leaks', 'support/signaled'].flatMap((name) => [
    '--import',
    `${root}test/${name}.mjs`,
  ]);
  const child = spawn(process.execPath, [...preloaded, PROGRAM, ...args], {
    cwd,
    env: { ...process.env, ...env },
    stdio: [stdin, stdout, 'pipe'],
  });
  let [out, error] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    error += chunk;
  });
  const outcome = new Promise<Outcome>((resolve) =>
    child.on('close', (code) => resolve({ code, out, error })),
  );
  return { child, outcome };
}

/** Runs the command line to its end. */
export const run = (...args: string[]) => start(args).outcome;

/** Arguments in which those of `instead` replace the values of their flags, which may be given once. */
export function replaced(args: readonly string[], instead: readonly string[]): string[] {
  const isReplaced = (arg: string | undefined) => /^--/.test(arg ?? '') && instead.includes(arg!);
  return [...args.filter((arg, i) => !isReplaced(arg) && !isReplaced(args[i - 1])), ...instead];
}

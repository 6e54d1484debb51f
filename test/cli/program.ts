import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

const PRELOADED = ['--import', 'tsx', '--import', './test/cli/leaks.ts'];

interface Outcome {
  code: number | null;
  out: string;
  error: string;
}

/** Starts the command line, with variables added to the environment, and its output in a pipe or an open file; a command that leaves tensors behind fails. */
export function start(
  args: string[],
  env: Record<string, string> = {},
  stdout: 'pipe' | number = 'pipe',
): {
  child: ChildProcess;
  outcome: Promise<Outcome>;
  out: () => string;
} {
  const child = spawn(process.execPath, [...PRELOADED, 'src/cli/main.ts', ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', stdout, 'pipe'],
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
  return { child, outcome, out: () => out };
}

/** Runs the command line to its end. */
export const run = (...args: string[]) => start(args).outcome;

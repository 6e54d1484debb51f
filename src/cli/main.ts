#!/usr/bin/env node
import { isError } from '../base/realm.js';
import { handleOutputErrors, handleSignals } from './process.js';
import { complain, errorOf } from './wording.js';

handleSignals();
handleOutputErrors();

const NO_FOLDER = 'the folder that it was started in was removed; start it in another.';

/** Whether the process asked for its current folder, of which Node says "ENOENT: no such file or directory, uv_cwd". */
function isWithoutFolder(error: unknown): boolean {
  return isError(error) && 'syscall' in error && error.syscall === 'uv_cwd';
}

let command: string | undefined;
try {
  // What it imports may be missing, which is an error like others only if it is imported here.
  const { createProgram } = await import('./program.js');
  await createProgram()
    .hook('preAction', (_, action) => {
      command = action.name();
    })
    .parseAsync();
} catch (error) {
  // Commander's errors have one; help or the version was printed.
  const code = (error as { exitCode?: number }).exitCode;
  // The library's errors are sentences that say what to do; a stack would only hide them.
  if (code === undefined) complain(errorOf(isWithoutFolder(error) ? NO_FOLDER : error, command));
  process.exitCode ??= code ?? 1;
}

#!/usr/bin/env node
import { CommanderError } from 'commander';
import { isError } from '../base/realm.js';
import { handleOutputErrors, handleSignals } from './process.js';
import { createProgram } from './program.js';
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
  await createProgram()
    .hook('preAction', (_, action) => {
      command = action.name();
    })
    .parseAsync();
} catch (error) {
  // Help or the version was printed.
  const code = error instanceof CommanderError ? error.exitCode : undefined;
  // The library's errors are sentences that say what to do; a stack would only hide them.
  if (code === undefined) complain(errorOf(isWithoutFolder(error) ? NO_FOLDER : error, command));
  process.exitCode ??= code ?? 1;
}

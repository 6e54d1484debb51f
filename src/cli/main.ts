#!/usr/bin/env node
import { attempted } from '../base/check.js';
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
// Such as of a thread that cannot start; what tfjs's wasm backend listens with would throw it again.
const { error: print } = console;
process.on('uncaughtException', (error) => {
  // It is muted while a backend starts.
  attempted(() => Object.assign(console, { error: print }));
  complain(errorOf(error, command));
  process.exit(process.exitCode || 1);
});
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

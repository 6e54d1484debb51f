#!/usr/bin/env node
import { CommanderError } from 'commander';
import { messageOf } from '../base/realm.js';
import { handleOutputErrors, handleSignals } from './process.js';
import { createProgram } from './program.js';
import { complain, errorOf } from './wording.js';

handleSignals();
handleOutputErrors();

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
  if (code === undefined) complain(errorOf(messageOf(error), command));
  process.exitCode ??= code ?? 1;
}

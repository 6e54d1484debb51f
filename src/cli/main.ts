#!/usr/bin/env node
import { messageOf } from '../base/realm.js';
import { handleOutputErrors, handleSignals } from './process.js';
import { createProgram } from './program.js';
import { errorOf } from './wording.js';

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
  // The library's errors are sentences that say what to do; a stack would only hide them.
  console.error(errorOf(messageOf(error), command));
  process.exitCode ??= 1;
}

#!/usr/bin/env node
import { messageOf } from '../base/realm.js';
import { handleOutputErrors, handleSignals } from './process.js';
import { createProgram } from './program.js';
import { inFlags } from './wording.js';

handleSignals();
handleOutputErrors();

try {
  await createProgram().parseAsync();
} catch (error) {
  // The library's errors are sentences that say what to do; a stack would only hide them.
  console.error(inFlags(messageOf(error)));
  process.exitCode ??= 1;
}

#!/usr/bin/env node
import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { diagramCommand, summaryCommand, tallyCommand } from './describe.js';
import { trainCommand } from './train.js';

const { version, description } = JSON.parse(
  await readFile(new URL('../package.json', import.meta.url), 'utf8'),
);

const program = new Command('vgg-blocks')
  .description(description)
  .version(version)
  .showHelpAfterError('(add --help for the options)')
  .addCommand(trainCommand())
  .addCommand(summaryCommand())
  .addCommand(tallyCommand())
  .addCommand(diagramCommand());

try {
  await program.parseAsync();
} catch (error) {
  // The library's errors are sentences that say what to do; a stack would only hide them.
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

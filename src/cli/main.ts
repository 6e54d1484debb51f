#!/usr/bin/env node
import { Command } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { messageOf } from '../base/realm.js';
import { benchCommand } from './bench.js';
import { classifyCommand } from './classify.js';
import { convertCommand } from './convert.js';
import { evaluateCommand } from './evaluate.js';
import { featuresCommand } from './features.js';
import { finetuneCommand } from './finetune.js';
import { gradcamCommand } from './gradcam.js';
import { inspectCommand } from './inspect.js';
import { lpipsCommand } from './lpips.js';
import { diagramCommand, summaryCommand, tallyCommand } from './plans.js';
import { handleOutputErrors, handleSignals } from './process.js';
import { inFlags } from './reading.js';
import { similarCommand } from './similar.js';
import { styleCommand } from './style.js';
import { trainCommand } from './train.js';
import { visualizeCommand } from './visualize.js';

const program = new Command('vgg-blocks')
  .description(manifest.description)
  .version(manifest.version)
  .showHelpAfterError('(add --help for the options)')
  .addCommand(trainCommand())
  .addCommand(summaryCommand())
  .addCommand(tallyCommand())
  .addCommand(diagramCommand())
  .addCommand(inspectCommand())
  .addCommand(convertCommand())
  .addCommand(classifyCommand())
  .addCommand(featuresCommand())
  .addCommand(gradcamCommand())
  .addCommand(visualizeCommand())
  .addCommand(finetuneCommand())
  .addCommand(evaluateCommand())
  .addCommand(styleCommand())
  .addCommand(similarCommand())
  .addCommand(lpipsCommand())
  .addCommand(benchCommand());

handleSignals();
handleOutputErrors();

try {
  await program.parseAsync();
} catch (error) {
  // The library's errors are sentences that say what to do; a stack would only hide them.
  console.error(inFlags(messageOf(error)));
  process.exitCode ??= 1;
}

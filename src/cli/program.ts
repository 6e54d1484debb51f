import { Command } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { benchCommand } from './bench.js';
import { classifyCommand } from './classify.js';
import { compressCommand } from './compress.js';
import { convertCommand } from './convert.js';
import { evaluateCommand } from './evaluate.js';
import { featuresCommand } from './features.js';
import { finetuneCommand } from './finetune.js';
import { gradcamCommand } from './gradcam.js';
import { inspectCommand } from './inspect.js';
import { lpipsCommand } from './lpips.js';
import { refuseEmpty } from './options.js';
import { diagramCommand, summaryCommand, tallyCommand } from './plans.js';
import { refusing, refusingUnknown } from './refusals.js';
import { refusingRepeats } from './repeats.js';
import { similarCommand } from './similar.js';
import { styleCommand } from './style.js';
import { trainCommand } from './train.js';
import { visualizeCommand } from './visualize.js';

/** The command line with all of its commands, which throw what they refuse. */
export function createProgram(): Command {
  const program = new Command('vgg-blocks')
    .description(manifest.description)
    .version(manifest.version)
    .hook('preAction', (_, action) => refuseEmpty(action))
    .addCommand(trainCommand())
    .addCommand(summaryCommand())
    .addCommand(tallyCommand())
    .addCommand(diagramCommand())
    .addCommand(inspectCommand())
    .addCommand(convertCommand())
    .addCommand(compressCommand())
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
  for (const command of [program, ...program.commands]) refusing(refusingRepeats(command));
  return refusingUnknown(program);
}

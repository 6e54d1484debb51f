import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { alexNetPlan, cost, diagram, OPTIMIZERS, plan, summary, tally, VGG11 } from 'vgg-blocks';
import { writeFileAtomic } from 'vgg-blocks/node';
import {
  ARCH_HELP,
  type Architecture,
  checkEnding,
  numberIn,
  parseArchitecture,
  planOf,
  shared,
} from './options.js';
import { printing } from './process.js';

interface ShapeOptions {
  ratio: number;
  size: number;
  channels: number;
  classes: number;
  batchNorm?: true;
}

/** Networks by the names that they are given by. */
type Networks = Readonly<Record<string, Architecture>>;

function named(name: string, before: Networks = {}): Networks {
  if (Object.hasOwn(before, name))
    throw new InvalidArgumentError('It is given twice; name each network once.');
  return { ...before, [name]: parseArchitecture(name) };
}

const network = (name: string, description: string) => new Argument(name, description);

function planFor(of: Architecture, { ratio, size, channels, classes, batchNorm }: ShapeOptions) {
  return planOf(of, ratio, { inputShape: [size, size, channels], classes, batchNorm });
}

function withShape(command: Command): Command {
  for (const option of [
    shared.ratio(1),
    shared.size(224),
    shared.channels(),
    shared.classes(),
    shared.batchNorm(),
  ]) {
    command.addOption(option);
  }
  return command;
}

/** `vgg-blocks summary`: the layers with their shapes, and the cost of training. */
export function summaryCommand(): Command {
  const command = new Command('summary')
    .description(
      'print every block and layer with its output shape, parameters and multiply-accumulates, and the cost of training',
    )
    .addArgument(network('[network]', `alexnet, ${ARCH_HELP} (default: vgg11)`).argParser(parseArchitecture))
    .addOption(numberIn('count', '--batch <n>', 'batch size for the cost', 128))
    .addOption(
      new Option('--optimizer <name>', 'optimizer for the cost')
        .choices(Object.keys(OPTIMIZERS))
        .default('sgd'),
    );
  return withShape(printing(command)).action((of: Architecture = VGG11, options) => {
    const rows = planFor(of, options);
    const { macs, bytes, receptiveField } = cost(rows, {
      batchSize: options.batch,
      optimizer: options.optimizer,
    });
    console.log(`${summary(rows)}\n
one training step of ${options.batch} images with ${options.optimizer}:
  ${amount(macs.trainingStep)}MACs (${amount(macs.forward)}MACs forward)
  ${amount(bytes.training)}B = weights ${amount(bytes.weights)}B + activations ${amount(bytes.activations)}B + gradients ${amount(bytes.gradients)}B + optimizer ${amount(bytes.optimizerState)}B
receptive field of the last feature map: ${receptiveField.size} pixels, stride ${receptiveField.stride}`);
  });
}

/** `vgg-blocks tally`: the parameters of AlexNet and VGG-11, counted as in the chapter's discussion. */
export function tallyCommand(): Command {
  return printing(new Command('tally'))
    .description("print the parameter tally of the chapter's discussion: AlexNet next to VGG-11")
    .addOption(shared.channels().default(3))
    .action(({ channels }) => {
      const inputShape = [224, 224, channels] as const;
      console.log(tally({ AlexNet: alexNetPlan({ inputShape }), 'VGG-11': plan(VGG11, { inputShape }) }));
    });
}

/** `vgg-blocks diagram`: draws networks as an SVG. */
export function diagramCommand(): Command {
  const command = new Command('diagram')
    .description('draw networks side by side as an SVG')
    .addArgument(
      network('[networks...]', 'networks, each as for summary (default: alexnet vgg11)').argParser(named),
    )
    .option('--out <file>', 'write to this file, ending in .svg, instead of standard output');
  return withShape(printing(command)).action(async (networks: Networks, options) => {
    if (options.out) checkEnding('diagram', options.out, '.svg');
    const given = Object.entries(networks);
    const drawn =
      given.length > 0 ? given : Object.entries<Architecture>({ alexnet: 'alexnet', vgg11: VGG11 });
    const svg = diagram(Object.fromEntries(drawn.map(([name, of]) => [name, planFor(of, options)])));
    if (options.out) await writeFileAtomic(options.out, svg);
    else console.log(svg);
  });
}

/** 4619768832 as '4.62 G'. */
function amount(n: number): string {
  const power = Math.min(4, Math.floor(Math.log10(Math.max(1, n)) / 3));
  return `${Number((n / 1000 ** power).toPrecision(3))} ${['', 'k', 'M', 'G', 'T'][power]}`;
}

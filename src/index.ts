/**
 * VGG networks for TensorFlow.js, built from blocks.
 *
 * @packageDocumentation
 */
export type { Progress } from './base/progress.js';
export {
  type Block,
  type ConvArch,
  IMAGENET,
  scaleArch,
  VGG11,
  VGG13,
  VGG16,
  VGG16C,
  VGG19,
} from './core/arch.js';
export { vggBlock } from './core/block.js';
export { type Cost, type CostRow, cost } from './core/cost.js';
export { diagram } from './core/diagram.js';
export { FAMILY, type FamilyMember, type FamilyName } from './core/family.js';
export { type FullyConvolutionalOptions, fullyConvolutional } from './core/fullyConvolutional.js';
export { OPTIMIZERS, type OptimizerName } from './core/optimizers.js';
export {
  type AlexNetOptions,
  type BatchNormOptions,
  type ImageShape,
  INITIALIZERS,
  type Initializer,
  type NetworkOptions,
  type VggOptions,
} from './core/options.js';
export { type ParamCount, paramCount } from './core/params.js';
export { alexNetPlan, type LayerKind, type Plan, type PlanRow, plan } from './core/plan.js';
export type { Padding } from './core/sizes.js';
export { summary } from './core/summary.js';
export { tally } from './core/tally.js';
export { vgg } from './core/vgg.js';
export { alexNet, smallArch, vgg11, vgg13, vgg16, vgg19 } from './core/zoo.js';

import type { TensorInfo } from '@tensorflow/tfjs-core';
import { addressOf, inPlaceOf } from './backend.js';
import { multiply } from './product.js';
import { type OwnCall, PER_NUMBER, PER_TERM, runTasks, shares, type Tools } from './run.js';
import type { Task } from './tasks.js';
import { type Step, stepOf, update } from './update.js';

/**
 * One pass over the weights pays while it multiplies few numbers, which two products would read from the caches more often:
 * at most this number of rows of dY for each row of weights, or this fraction of all rows.
 */
const FEW = { rows: 16, fraction: 0.6 };

/** The numbers of a step that `denseGradient` takes. */
const NUMBERS = 10;

/**
 * The gradients of a dense layer, and its optimizer's step, whose new weights take the memory of the old unless another tensor
 * shares it.
 */
export function denseGrad(call: OwnCall<'DenseGrad'>): TensorInfo[] {
  const { backend, inputs, attrs } = call;
  const { x, dy, weights } = inputs;
  const step = attrs.update && stepOf(attrs.update.kernel, inputs, attrs.update.numbers);
  const dx = attrs.wantsX ? backend.makeOutput(x.shape, 'float32') : undefined;
  const operands = { x, dy, weights, dx };
  const result = isOnePass(call) ? onePass(call, operands, step) : twoProducts(call, operands, step);
  return [result, ...(dx ? [dx] : [])];
}

interface Operands {
  x: TensorInfo;
  dy: TensorInfo;
  weights: TensorInfo;
  /** The output for the gradient of x, if it is wanted. */
  dx: TensorInfo | undefined;
}

function isOnePass({ backend, kernels, inputs, attrs }: OwnCall<'DenseGrad'>): boolean {
  const { x, dy } = inputs;
  const [rows, columns] = x.shape as [number, number];
  const count = rows * columns;
  const units = dy.shape[1]!;
  if (units % 4 > 0 || count * units === 0) return false;
  const zeros = attrs.behindRelu || !attrs.wantsX ? kernels.zeros(count, addressOf(backend, x)) : 0;
  return count - zeros <= Math.max(FEW.rows * columns, FEW.fraction * count);
}

function onePass(
  call: OwnCall<'DenseGrad'>,
  { x, dy, weights, dx }: Operands,
  step: Step | undefined,
): TensorInfo {
  const { backend, kernels, filters, attrs } = call;
  const to = step ? inPlaceOf(backend, weights) : backend.makeOutput(weights.shape, 'float32');
  // The numbers of a tensor change here, as nowhere else.
  if (step) filters.forget(weights.dataId);
  const [m, k, n] = [...x.shape, dy.shape[1]] as [number, number, number];
  const tensors = [x, dy, weights, dx].map((tensor) => addressOf(backend, tensor));
  const [first, second] = (step?.state ?? []).map((slot) => addressOf(backend, slot));
  const numbers = [...(step?.numbers ?? []), ...Array(NUMBERS).fill(0)].slice(0, NUMBERS);
  const target = addressOf(backend, to);
  const tasks = shares(call, k, n * (m * PER_TERM + 3 * PER_NUMBER)).map(
    ([from, end]): Task => ({
      kernel: 'denseGradient',
      bytes: kernels.denseGradientBytes(m, n),
      args: (work) => [
        ...[m, n, k, from, end, ...tensors, Number(attrs.behindRelu)],
        ...[target, step?.rule ?? 0, first ?? 0, second ?? 0, ...numbers, work],
      ],
    }),
  );
  runTasks(call, tasks);
  return to;
}

/** The same by two products, and a pass for the step. */
function twoProducts(tools: Tools, { x, dy, weights, dx }: Operands, step: Step | undefined): TensorInfo {
  const { backend } = tools;
  const [m, k, n] = [...x.shape, dy.shape[1]] as [number, number, number];
  const gradient = backend.makeOutput(weights.shape, 'float32');
  const [a, b, w] = [x, dy, weights].map((tensor) => addressOf(backend, tensor)) as [number, number, number];
  if (dx) {
    const sizes = { m, n: k, k: n, stepsA: [4 * n, 4], stepsB: [4, 4 * n], relu: false } as const;
    multiply(tools, sizes, { a: b, b: w, bias: 0, c: addressOf(backend, dx) });
  }
  const sizes = { m: k, n, k: m, stepsA: [4, 4 * k], stepsB: [4 * n, 4], relu: false } as const;
  multiply(tools, sizes, { a, b, bias: 0, c: addressOf(backend, gradient) });
  if (!step) return gradient;
  const to = update({ ...tools, inputs: { weights, gradient } }, step);
  backend.disposeData(gradient.dataId);
  return to;
}

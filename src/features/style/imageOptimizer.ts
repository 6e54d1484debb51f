import { clipByValue, type Tensor, type Tensor4D, tensor, train, type Variable } from '@tensorflow/tfjs-core';
import { Lbfgs } from './lbfgs.js';

/** The losses of an image, and their gradient. */
interface Measured<Losses> {
  losses: Losses;
  gradient: Tensor4D;
}

/** Minimizes a loss of an image step by step, with values kept from 0 to 1. */
export interface ImageOptimizer<Losses> {
  /** Takes one step and returns the latest losses, and whether the image moved: it does not when no step decreases the loss. */
  step(): Promise<{ losses: Losses; moved: boolean }>;
  dispose(): void;
}

/**
 * Creates an optimizer of an image.
 *
 * @param measure computes the losses and the gradient of the current image; the optimizer disposes the gradient.
 */
export function imageOptimizer<Losses extends { total: number }>(
  name: 'lbfgs' | 'adam',
  rate: number,
  image: Variable,
  measure: () => Promise<Measured<Losses>>,
): ImageOptimizer<Losses> {
  return name === 'adam' ? adam(rate, image, measure) : lbfgs(rate, image, measure);
}

function adam<Losses>(
  rate: number,
  image: Variable,
  measure: () => Promise<Measured<Losses>>,
): ImageOptimizer<Losses> {
  // PyTorch's epsilon; tfjs's default is large compared with the gradients of an image.
  const optimizer = train.adam(rate, 0.9, 0.999, 1e-8);
  return {
    async step() {
      const { losses, gradient } = await measure();
      optimizer.applyGradients([{ name: image.name, tensor: gradient }]);
      gradient.dispose();
      assign(image, clipByValue(image, 0, 1));
      return { losses, moved: true };
    },
    dispose: () => optimizer.dispose(),
  };
}

/** Fractions of a move, tried in this order until the loss decreases. */
const FRACTIONS = [1, 0.5, 0.25, 0.1, 0.03, 0.01];

function lbfgs<Losses extends { total: number }>(
  rate: number,
  image: Variable,
  measure: () => Promise<Measured<Losses>>,
): ImageOptimizer<Losses> {
  const method = new Lbfgs(rate);
  const look = async () => {
    const { losses, gradient } = await measure();
    const slopes = await gradient.data<'float32'>().finally(() => gradient.dispose());
    return { losses, slopes };
  };
  let here: Awaited<ReturnType<typeof look>> | undefined;
  return {
    async step() {
      here ??= await look();
      if (!Number.isFinite(here.losses.total)) return { losses: here.losses, moved: false };
      const numbers = await image.data<'float32'>();
      do {
        const move = method.move(numbers, here.slopes);
        for (const fraction of FRACTIONS) {
          const trial = numbers.map((one, i) => Math.max(0, Math.min(1, one + fraction * move[i]!)));
          assign(image, tensor(trial, image.shape));
          const there = await look();
          if (there.losses.total < here.losses.total) {
            here = there;
            return { losses: here.losses, moved: true };
          }
        }
      } while (method.forget());
      assign(image, tensor(numbers, image.shape));
      return { losses: here.losses, moved: false };
    },
    dispose() {},
  };
}

function assign(image: Variable, value: Tensor): void {
  image.assign(value);
  value.dispose();
}

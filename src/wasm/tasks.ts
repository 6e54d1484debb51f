/** The kernels that may run on other threads, each on a share of the work. */
export const SHARED_KERNELS = [
  'prepareFilter',
  'convolve',
  'direct',
  'filterGradient',
  'directFilterGradient',
  'product',
  'productOfFew',
  'sparseProduct',
  'maxPool',
  'maxPoolGradient',
  'averagePool',
  'averagePoolGradient',
  'maxPoolChoices',
  'spreadChoices',
  'clamp',
  'reluGradient',
  'denseGradient',
  'sumRows',
  'sumColumns',
  'addNumbers',
  'normSums',
  'normApply',
  'normGradientSums',
  'normInputGradient',
  'sgdUpdate',
  'momentumUpdate',
  'adamUpdate',
] as const;

/** A run of a kernel. */
export interface Task {
  kernel: (typeof SHARED_KERNELS)[number];
  /** Bytes of working memory; default none. */
  bytes?: number;
  /** The kernel's arguments, from the address of its working memory. */
  args(work: number): readonly number[];
}

/** Divides units into at most `maximum` ranges, with the end excluded; none is empty, and the first is never the largest. */
export function rangesOf(units: number, maximum: number): [from: number, to: number][] {
  const count = Math.max(1, Math.min(maximum, units));
  const start = (i: number) => Math.floor((i * units) / count);
  return Array.from({ length: count }, (_, i) => [start(i), start(i + 1)]);
}

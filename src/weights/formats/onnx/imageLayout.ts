import { LAYOUT_KEY } from '../metadata.js';
import type { OnnxModel } from './model.js';

/** What is computed of images number by number, before they are transposed. */
const PREPARING = ['Identity', 'Cast', 'Add', 'Sub', 'Mul', 'Div', 'Neg', 'Clip'];

/** Whether a graph takes its images with channels last: the file says so, or it moves them to the front itself. */
export function isChannelsLast({ nodes, metadata }: OnnxModel, input: string): boolean {
  const layout = metadata.get(LAYOUT_KEY);
  if (layout !== undefined) return layout === 'NHWC';
  const prepared = new Set([input]);
  return nodes.some(({ op, inputs, outputs, attributes }) => {
    if (!inputs.some((name) => prepared.has(name))) return false;
    if (PREPARING.includes(op)) for (const name of outputs) prepared.add(name);
    return op === 'Transpose' && String(attributes.get('perm')) === '0,3,1,2';
  });
}

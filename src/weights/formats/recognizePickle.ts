import type { WeightFile } from './file.js';

/** Bytes of a pickle's end that are searched; Paddle stores its names of all parameters there. */
const TAIL_BYTES = 2 ** 18;

/** Whether a file begins like a pickle of protocol 0, which is text: a dict, a list, or an object. */
export function isPickle0(head: Uint8Array): boolean {
  return /^(\([dl]p?\d*\n|ccopy_reg\n|c__builtin__\n|cnumpy)/.test(new TextDecoder('latin1').decode(head));
}

/** What a pickle is that torch.save did not write. */
export async function pickleKind(file: WeightFile): Promise<string> {
  const length = Math.min(file.size, TAIL_BYTES);
  const text = new TextDecoder('latin1').decode(await file.read(file.size - length, length));
  return text.includes('StructuredToParameterName@@')
    ? 'a Paddle .pdparams file; read it in Python with paddle.load and save its arrays with safetensors.numpy.save_file'
    : 'a bare pickle and not a file of torch.save; load it in Python and save its arrays with safetensors.numpy.save_file, or a state dict with torch.save';
}

import { printable } from './error.js';
import type { WeightFile } from './file.js';

/** Bytes by which a file is found to be text, and bytes of a text that are looked at. */
const HEAD_BYTES = 512;
const TEXT_BYTES = 2 ** 14;

/** Answers of hubs and servers that people save as a weight file. */
const SERVER_ERROR =
  /^\W*(entry not found|invalid username or password|invalid credentials|repository not found|revision not found|access to (model|this)|404\b|not found|forbidden|unauthorized|access ?denied|rate limit|too many requests|internal (server )?error)/i;

/**
 * Kinds of texts by their beginning. The sentences continue "it is". No pattern may divide the same text in several ways, or one that
 * almost fits takes forever: ten lines of comments did.
 */
const TEXTS: readonly (readonly [pattern: RegExp, kind: string])[] = [
  [
    /^version https:\/\/(git-lfs|hawser)/,
    'a Git LFS pointer; fetch the file itself, with `git lfs pull` or from its download address',
  ],
  [
    /^\s*(<!doctype html|<html|<head|<body)/i,
    'a web page, perhaps an error page of the server; check the address',
  ],
  [
    /^\s*(<\?xml[^>]*>\s*)?<net\s/,
    'an OpenVINO model; use the weights of the model that it was converted from',
  ],
  [/^\s*(<!doctype|<\?xml|<error>)/i, 'a web page, perhaps an error page of the server; check the address'],
  [
    /^([^\S\n]*(#[^\n]*|\w+[^\S\n]*:[^{}\n]*)?\n|[^\S\n]*input_shape\s*(:\s*)?\{[^}]*\})*[^\S\n]*layers?\s*\{/,
    'a prototxt, which describes a Caffe network; its weights are in the .caffemodel, so convert that to PyTorch or Keras (for example with caffemodel2pytorch) and use the result',
  ],
  [/^\s*node\s*\{/, 'a TensorFlow graph as text; use the weights of the Keras model that it was made from'],
  [
    /^model_checkpoint_path:/,
    'the list of a folder of TensorFlow checkpoints; read one in Python with tf.train.load_checkpoint and save its tensors with safetensors.numpy.save_file',
  ],
  [
    /^4\n1\n3\nV 1\n/,
    'a Torch7 file as text; read it in Torch7 and save it as binary, then in Python with torchfile.load and safetensors.numpy.save_file',
  ],
  [
    /^([^\S\n]*(#[^\n]*)?\n)*[^\S\n]*\[(net|convolutional)\]/,
    "darknet's description of a network; its weights are in the .weights file",
  ],
  [
    /^(backend|class_name|config):/,
    'a model\'s architecture without its weights; save both, with model.save("vgg.keras")',
  ],
];

/** What a text is; undefined for anything else. */
export async function textKind(file: WeightFile): Promise<string | undefined> {
  const head = await file.read(0, Math.min(file.size, HEAD_BYTES));
  if (!isText(head, head.length === file.size)) return undefined;
  const text = new TextDecoder().decode(await file.read(0, Math.min(file.size, TEXT_BYTES)));
  const line = printable(text.trim().split('\n')[0]!.slice(0, 80));
  return (
    knownText(text, line) ??
    (line === '' ? 'empty but for blanks; get it again' : `text ('${line}'); use a weight file`)
  );
}

/** What a server sent in place of a file that is nothing but numbers; undefined if it seems to be that file. */
export async function pageKind(file: WeightFile): Promise<string | undefined> {
  const head = await file.read(0, Math.min(file.size, HEAD_BYTES));
  // Fewer bytes may be numbers that happen to look like text.
  if (head.length < 9 || !isText(head, head.length === file.size)) return undefined;
  const text = new TextDecoder().decode(head);
  return knownText(text, printable(text.trim().split('\n')[0]!.slice(0, 80)));
}

function knownText(text: string, line: string): string | undefined {
  const known = TEXTS.find(([pattern]) => pattern.test(text));
  return known?.[1] ?? (SERVER_ERROR.test(text) ? serverError(line) : undefined);
}

/** The kind of the file that is a server's answer in place of it. */
function serverError(answer: string): string {
  return `a server's answer ('${answer}') in place of the file; check the address, and the token if it is private`;
}

/** Whether bytes are printable UTF-8. A character may be cut off at their end if they are not all. */
function isText(bytes: Uint8Array, whole: boolean): boolean {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: !whole });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: text has none of these.
    return !/[\0-\x08\x0e-\x1f\x7f]/.test(text);
  } catch {
    return false;
  }
}

/** What JSON is that has no weights and names none. */
export function jsonKind(json: Record<string, unknown>): string | undefined {
  const error = json.error ?? (json.documentation_url && json.message);
  if (typeof error === 'string') return serverError(printable(error.slice(0, 80)));
  if (typeof json.class_name === 'string' && typeof json.config === 'object') {
    return 'a model\'s architecture without its weights, as Keras\' to_json gives it; save both, with model.save("vgg.keras")';
  }
  if (json.architectures ?? json.architecture ?? json.model_type ?? json.pretrained_cfg) {
    return 'the config.json of a repository; use the weights beside it, such as model.safetensors';
  }
  return undefined;
}

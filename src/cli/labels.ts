import { readFile, stat } from 'node:fs/promises';
import { Option } from 'commander';
import { LABELS } from 'vgg-blocks/imagenet';
import { failureReason } from '../base/systemReason.js';

/** The option that names the classes. */
export function labelsOption(): Option {
  return new Option(
    '--labels <file>',
    "class names: text with one per line, or JSON, a list or an index such as Keras' imagenet_class_index.json (default: those in the weights, ImageNet's for 1000 classes, otherwise numbers)",
  );
}

/** The names of a network's classes: those in a file, those that it carries, ImageNet's, or numbers. */
export async function labelsOf(
  command: string,
  file: string | undefined,
  { classes, classNames }: { classes?: number; classNames?: readonly string[] },
): Promise<readonly string[]> {
  if (file === undefined) {
    if (classNames) return classNames;
    return classes === LABELS.length ? LABELS : Array.from({ length: classes! }, (_, i) => `class ${i}`);
  }
  const bytes = await readNames(file).catch((error: Error) => {
    throw new Error(
      `${command}: the labels in ${file} could not be read (${failureReason(error)}); check --labels.`,
    );
  });
  // Windows writes UTF-16 in places. The decoder removes the mark at the beginning.
  const isUtf16 = bytes[0] === 0xff && bytes[1] === 0xfe;
  const text = textOf(`${command}: ${file}`, bytes, isUtf16 ? 'utf-16le' : 'utf-8');
  const labels = isJson(text) ? labelsOfJson(`${command}: ${file}`, text) : linesOf(text);
  if (labels.length !== classes) {
    throw new Error(
      `${command}: ${file} lists ${labels.length} classes, but the network has ${classes}; write one per line.`,
    );
  }
  return labels;
}

/** The most bytes that a file of labels may have: far more than the names of any network's classes. */
const MAX_BYTES = 2 ** 26;

/** Reads a file, or what another program writes (`<(sort names)`); other pipes and devices may never end. */
async function readNames(file: string): Promise<Uint8Array> {
  const found = await stat(file);
  const isOpen = /^\/(dev\/(stdin$|fd\/)|proc\/)/.test(file);
  if (!found.isFile() && !found.isDirectory() && !isOpen) throw new Error('it is a pipe or a device');
  if (found.size > MAX_BYTES) throw new Error(`it has ${found.size} bytes, more than ${MAX_BYTES}`);
  return readFile(file);
}

/** Names in another encoding would be printed with marks for their letters, and folders not found by them. */
function textOf(where: string, bytes: Uint8Array, encoding: string): string {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Error(
      `${where} is not text in ${encoding.toUpperCase()}; save it as UTF-8, e.g. with iconv -f latin1 -t utf8.`,
      { cause },
    );
  }
}

/** The first names of a list, for messages. */
export function someOf(names: readonly string[]): string {
  return `${names.slice(0, 5).join(', ')}${names.length > 5 ? ', ...' : ''}`;
}

/** The class that a label or a number stands for. */
export function classOf(command: string, name: string, labels: readonly string[]): number {
  const index = labels.includes(name) ? labels.indexOf(name) : Number(name);
  const other = labels.indexOf(name, index + 1);
  if (other > index) {
    throw new Error(
      `${command}: the classes ${index} and ${other} are both called ${JSON.stringify(name)}; pass the number of one.`,
    );
  }
  if (name.trim() !== '' && labels[index] !== undefined) return index;
  throw new Error(
    `${command}: there is no class ${JSON.stringify(name)}; use a label, such as ${labels.slice(0, 3).join(', ')}, or a number from 0 to ${labels.length - 1}.`,
  );
}

const isJson = (text: string) => /^\s*[[{]/.test(text);

/** Names as a file that {@link labelsOf} reads: a line for each, or a list in JSON if lines would be read as other names. */
export function textOfLabels(names: readonly string[]): string {
  const lines = `${names.join('\n')}\n`;
  const isRead = !isJson(lines) && JSON.stringify(linesOf(lines)) === JSON.stringify(names);
  return isRead ? lines : `${JSON.stringify(names, null, 2)}\n`;
}

function linesOf(text: string): string[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/**
 * The labels of a JSON file: a list of names, or a table from the number of each class to its name (`id2label` of Hugging Face) or to
 * a list that ends in it (Keras' `["n01440764", "tench"]`).
 */
function labelsOfJson(where: string, text: string): string[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${where} begins like JSON but is not (${(cause as Error).message}); mend it.`, {
      cause,
    });
  }
  const table = Object((json as { id2label?: unknown }).id2label ?? json) as Record<string, unknown>;
  const count = Object.keys(table).length;
  return Array.from({ length: count }, (_, i) => {
    const entry = table[i];
    const name = Array.isArray(entry) ? entry.at(-1) : entry;
    if (typeof name !== 'string') {
      throw new Error(
        `${where} has no name for class ${i}; use a list of names, or a table from the numbers 0 to ${count - 1} to names.`,
      );
    }
    return name;
  });
}

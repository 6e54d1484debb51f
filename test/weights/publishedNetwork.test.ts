import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FAMILY } from '../../src/index.js';
import { withCheckpoint } from '../../src/weights/formats/checkpoint.js';
import { PUBLISHED, type PublishedWeights } from '../../src/weights/index.js';
import { vggByNames } from '../../src/weights/names/network.js';
import { checkPublished } from '../../src/weights/publishedNetwork.js';

const rows = Object.entries(PUBLISHED).filter(([name]) => name.startsWith('timm/')) as [
  string,
  PublishedWeights,
][];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vgg-published-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The names and shapes of a file of timm's, whose layers have the places that torch.nn.Sequential gives them. */
function timmShapes(title: string, classes: number, widen: number): Record<string, number[]> {
  const hasNorm = title.endsWith('-BN');
  const { arch } = Object.values(FAMILY).find((one) => one.title === title.replace('-BN', ''))!;
  const shapes: Record<string, number[]> = {};
  let [at, inputs] = [0, 3];
  for (const [convs, channels] of arch) {
    for (let i = 0; i < convs; i++) {
      const outputs = channels * widen;
      shapes[`features.${at}.weight`] = [outputs, inputs, 3, 3];
      shapes[`features.${at}.bias`] = [outputs];
      if (hasNorm) {
        for (const name of ['weight', 'bias', 'running_mean', 'running_var'])
          shapes[`features.${at + 1}.${name}`] = [outputs];
      }
      at += hasNorm ? 3 : 2;
      inputs = outputs;
    }
    at++;
  }
  const top: [string, number[]][] = [
    ['pre_logits.fc1', [4096, inputs, 7, 7]],
    ['pre_logits.fc2', [4096, 4096, 1, 1]],
    ['head.fc', [classes, 4096]],
  ];
  for (const [name, kernel] of top) {
    shapes[`${name}.weight`] = kernel;
    shapes[`${name}.bias`] = [kernel[0]!];
  }
  return shapes;
}

/** Such a file in full size, of which only the header takes room on the disk. */
function written(title: string, classes = 1000, widen = 1): string {
  let end = 0;
  const header = Object.entries(timmShapes(title, classes, widen)).map(([name, shape]) => {
    const start = end;
    end += 4 * shape.reduce((a, b) => a * b);
    return [name, { dtype: 'F32', shape, data_offsets: [start, end] }];
  });
  const text = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const path = join(folder, 'model.safetensors');
  const file = openSync(path, 'w');
  writeSync(file, Buffer.concat([length, text]));
  ftruncateSync(file, 8 + text.length + end);
  closeSync(file);
  return path;
}

const check = (path: string, row: PublishedWeights) =>
  withCheckpoint(path, {}, async (checkpoint) => checkPublished('x', row, vggByNames(checkpoint)));

test.each(rows)("%s: timm's own file is of its entry, and that of another is not", async (_, row) => {
  await check(written(row.title), row);
  await expect(check(written(row.title, 10), row)).rejects.toThrow('parameters for 10 classes, but it is');
  await expect(check(written(row.title, 1000, 2), row)).rejects.toThrow(
    `x: the server sent ${row.title} of `,
  );
  const path = written(row.title === 'VGG-13' ? 'VGG-16' : 'VGG-13');
  await expect(check(path, row)).rejects.toThrow(`but it is ${row.title} of ${row.params} parameters for`);
});

test('a configuration of another network is not of an entry', () => {
  expect(() => checkPublished('x', PUBLISHED['timm/vgg11'], undefined)).toThrow(
    'x: the server sent another network, but it is VGG-11 of 132863336 parameters for 1000 classes;',
  );
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { labelsOf, textOfLabels } from '../../src/cli/labels.js';

test('names are written so that they are read as they were, a line for each where that is so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'classes.txt');
  expect(textOfLabels(['cats', 'big dogs'])).toBe('cats\nbig dogs\n');
  for (const names of [
    ['cats', 'big dogs'],
    ['a\nb', 'c'],
    ['a\rb', 'c'],
    [' a', 'b'],
    ['', 'b'],
    ['[a', 'b'],
    ['{"0": "x"}', 'b'],
    ['\ufeffa', 'b'],
    ['\u001b[31m', '\u2028'],
  ]) {
    writeFileSync(file, textOfLabels(names));
    expect(await labelsOf('classify', file, { classes: names.length })).toEqual(names);
  }
});

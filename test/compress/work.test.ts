import { expect, test } from 'vitest';
import { workInSteps } from '../../src/compress/work.js';

test('work is reported in steps of equal size, of which there may be more than was thought, and never backwards', async () => {
  const seen: [done: number, total: number][] = [];
  const work = await workInSteps(async (...progress) => void seen.push(progress));
  work.plan(5e9);
  for (let part = 0; part < 10; part++) await work.spend(5e8);
  work.plan(4e9);
  for (let part = 0; part < 8; part++) await work.spend(5e8);
  await work.finish();
  expect(seen).toEqual([
    [0, 1],
    [1, 3],
    [2, 3],
    [3, 5],
    [4, 5],
    [5, 5],
  ]);
});

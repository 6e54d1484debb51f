import { expect, test } from 'vitest';
import { owning } from '../../src/base/owning.js';

test('what is taken is given back, the last first', async () => {
  const given: string[] = [];
  const result = await owning(async (own) => {
    const first = own('first', (one) => given.push(one));
    own('second', async (one) => given.push(one));
    expect(given).toEqual([]);
    return first;
  });
  expect([result, given]).toEqual(['first', ['second', 'first']]);
});

test('all of it, whatever fails, and the first error is thrown', async () => {
  const given: string[] = [];
  const giveBack = (one: string) => {
    given.push(one);
    throw new Error(`${one} cannot be given back`);
  };
  const failed = owning(async (own) => {
    own('first', giveBack);
    own('second', giveBack);
    throw new Error('no');
  });
  await expect(failed).rejects.toThrow('no');
  expect(given).toEqual(['second', 'first']);
  await expect(owning(async (own) => own('third', giveBack))).rejects.toThrow('third cannot be given back');
});

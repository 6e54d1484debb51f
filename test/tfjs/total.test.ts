import { type Scalar, scalar, tidy } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { total } from '../../src/tfjs/total.js';
import { backends, useBackend } from '../support/backends.js';

describe.each(backends)('on %s', (backend) => {
  beforeAll(() => useBackend(backend));

  test('the total of 40 tensors has all of them', async () => {
    const sum = tidy(() => total(Array.from({ length: 40 }, (_, i): Scalar => scalar(i + 1))));
    expect((await sum.data())[0]).toBe(820);
    sum.dispose();
  });
});

import { describe, expect, test } from 'vitest';
import { alexNetPlan, paramCount, plan, tally, VGG11, VGG16 } from '../../src/index.js';

const inputShape = [224, 224, 3] as const;

describe('the tally of the discussion', () => {
  // The figures are the discussion's own, line by line; its sum for VGG-11 leaves out the first 1728.
  test('AlexNet', () => {
    const { rows, total } = paramCount(alexNetPlan({ inputShape }), { count: 'tally' });
    expect(rows.map(({ params }) => params)).toEqual([34848, 614400, 884736, 1327104, 884736, 26218496]);
    expect(total).toBe(29964320);
    expect(total - 26218496).toBe(3745824);
  });

  test('VGG-11', () => {
    const { rows, total } = paramCount(plan(VGG11, { inputShape }), { count: 'tally' });
    const convolutions = [1728, 73728, 294912, 589824, 1179648, 2359296, 2359296, 2359296];
    expect(rows.map(({ params }) => params)).toEqual([...convolutions, 102764544]);
    expect(total).toBe(111982272);
    expect(total - 102764544).toBe(9217728);
    expect(total - 1728).toBe(111980544);
  });

  test('prints as a table with both networks', () => {
    const text = tally({ AlexNet: alexNetPlan({ inputShape }), 'VGG-11': plan(VGG11, { inputShape }) });
    expect(text.split('\n')).toHaveLength(12);
    expect(text).toMatch(/their sum +3745824 +9217728/);
    expect(text).toMatch(/total +29964320 +111982272$/);
  });
});

test.each([
  ['one linear layer', { hiddenUnits: [] }, 'predictions', 4 * 4 * 3 * 10 + 10],
  ['pooling', { hiddenUnits: [6, 5], pooling: 'avg' }, 'fc1', 3 * 6 + 6],
  ['adaptive pooling', { hiddenUnits: [6], adaptivePool: true }, 'fc1', 7 * 7 * 3 * 6 + 6],
  [
    'a convolutional top',
    { hiddenUnits: [6, 5], convolutionalTop: true, inputShape: [16, 16, 1] },
    'fc1',
    7 * 7 * 3 * 6 + 6,
  ],
] as const)('the tally counts the first fully connected layer of %s', (_, options, name, params) => {
  const rows = plan([[1, 3]], { inputShape: [8, 8, 1], convBias: false, ...options });
  expect(paramCount(rows, { count: 'tally' }).rows).toEqual([
    { name: 'block1_conv1', params: 27, trainable: 27 },
    { name, params, trainable: params },
  ]);
  expect(tally({ '': rows })).toMatch(new RegExp(`their sum +27\\n.*connected +${params}\\n`));
});

test('the moving statistics of batch normalization are not trainable', () => {
  const { total, trainable, rows } = paramCount(plan(VGG16, { inputShape, classes: 1000, batchNorm: true }));
  expect(trainable).toBe(138365992); // torchvision's vgg16_bn
  expect(total - trainable).toBe(2 * 4224); // 4224 channels over the 13 convolutions
  expect(rows[1]).toEqual({ name: 'block1_conv1_bn', params: 256, trainable: 128 });
});

test('an unknown way of counting is refused', () => {
  expect(() => paramCount(plan(VGG11), { count: 'some' as 'all' })).toThrow(
    'paramCount: count is "some"; it must be one of "all", "tally".',
  );
});

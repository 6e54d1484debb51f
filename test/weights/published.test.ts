import { expect, test } from 'vitest';
import { FAMILY, IMAGENET, paramCount, plan } from '../../src/index.js';
import { PUBLISHED, type PublishedWeights } from '../../src/weights/index.js';
import { fixtureJson } from '../support/fixtures.js';

const rows = Object.entries(PUBLISHED) as [string, PublishedWeights][];

test.each(rows)('%s: parameters and multiply-accumulates are those of its network', (_, row) => {
  const { arch } = Object.values(FAMILY).find(({ title }) => title === row.title.replace('-BN', ''))!;
  const network = plan(arch, {
    ...IMAGENET,
    batchNorm: row.title.endsWith('-BN'),
    includeTop: row.top,
  });
  expect(paramCount(network).trainable).toBe(row.params);
  if (row.macs !== undefined) expect(network.reduce((sum, { macs }) => sum + macs, 0)).toBe(row.macs);
});

test.each(rows)(
  '%s: its address is one of its publisher, and agrees with its sum',
  (name, { url, sha256, md5, bytes, source }) => {
    expect(url).toMatch(
      /^https:\/\/(download\.pytorch\.org|huggingface\.co\/timm|storage\.googleapis\.com\/tensorflow)\//,
    );
    expect(source).toMatch(/^https:\/\/github\.com\//);
    if (name.startsWith('torchvision/')) expect(url).toContain(`-${sha256}.pth`);
    if (md5 !== undefined) expect(md5).toMatch(/^[0-9a-f]{32}$/);
    if (name.startsWith('keras/')) expect(bytes).toBeGreaterThan(4 * PUBLISHED['keras/vgg16-notop'].params);
  },
);

test.each(rows)(
  '%s: its recipe is one of three',
  (name, { preprocessing: { channels, mean, std, white } }) => {
    // What black becomes: torchvision and timm divide by 255 first, Keras' caffe mode and SSD's weights do not in effect.
    const black = mean.map((m, i) => -m / std[i]!);
    if (name.startsWith('keras/'))
      expect([channels, white, black]).toEqual(['BGR', 255, [-103.939, -116.779, -123.68]]);
    else if (name.endsWith('features')) expect(black.map(Math.round)).toEqual([-123, -117, -104]);
    else expect(black.map((v) => Number(v.toFixed(4)))).toEqual([-2.1179, -2.0357, -1.8044]);
  },
);

test('no address occurs twice', () => {
  expect(new Set(rows.map(([, { url }]) => url)).size).toBe(rows.length);
});

test('Keras counts as many parameters', async () => {
  const counts = await fixtureJson<Record<string, number>>('keras/params.json');
  expect({
    VGG16: PUBLISHED['keras/vgg16'].params,
    'VGG16-notop': PUBLISHED['keras/vgg16-notop'].params,
    VGG19: PUBLISHED['keras/vgg19'].params,
    'VGG19-notop': PUBLISHED['keras/vgg19-notop'].params,
  }).toEqual(counts);
});

test.each([
  ['vgg11', 69.02],
  ['vgg13', 69.93],
  ['vgg16', 71.59],
  ['vgg19', 72.38],
  ['vgg11_bn', 70.37],
  ['vgg13_bn', 71.59],
  ['vgg16_bn', 73.36],
  ['vgg19_bn', 74.22],
] as const)('torchvision/%s has the accuracy that torchvision documents', (name, top1) => {
  expect(Number(PUBLISHED[`torchvision/${name}`].accuracy!.top1.toFixed(2))).toBe(top1);
});

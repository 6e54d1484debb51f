import { describe, expect, test } from 'vitest';
import { hubMetadata } from '../../src/weights/hubMetadata.js';
import { PUBLISHED } from '../../src/weights/index.js';

const TIMM = {
  input_size: [3, 224, 224],
  interpolation: 'bilinear',
  crop_pct: 0.875,
  crop_mode: 'center',
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  num_classes: 2,
};
const { preprocessing } = PUBLISHED['timm/vgg16'];

describe("timm's config.json", () => {
  test('a preprocessing of 100,000 lists within one another is said in its first ones', async () => {
    const mean = JSON.parse(`${'['.repeat(1e5)}${']'.repeat(1e5)}`);
    expect(hubMetadata({ pretrained_cfg: { mean } }, undefined).problem).toMatch(
      /^config\.json says mean \[\[\[\[\.\.\.\]\]\]\], which is incomplete/,
    );
  });

  test('gives the preprocessing of its evaluation transform', () => {
    expect(hubMetadata({ architecture: 'vgg16', pretrained_cfg: TIMM }, undefined)).toEqual({
      preprocessing,
    });
    expect(hubMetadata({ architecture: 'vgg16', ...TIMM }, undefined)).toEqual({ preprocessing });
    // timm rounds down: 96 / 0.875 is 109.7.
    const small = { ...TIMM, input_size: [3, 96, 96], crop_mode: undefined };
    expect(hubMetadata(small, undefined).preprocessing).toMatchObject({
      crop: 96,
      resize: { shorterSide: 109 },
    });
    expect(
      hubMetadata({ ...TIMM, crop_mode: 'squash', crop_pct: 1, interpolation: 'nearest' }, undefined),
    ).toEqual({
      preprocessing: { ...preprocessing, resize: { height: 224, width: 224 }, interpolation: 'nearest' },
    });
  });

  test.each([
    { mean: null },
    { std: undefined },
    { std: [1, 0, 1] },
    { mean: [0.5] },
    { mean: ['0', '0', '0'] },
    { input_size: [1, 224, 224] },
    { input_size: [3, 224, 192] },
    { input_size: 224 },
    { interpolation: 'bicubic' },
    { interpolation: undefined },
    { crop_pct: 0 },
    { crop_pct: undefined },
    { crop_pct: 1.2 },
    { crop_pct: 0.001 },
    { input_size: [3, 20_000, 20_000] },
    { crop_mode: 'border' },
  ])('no preprocessing where it is not stated or not possible: %j', (change) => {
    const { problem, ...metadata } = hubMetadata({ pretrained_cfg: { ...TIMM, ...change } }, undefined);
    expect(metadata).toEqual({});
    expect(problem).toMatch(/^config\.json says .*which is incomplete or not available here/);
  });

  test('gives the names of the classes, from a list or from a table without gaps', () => {
    const names = (config: object) => hubMetadata(config, undefined).classNames;
    expect(names({ num_classes: 2, label_names: ['a', 'b'], pretrained_cfg: {} })).toEqual(['a', 'b']);
    expect(names({ pretrained_cfg: { num_classes: 2, label_names: ['a', 'b'] } })).toEqual(['a', 'b']);
    expect(names({ num_classes: 2, labels: { 1: 'b', 0: 'a' } })).toEqual(['a', 'b']);
    expect(names({ num_classes: 2, label_names: { 0: 'a', 2: 'c' }, pretrained_cfg: {} })).toBeUndefined();
    expect(names({ num_classes: 3, label_names: ['a', 'b'], pretrained_cfg: {} })).toBeUndefined();
    expect(names({ label_names: [1, 2] })).toBeUndefined();
    expect(names({ label_names: [] })).toBeUndefined();
    const problem = (config: object) => hubMetadata(config, undefined).classNamesProblem;
    expect(problem({ num_classes: 3, label_names: ['a', 'b'], pretrained_cfg: {} })).toBe(
      'config.json has names for 2 classes, but the network has 3',
    );
    expect(problem({ label_names: { 0: 'a', 2: 'c' } })).toMatch(/^config\.json names classes neither in/);
    expect(problem({ label_names: ['a'.repeat(513)] })).toBe(
      'config.json has names of classes that are too long or too many',
    );
    expect(problem({ num_classes: 1, label_names: ['a'] })).toBe(
      "config.json has names for 1 class, but the network's one output tells two apart",
    );
    for (const config of [{ label_names: ['a'] }, { num_classes: 3 }, { num_classes: 1, labels: ['a', 'b'] }])
      expect(problem(config)).toBeUndefined();
  });
});

describe("transformers' files", () => {
  const PROCESSOR = {
    do_resize: true,
    size: { height: 224, width: 224 },
    resample: 2,
    do_rescale: true,
    rescale_factor: 0.00392156862745098,
    do_normalize: true,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  };
  const CROPPED = {
    size: { shortest_edge: 256 },
    do_center_crop: true,
    crop_size: { height: 224, width: 224 },
  };
  const half = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

  test('give a preprocessing only by preprocessor_config.json, and the names of the classes by id2label', () => {
    const config = { id2label: { 0: 'a', 1: 'b' } };
    expect(hubMetadata(config, undefined)).toEqual({ classNames: ['a', 'b'] });
    expect(hubMetadata(config, PROCESSOR)).toEqual({
      preprocessing: { ...preprocessing, ...half, resize: { height: 224, width: 224 } },
      classNames: ['a', 'b'],
    });
    expect(hubMetadata({}, { ...PROCESSOR, ...CROPPED })).toEqual({
      preprocessing: { ...preprocessing, ...half },
    });
  });

  test.each([
    { do_normalize: false },
    { do_resize: false },
    { do_rescale: undefined },
    { rescale_factor: 1 },
    { resample: 3 },
    { size: 224 },
    { size: { shortest_edge: 224 } },
    { size: { height: 224, width: 200 } },
    { do_center_crop: true, crop_size: { height: 256, width: 256 } },
    { do_pad: true },
    { image_mean: undefined },
  ])('no preprocessing where a step is not stated or not possible: %j', (change) => {
    const { problem, ...metadata } = hubMetadata({}, { ...PROCESSOR, ...change });
    expect(metadata).toEqual({});
    expect(problem).toMatch(/^preprocessor_config\.json says .*which is incomplete or not available here/);
  });
});

test.each([null, undefined, 3, 'x', [], { pretrained_cfg: null }])('%j says nothing', (value) => {
  expect(hubMetadata(value, value)).toEqual({});
});

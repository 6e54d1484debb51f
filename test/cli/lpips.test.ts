import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeImage } from '../../src/node/index.js';
import { LPIPS_FILE, NETWORK, TORCH, torchImages } from '../features/perceptual.js';
import { run } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-blocks-lpips-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (...names: string[]) => join(folder, ...names);
const USING = ['--weights', NETWORK, '--preprocessing', 'torchvision', '--calibration', LPIPS_FILE];

beforeAll(async () => {
  const [one, other] = torchImages();
  for (const side of ['before', 'after']) mkdirSync(at(side));
  await writeImage(at('before', 'same.png'), one!);
  await writeImage(at('after', 'same.png'), one!);
  await writeImage(at('before', 'changed.png'), one!);
  // Another ending and another kind of file.
  writeFileSync(
    at('after', 'changed.ppm'),
    Buffer.concat([Buffer.from('P6 48 64 255\n'), Buffer.from(other!.data)]),
  );
  await writeImage(at('before', 'alone.png'), one!);
  await writeImage(at('after', 'new.png'), one!);
  await writeImage(at('before', 'wide.png'), one!);
  await writeImage(at('after', 'wide.png'), { ...one!, width: 64, height: 48 });
});

describe('vgg-blocks lpips', () => {
  test("prints PyTorch's distance of two images, draws it, and fails where it is too large", async () => {
    const [torch] = TORCH.get('lpips')!.data;
    const pair = [at('before', 'changed.png'), at('after', 'changed.ppm')] as const;
    const map = at('map.png');
    const { code, out, error } = await run(
      ...['lpips', ...pair, ...USING, '--map', map, '--map-max', '4', '--json'],
      ...['--max', String(torch! - 1e-4)],
    );
    expect(error).toBe(`lpips: 1 of 1 distances are above ${torch! - 1e-4}.\n`);
    expect(code).toBe(1);
    const { distance, ...line } = JSON.parse(out);
    expect(line).toEqual({ image: pair[0], other: pair[1], map });
    expect(distance / torch!).toBeCloseTo(1, 4);
    const { width, height } = decode(readFileSync(map));
    expect(width).toBe(48);
    expect(height).toBeGreaterThan(64);
  });

  test('pairs the images of folders by name, and names those that it could not compare', async () => {
    const { code, out, error } = await run(
      ...['lpips', at('before'), at('after'), ...USING, '--map', at('maps')],
    );
    const distance = TORCH.get('lpips')!.data[0]!.toFixed(4);
    expect(out.split('\n')).toEqual([
      `${distance}  changed.png  ${at('maps', 'changed.png.lpips.png')}`,
      `0.0000  same.png  ${at('maps', 'same.png.lpips.png')}`,
      `mean ${(Number(distance) / 2).toFixed(4)}, largest ${distance}`,
      '',
    ]);
    expect(error.split('\n')).toEqual([
      `${at('before', 'alone.png')} has no partner in ${at('after')}.`,
      `${at('after', 'new.png')} has no partner in ${at('before')}.`,
      'wide.png: the images are 48x64 and 64x48; pass --resize to resize the second one.',
      'lpips: 1 of 3 pairs could not be compared.',
      '',
    ]);
    expect(code).toBe(1);
    expect(decode(readFileSync(at('maps', 'same.png.lpips.png'))).width).toBe(48);
  });

  test('compares one image with those of a folder, resized where asked', async () => {
    const { code, out, error } = await run(
      ...['lpips', at('before', 'same.png'), at('after'), ...USING, '--resize', '--json'],
    );
    expect([code, error]).toEqual([0, '']);
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ other }) => other)).toEqual(
      ['changed.ppm', 'new.png', 'same.png', 'wide.png'].map((name) => at('after', name)),
    );
    expect(lines.map(({ distance }) => distance > 0)).toEqual([true, false, false, true]);
  });

  test.each([
    [
      [at('before', 'same.png'), at('after', 'same.png'), '--weights', NETWORK, '--preprocessing', 'keras'],
      "lpips: the model's weights expect BGR from 0 to 255",
    ],
    [
      [at('before', 'same.png'), at('after', 'same.png'), ...USING, '--map', at('map.jpg')],
      `lpips: --map is ${at('map.jpg')}; use a name that ends in .png.`,
    ],
    [
      [at('before', 'same.png'), at('after', 'same.png'), ...USING, '--map-max', '1'],
      'lpips: --map-max is given without --map, and would change nothing; add --map, or leave it out.',
    ],
  ])(
    'refuses weights of other images, a map that is no PNG, and a scale of no map (%#)',
    async (args, message) => {
      const { code, out, error } = await run('lpips', ...args);
      expect([code, out, error.startsWith(message)]).toEqual([1, '', true]);
    },
  );
});

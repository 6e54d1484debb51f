import { describe, expect, test } from 'vitest';
import { printable, WeightFileError } from '../../src/weights/formats/error.js';

describe("a weight file's error", () => {
  test('is one sentence with file, tensor and reason', () => {
    const error = new WeightFileError('vgg.pth', 'it is damaged; get it again.', { tensor: 'conv1' });
    expect(error.message).toBe("vgg.pth: tensor 'conv1': it is damaged; get it again.");
    expect(error).toMatchObject({ file: 'vgg.pth', tensor: 'conv1', reason: 'it is damaged; get it again.' });
  });

  test.each([
    ['a long reason', 'vgg.pth', undefined],
    ['a long path', `/${'folder/'.repeat(100)}vgg.pth`, undefined],
    ["a long tensor's name", 'vgg.pth', 'x'.repeat(10_000)],
    ['everything long', 'y'.repeat(10_000), 'x'.repeat(10_000)],
  ])('has fewer than 500 characters: %s', (_, file, tensor) => {
    const list = Array.from({ length: 300 }, (_, i) => `features.${i}.weight`).join(', ');
    const { message, reason } = new WeightFileError(file, `it lacks ${list}; use another file.`, { tensor });
    expect(message.length).toBeLessThan(500);
    // The beginning says what is wrong, and the end what to do.
    expect(reason).toMatch(/^it lacks features\.0\.weight, .* \.\.\. .*; use another file\.$/);
    expect(message.endsWith(reason)).toBe(true);
  });

  test('keeps the end of a long path, which names the file', () => {
    const error = new WeightFileError(`/${'folder/'.repeat(100)}vgg.pth`, 'it is empty.');
    expect(error.message).toMatch(/^\.\.\.[a-z/]+\/vgg\.pth: it is empty\.$/);
    expect(error.file).toHaveLength(708);
  });

  test('has no control characters, wherever they come from', () => {
    const hostile = '\x1b[2J\x07\u202e\u0085\n';
    const error = new WeightFileError(`a${hostile}.pth`, `it has '${hostile}'.`, { tensor: hostile });
    expect(error.message).not.toMatch(/\p{C}/u);
    expect(error.reason).not.toMatch(/\p{C}/u);
    expect(error.file).toBe(`a${hostile}.pth`);
  });

  test('cuts names, and does not cut characters in half', () => {
    expect(printable('é'.repeat(120))).toBe('é'.repeat(120));
    expect(printable('x'.repeat(121))).toBe(`${'x'.repeat(117)}...`);
    expect(printable(`${'x'.repeat(116)}😀${'y'.repeat(9)}`)).not.toMatch(/\p{C}/u);
  });
});

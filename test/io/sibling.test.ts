import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { isInnerPath, siblingOf } from '../../src/io/sibling.js';
import { withoutNode } from '../support/withoutNode.js';

/** Paths that lead out of a folder, some of them only after `URL` has dropped or decoded a part. */
const OUTSIDE = [
  '',
  '.',
  './',
  'a/..',
  '../secret.bin',
  'a/../../secret.bin',
  '..\\secret.bin',
  'a\\..\\..\\secret.bin',
  '/etc/passwd',
  '\\etc\\passwd',
  '//host/x',
  '\t//host/x',
  '\\\\host\\x',
  '/\\host/x',
  'file:///etc/passwd',
  ' file:///etc/passwd',
  'fi\tle:///etc/passwd',
  'file:\n///etc/passwd',
  '\u0001file:///etc/passwd',
  'FILE:/etc/passwd',
  'file:x.bin',
  'http://127.0.0.1:1/x',
  ' http://127.0.0.1:1/x',
  'https:\\\\host\\x',
  'https://a.invalid/in/x',
  '//b.invalid/in/x',
  'data:,x',
  'blob:x',
  'javascript:x',
  'C:\\secret.bin',
  'C:secret.bin',
  'c|/secret.bin/../../../x',
  '%2e%2e/secret.bin',
  '%2E./secret.bin',
  '.%2e/secret.bin',
  '..%2fsecret.bin',
  'a/..%2f..%2fsecret.bin',
  '..%5csecret.bin',
  '%252e%252e/secret.bin',
  '..%252fsecret.bin',
  '%2fetc/passwd',
  'a\0b',
  'a\u007fb',
];

const SOURCES: [string, string | URL][] = [
  ['an address', 'http://127.0.0.1:8080/models/vgg/model.json?token=1'],
  ['an address at the root', 'https://host.example/model.json'],
  ['an address as URL', new URL('https://host.example/vgg/model.json')],
  ['a file URL', 'file:///models/vgg/model.json'],
  ['a file URL as URL', pathToFileURL('/models/vgg/model.json')],
  ['a path', '/models/vgg/model.json'],
  ['a relative path', 'model.json'],
  ['a path at the root', '/model.json'],
];

describe.each(SOURCES)('a path in a file at %s', (_, source) => {
  test.each(OUTSIDE)('that leads out of its folder is not followed: %j', (path) => {
    expect(siblingOf(source, path)).toBeUndefined();
  });
});

test.each(OUTSIDE)('nor has it a place among the files that a caller passes: %j', (path) => {
  expect(isInnerPath(path)).toBe(false);
});

test.each([
  'x.bin',
  './x.bin',
  'a/x.bin',
  'a/../x.bin',
  'group1-shard1of2.bin',
  'x y.bin',
  '..x',
  '...',
  'é.bin',
  'a+b.bin',
])('a path that stays in the folder is: %j', (path) => {
  expect(isInnerPath(path)).toBe(true);
  for (const [, source] of SOURCES) expect(siblingOf(source, path)).toBeDefined();
});

describe('a weight file beside its model', () => {
  test('has the address of the model, its query too, unless it has its own', () => {
    const model = 'https://host.example/a/model.json?token=1&x=%2F#top';
    expect(String(siblingOf(model, 'b/x y.bin'))).toBe('https://host.example/a/b/x%20y.bin?token=1&x=%2F');
    expect(String(siblingOf(model, 'x.bin?part=2'))).toBe('https://host.example/a/x.bin?part=2');
    expect(String(siblingOf(new URL(model), 'x.bin'))).toBe('https://host.example/a/x.bin?token=1&x=%2F');
  });

  test('of a path is a path, with every character as it is', () => {
    expect(siblingOf('/models/a/model.json', 'b/x%20y?.bin')).toBe('/models/a/b/x%20y?.bin');
    expect(siblingOf('model.json', 'x.bin')).toBe(join(process.cwd(), 'x.bin'));
    expect(String(siblingOf('file:///models/a/model.json', 'x.bin'))).toBe('file:///models/a/x.bin');
  });

  test('can be a symbolic link, as in the cache of a hub', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vgg-sibling-'));
    writeFileSync(join(folder, 'blob'), 'x');
    symlinkSync(join(folder, 'blob'), join(folder, 'x.bin'));
    expect(siblingOf(join(folder, 'model.json'), 'x.bin')).toBe(join(folder, 'x.bin'));
    rmSync(folder, { recursive: true });
  });

  test.each(['data:application/json,{}', 'blob:https://host.example/1'])(
    'has no place beside %s',
    (source) => {
      expect(siblingOf(source, 'x.bin')).toBeUndefined();
    },
  );
});

describe('in a browser', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  test('a relative address is one of the page', () => {
    withoutNode();
    vi.stubGlobal('document', { baseURI: 'https://host.example/app/page.html' });
    expect(String(siblingOf('models/model.json', 'x.bin'))).toBe('https://host.example/app/models/x.bin');
    for (const path of OUTSIDE) expect(siblingOf('models/model.json', path)).toBeUndefined();
  });
});

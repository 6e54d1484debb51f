import { describe, expect, test } from 'vitest';
import { linear, logarithmic, powersOfTen, tickStep, ticks } from '../../src/figures/scale.js';
import { element, svg, text } from '../../src/figures/svg.js';
import { markdownTable, table } from '../../src/figures/table.js';
import { scheduleFigure } from './scheduleFigure.js';

describe('SVG', () => {
  test('a document has its size, a title and a white background', () => {
    const parts = svg({ width: 40, height: 20, title: 'A & B', 'font-size': 11 }, ['<g/>']).split('\n');
    expect(parts[0]).toMatch(
      /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 40 20" width="40" /,
    );
    expect(parts[0]).toContain('font-size="11"');
    expect(parts.slice(1)).toEqual([
      '<title>A &#38; B</title>',
      '<rect width="40" height="20" fill="#fff"/>',
      '<g/>',
      '</svg>',
    ]);
  });

  test('attributes that are undefined are left out, numbers rounded and text escaped', () => {
    expect(element('path', { d: 'M0 0', fill: undefined, 'stroke-width': 0.123 })).toBe(
      '<path d="M0 0" stroke-width="0.12"/>',
    );
    expect(text(1, 2 / 3, 'a < "b"', { fill: '#fff' })).toBe(
      '<text x="1" y="0.67" fill="#fff">a &#60; &#34;b&#34;</text>',
    );
  });

  test('what XML has no characters for becomes U+FFFD, and whole characters stay', () => {
    expect(text(0, 0, '\u0001a\ud83d\tb\u{1f408}\uffff', { id: 'c\u001b' })).toBe(
      '<text x="0" y="0" id="c\ufffd">\ufffda\ufffd\tb\u{1f408}\ufffd</text>',
    );
  });
});

describe('scales', () => {
  test('map values to pixels, linearly or by their logarithms', () => {
    const y = linear([0, 3], [100, 0]);
    expect([y(0), y(1), y(3)]).toEqual([100, 66.67, 0]);
    const x = logarithmic([0.1, 1000], [0, 400]);
    expect([x(0.1), x(1), x(1000)]).toEqual([0, 100, 400]);
  });

  test('have ticks at 1, 2 or 5 times a power of ten', () => {
    expect([1, 2.4, 7, 99, 0.03].map((length) => tickStep(length, 6))).toEqual([0.2, 0.5, 2, 20, 0.005]);
    expect(ticks([0, 1], 0.2)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks([1, 10], 4)).toEqual([1, 5, 9]);
    expect(powersOfTen([0.1, 1600])).toEqual([0.1, 1, 10, 100, 1000]);
  });
});

describe('tables', () => {
  const rows = [
    ['name', 'count', 'note'],
    ['a', '10', ''],
    ['longer', '1', 'x'],
  ];

  test('have columns as wide as their widest cell, numbers to the right', () => {
    expect(table(rows, { right: [1] })).toBe('name    count  note\na          10\nlonger      1  x');
    expect(table(rows, { gap: 1 })).toBe('name   count note\na      10\nlonger 1     x');
  });

  test('are written as Markdown too', () => {
    expect(markdownTable(rows)).toBe(
      '| name | count | note |\n| --- | --- | --- |\n| a | 10 |  |\n| longer | 1 | x |',
    );
  });
});

// To draw it again: npx vitest run --project node test/figures -u
test("the docs' figure of schedules shows the rates as they are", async () => {
  await expect(scheduleFigure()).toMatchFileSnapshot('../../docs/figures/schedules.svg');
});

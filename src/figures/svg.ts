import { hundredths } from '../base/numbers.js';

/** Colors of text, normal and faint. */
export const INK = '#1c2733';
export const FAINT = '#5b6b7b';

/** Colors that people with red-green color blindness can tell apart (Okabe & Ito 2008). */
export const COLORS = { blue: '#0072b2', orange: '#d55e00', green: '#009e73' } as const;

type Attributes = Readonly<Record<string, string | number | undefined>>;

/**
 * An SVG document on a white background.
 *
 * @param head size in pixels, title for screen readers, and further attributes of the root.
 */
export function svg(
  { width, height, title, ...attributes }: { width: number; height: number; title: string } & Attributes,
  children: readonly string[],
): string {
  const root = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: 'img',
    'font-family': 'system-ui, sans-serif',
    'font-size': 12,
    fill: INK,
    ...attributes,
  };
  const background = element('rect', { width, height, fill: '#fff' });
  return element(
    'svg',
    root,
    ['', `<title>${escaped(title)}</title>`, background, ...children, ''].join('\n'),
  );
}

/** An element. Undefined attributes are left out; numbers are rounded to two decimals. */
export function element(name: string, attributes: Attributes, content?: string): string {
  const given = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? hundredths(value) : escaped(value!)}"`);
  return `<${name}${given.join('')}${content === undefined ? '/>' : `>${content}</${name}>`}`;
}

/** A line of text that begins at `x`, with its baseline at `y`. */
export function text(x: number, y: number, content: string | number, attributes: Attributes = {}): string {
  return element('text', { x, y, ...attributes }, escaped(String(content)));
}

/** What XML has no characters for, also escaped: control characters, halves of characters, U+FFFE and U+FFFF. */
const NOT_IN_XML = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;

/** Text escaped for XML. What has no place in it becomes U+FFFD. */
function escaped(content: string): string {
  return content
    .replace(NOT_IN_XML, '\ufffd')
    .replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

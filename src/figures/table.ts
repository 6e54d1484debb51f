import { plain } from '../base/printable.js';

/**
 * Rows as text, each column as wide as its widest cell, and each row one line whatever is in its cells.
 *
 * @param options `right`: the right-aligned columns. `gap`: the spaces between columns, default 2.
 */
export function table(
  rows: readonly (readonly string[])[],
  { right = [], gap = 2 }: { right?: readonly number[]; gap?: number } = {},
): string {
  const cells = rows.map((row) => row.map(plain));
  const widths = rows[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const padded = (cell: string, column: number) =>
    right.includes(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  return cells.map((row) => row.map(padded).join(' '.repeat(gap)).trimEnd()).join('\n');
}

/** Rows as a Markdown table; the first is the header. */
export function markdownTable([header, ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header!), line(header!.map(() => '---')), ...rows.map(line)].join('\n');
}

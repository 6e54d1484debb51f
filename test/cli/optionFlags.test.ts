import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { createProgram } from '../../src/cli/program.js';
import { inFlags } from '../../src/cli/wording.js';

const src = fileURLToPath(new URL('../../src/', import.meta.url));

/** The names of all options of the library, and its sentences and clauses, with 1 for what they quote. */
const { options, sentences } = library();

function library() {
  const found = { options: new Set<string>(), sentences: new Map<string, string>() };
  const visit = (node: ts.Node, file: string): void => {
    if (ts.isInterfaceDeclaration(node) && /Options$/.test(node.name.text)) {
      for (const { name } of node.members) if (name) found.options.add(name.getText());
    }
    const text = textOf(node);
    if (text?.includes(' ')) found.sentences.set(text, file);
    ts.forEachChild(node, (child) => visit(child, file));
  };
  for (const file of readdirSync(src, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.startsWith('cli')) continue;
    const text = readFileSync(src + file, 'utf8');
    visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true), file);
  }
  return found;
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return node.head.text + node.templateSpans.map(({ literal }) => `1${literal.text}`).join('');
}

/** Options that no command passes, or that a command checks itself, and those whose names are common words. */
const NOT_SAID = `
  adaptivePool baseline bytes channels checkpoint classNames classWeights clip convolutionalTop distill images keep labels name
  onProblem onProgress outputs range relaxedSimd source url window
`
  .trim()
  .split(/\s+/);

/** Texts that are no messages, or parts of one. */
const NO_MESSAGES = /such as \{|^Training over|allow: \[1\]$/;

test('the options and the sentences are found', () => {
  expect(options.size).toBeGreaterThan(100);
  expect(sentences.size).toBeGreaterThan(1000);
});

test('whatever sentence of the library names an option, the command line names a flag', () => {
  const said = [...options].filter((name) => !NOT_SAID.includes(name));
  const long = said.filter((name) => /[A-Z]/.test(name)).join('|');
  const all = said.join('|');
  const named = new RegExp(
    `(?<![-\\w])(${long})\\b(?!\\()|(?<![-\\w])(${all}): (['\\d[]|true\\b|false\\b)|^(\\w+: )?(${all}) (is|has|follows) |\\bpass (${all})(?=[;,.]| if\\b)|\\boption (${all})\\b`,
  );
  const left = [...sentences].filter(([text]) => !NO_MESSAGES.test(text) && named.test(inFlags(text)));
  expect(left.map(([text, file]) => `${file}: ${text} -> ${inFlags(text)}`)).toEqual([]);
});

test('every flag that it names is one of the command line', () => {
  const flags = new Set(
    createProgram().commands.flatMap((command) => command.options.map(({ long }) => long)),
  );
  const unknown = [...sentences.keys()].flatMap((text) =>
    [...inFlags(text).matchAll(/(?<![-\w])--[a-z][\w-]*/g)]
      .map(([flag]) => flag)
      .filter((flag) => !text.includes(flag)),
  );
  expect(unknown.filter((flag) => !flags.has(flag))).toEqual([]);
});

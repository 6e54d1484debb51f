import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command, Option } from 'commander';
import { afterAll, describe, expect, test } from 'vitest';
import { attempted } from '../../src/base/check.js';
import { createProgram } from '../../src/cli/program.js';
import { keptArguments } from '../../src/cli/runArguments.js';
import { type Begun, readBegun } from '../../src/cli/runDescription.js';
import { run } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'vgg-described-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = async (begun: unknown, command: Command) => {
  writeFileSync(join(folder, 'run.json'), JSON.stringify(begun));
  return readBegun(folder, command);
};

/** What may be given to options. */
const GIVEN = ['1', '0.5', 'cosine', '{"name":"step","every":3}', 'vgg11', '8x9x3', 'old=new', 'hf:a/b'];

/** A command with all of its options given, and those of one kind that may not be given together. */
function given(name: string): { command: Command; begun: Begun } {
  const command = createProgram().commands.find((one) => one.name() === name)!;
  const example = (option: Option) => {
    if (option.isBoolean() || option.negate) return !option.negate;
    if (!option.parseArg) return 'some text';
    const values = [...(option.argChoices ?? []), ...GIVEN].map((text) =>
      attempted(() => option.parseArg!(text, undefined)),
    );
    return values.find((value) => value !== undefined);
  };
  const values = command.options.map((option) => [option.attributeName(), example(option)]);
  const args = keptArguments(Object.fromEntries(values));
  const outcome = { accuracy: 0.5, leftOut: 1, failure: 'train: diverged.' };
  return { command, begun: { command: name, cwd: folder, args, outcome } };
}

const WRONG = [null, true, -0.5, '', 'nonsense', [], [1], {}, { a: 1 }];

describe.each(['train', 'finetune'])('the description of a run of %s', (name) => {
  const { command, begun } = given(name);
  const kinds = Object.fromEntries(command.options.map((option) => [option.attributeName(), option]));

  test('is read as it was written, whatever options were given', async () => {
    expect(Object.keys(begun.args).length).toBeGreaterThan(30);
    expect(Object.values(begun.args)).not.toContain(undefined);
    expect(await read(begun, command)).toEqual(JSON.parse(JSON.stringify(begun)));
    const { outcome, ...unfinished } = begun;
    expect(await read(unfinished, command)).toEqual(JSON.parse(JSON.stringify(unfinished)));
  });

  test.each(Object.keys(begun.args))('is refused with args.%s of another kind', async (field) => {
    const option = kinds[field]!;
    for (const wrong of WRONG) {
      if (typeof wrong === 'boolean' && (option.isBoolean() || option.negate)) continue;
      if (wrong === 'nonsense' && !option.parseArg) continue;
      if (field === 'rename' && JSON.stringify(wrong) === '{"a":1}') continue;
      await expect(
        read({ ...begun, args: { ...begun.args, [field]: wrong } }, command),
        JSON.stringify(wrong),
      ).rejects.toThrow(
        `${join(folder, 'run.json')} is not the description of a run (its args.${field} is ${JSON.stringify(wrong)}); restore it, or begin another run with --out.`,
      );
    }
  });

  test('is refused without a command', async () => {
    await expect(read({ ...begun, command: undefined }, command)).rejects.toThrow('(its command is missing)');
  });

  test.each(['command', 'cwd', 'args', 'outcome'] as const)(
    'is refused with %s of another kind',
    async (field) => {
      for (const wrong of WRONG) {
        if (typeof wrong === 'string' && wrong !== '' && field !== 'args' && field !== 'outcome') continue;
        if (field === 'args' && JSON.stringify(wrong) === '{}') continue;
        await expect(read({ ...begun, [field]: wrong }, command), JSON.stringify(wrong)).rejects.toThrow(
          / is not the description of a run \(it/,
        );
      }
    },
  );

  test.each(['accuracy', 'leftOut', 'failure'])(
    'is refused with outcome.%s of another kind',
    async (field) => {
      for (const wrong of WRONG) {
        if (wrong === null && field === 'accuracy') continue;
        if (wrong === 'nonsense' && field === 'failure') continue;
        await expect(
          read({ ...begun, outcome: { ...begun.outcome, [field]: wrong } }, command),
        ).rejects.toThrow(`(its outcome.${field} is ${JSON.stringify(wrong)}); restore it`);
      }
    },
  );

  test('is refused with what no option has, and as another value or no JSON', async () => {
    await expect(read({ ...begun, args: { ...begun.args, dta: 'idx' } }, command)).rejects.toThrow(
      '(it has an unknown args.dta); restore it',
    );
    for (const wrong of [null, 5, 'text', []]) await expect(read(wrong, command)).rejects.toThrow(`(it is `);
    writeFileSync(join(folder, 'run.json'), '{"command": "tr');
    expect(() => readBegun(folder, command)).toThrow('(it is not JSON); restore it');
  });
});

test.each([{ data: null }, { backend: 'xx' }])(
  '--resume says which argument of the description is damaged: %j',
  async (args) => {
    writeFileSync(join(folder, 'run.json'), JSON.stringify({ command: 'train', cwd: folder, args }));
    const [[name, value]] = Object.entries(args) as [[string, unknown]];
    expect(await run('train', '--resume', folder)).toEqual({
      code: 1,
      out: '',
      error: `train: ${join(folder, 'run.json')} is not the description of a run (its args.${name} is ${JSON.stringify(value)}); restore it, or begin another run with --out.\n`,
    });
  },
);

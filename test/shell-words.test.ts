import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { defineCommand } from '../src/commands/command.ts';
import { byteSize, choice, duration, list, text, toggle } from '../src/commands/flags.ts';
import { parseWords, splitPipeline } from '../src/shell/args.ts';
import { didYouMean } from '../src/shell/suggest.ts';

const command = defineCommand({
  name: 'try',
  kind: 'source',
  summary: 'a command',
  details: '',
  examples: [],
  args: 'URL',
  flags: {
    pathStyle: toggle('a switch'),
    format: choice(['csv', 'jsonl'], 'a choice'),
    tables: list('GLOB,…', 'a list'),
    memory: byteSize('a size'),
    settle: duration('a duration'),
    name: text('NAME', 'a text'),
  },
  make: () => async function* () {},
});
const parse = (...words: string[]) =>
  parseWords(command as unknown as Parameters<typeof parseWords>[0], words);

describe('the words after a command', () => {
  test('become options by their camel-case names, and arguments', () => {
    const { options, args } = parse(
      's3://b',
      '--path-style',
      '--format=csv',
      '--tables',
      'a,b',
      '--tables',
      'c',
      '--memory',
      '256MB',
      '--settle',
      '2h30m',
    );
    assert.deepEqual(options, {
      pathStyle: true,
      format: 'csv',
      tables: ['a', 'b', 'c'],
      memory: 256 * 2 ** 20,
      settle: 9e6,
    });
    assert.deepEqual(args, ['s3://b']);
  });

  test('after -- are arguments, whatever they look like, and - alone is one too', () => {
    assert.deepEqual(parse('-', '--', '--format').args, ['-', '--format']);
  });

  for (const [words, message] of [
    [['--fromat', 'csv'], /^unknown flag --fromat \(did you mean format\?\)$/],
    [['--format', 'xml'], /^--format: expected csv, jsonl, found xml$/],
    [['--format'], /^--format: expected csv\|jsonl after it, found nothing$/],
    [['--path-style=yes'], /^--path-style: expected no value, found yes$/],
    [['--memory', 'much'], /^--memory: expected a size such as 256MB, found much$/],
    [['--settle', '5 minutes'], /^--settle: expected a duration such as/],
  ] as const) {
    test(`are refused as usage: ${words.join(' ')}`, () => {
      assert.throws(() => parse(...words), { name: 'UsageError', exitCode: 2, message });
    });
  }
});

describe('a pipeline in quotes', () => {
  test('is split as a shell splits it', () => {
    assert.deepEqual(splitPipeline(`ls-groups 'a b' --tables "x|y" | decode a\\ b "it's" '' |to-sql`), [
      ['ls-groups', 'a b', '--tables', 'x|y'],
      ['decode', 'a b', "it's", ''],
      ['to-sql'],
    ]);
  });

  for (const [pipeline, message] of [
    ['decode |', /expected a command at place 2/],
    ["decode 'a", /expected a closing '/],
    ['decode a > b', /expected words, quotes and \|, found >/],
    ['decode $FILE', /found \$/],
  ] as const) {
    test(`is refused: ${pipeline}`, () =>
      assert.throws(() => splitPipeline(pipeline), { name: 'UsageError', message }));
  }
});

test('a name near the one given is suggested, a far one is not', () => {
  assert.equal(didYouMean('decod', ['decode', 'dedupe']), ' (did you mean decode?)');
  assert.equal(didYouMean('xyz', ['decode', 'dedupe']), '');
});

import type { Command } from '../commands/command.ts';
import { flagName } from '../commands/flags.ts';

const WIDTH = 100;

/** The complete help of a command. */
export function commandHelp(command: Command): string {
  const name = command.name;
  const flags = [...Object.entries(command.flags), ['help', { help: 'this text' }] as const].map(
    ([option, flag]) => {
      const value = 'value' in flag && flag.value !== undefined ? ` ${flag.value}` : '';
      return [`--${flagName(option)}${value}`, flag.help] as const;
    },
  );
  const usage = ['brigade', name, '[flags]', command.args].filter(Boolean).join(' ');
  return [
    `${command.summary}`,
    '',
    `Usage: ${usage}`,
    '',
    ...command.details
      .trim()
      .split('\n')
      .map((line) => line.trimEnd()),
    '',
    'Flags:',
    ...table(flags),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
    '',
    '',
  ]
    .join('\n')
    .replace(/\n+$/, '\n');
}

/** The help of the whole toolkit. */
export function overview(list: readonly Command[], version: string): string {
  return [
    `bucket-brigade ${version}: what vendors drop into S3 buckets, merged into a database or warehouse`,
    '',
    'Usage: brigade COMMAND [flags] …      (ls-groups, read-manifest, decode, flatten, dedupe and to-sql also by their own names)',
    '',
    'Commands:',
    ...table(list.map((command) => [command.name, command.summary] as const)),
    '',
    'Example:',
    '  ls-groups s3://acme/CustomerFolder --feed zenoti --after @wh.duckdb | read-manifest | decode | dedupe | brigade load wh.duckdb',
    '',
    '`brigade COMMAND --help` tells the rest.',
    '',
  ].join('\n');
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(34, Math.max(...rows.map(([left]) => left.length)));
  return rows.flatMap(([left, right]) => {
    const [first = '', ...rest] = wrap(right, WIDTH - width - 4);
    const indent = ' '.repeat(width + 4);
    const head =
      left.length > width ? [`  ${left}`, `${indent}${first}`] : [`  ${left.padEnd(width)}  ${first}`];
    return [...head, ...rest.map((line) => indent + line)];
  });
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = '';
    }
    line += (line === '' ? '' : ' ') + word;
  }
  return [...lines, line];
}

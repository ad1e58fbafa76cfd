import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DROPS, deliver, FEEDS } from '../../src/demo/deliver.ts';
import { type Outcome, shell } from './cli.ts';
import { postgresServer } from './postgres.ts';
import { redshiftDatabase } from './redshift.ts';
import { DENIED_BUCKET, s3Server } from './s3.ts';
import { scratch } from './scratch.ts';

/** The folder of the golden cases: `<verb>/<case>/{cmd,setup?,stdin?,stdout,stderr,code}` and files they read. */
export const CASES = fileURLToPath(new URL('../../fixtures/cases', import.meta.url));
const GOLDEN = ['stdout', 'stderr', 'code'] as const;

export type Golden = Readonly<Record<(typeof GOLDEN)[number], string>>;

/** The cases, as `verb/case`. */
export function caseNames(): string[] {
  const folders = (path: string) =>
    readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders(CASES).flatMap((verb) =>
    folders(join(CASES, verb.name)).map((each) => `${verb.name}/${each.name}`),
  );
}

/** Why a case cannot run here: its folder holds `needs`, words of a shell that must succeed, and it did not. */
export async function missingNeed(name: string): Promise<string | undefined> {
  const needs = join(CASES, name, 'needs');
  if (!existsSync(needs)) return undefined;
  const line = readFileSync(needs, 'utf8').trim();
  return (await shell(line)).code === 0 ? undefined : `needs: ${line}`;
}

/**
 * Runs one case in a scratch folder that holds a copy of the case's own files. Its shell knows $DROPS (the sample
 * drops: `$DROPS/zenoti/first`, and `both` with the second delivery on top), $S3 (flags of a server whose buckets
 * acme-<feed> hold both deliveries; acme-scratch is empty, acme-denied denies access), $PG (the URL of an empty database)
 * and $REDSHIFT (the same of Redshift, see redshift.ts). What differs from run to run comes back under these names.
 */
export async function runCase(name: string): Promise<Golden> {
  const folder = join(CASES, name);
  const cwd = scratch('case');
  cpSync(folder, cwd, { recursive: true });
  for (const own of [...GOLDEN, 'cmd', 'setup', 'stdin', 'needs']) rmSync(join(cwd, own), { force: true });
  const read = (file: string): string | undefined =>
    existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : undefined;
  const setup = read('setup');
  const cmd = read('cmd');
  if (cmd === undefined) throw new Error(`${name}: there is no cmd`);

  const words = `${setup ?? ''}\n${cmd}`;
  const names: Record<string, string> = { DROPS: drops() };
  if (words.includes('$S3')) names['S3'] = (await buckets()).join(' ');
  if (words.includes('$PG')) names['PG'] = await (await postgresServer()).database();
  if (words.includes('$REDSHIFT')) names['REDSHIFT'] = (await redshiftDatabase()).url;
  const env = { ...names, DENIED: DENIED_BUCKET };
  if (setup !== undefined) {
    const made = await shell(`set -e\n${setup}`, { cwd, env });
    if (made.code !== 0) throw new Error(`${name}: setup failed\n${made.stdout}${made.stderr}`);
  }
  const stdin = existsSync(join(folder, 'stdin')) ? { stdin: readFileSync(join(folder, 'stdin')) } : {};
  return normalised(await shell(cmd, { cwd, env, ...stdin }), cwd, names);
}

/** The outcome a case must have. Undefined where a golden file is missing. */
export function readGolden(name: string): Partial<Golden> {
  const entries = GOLDEN.map((file) => [file, join(CASES, name, file)] as const)
    .filter(([, path]) => existsSync(path))
    .map(([file, path]) => [file, readFileSync(path, 'utf8')]);
  return Object.fromEntries(entries);
}

export function writeGolden(name: string, outcome: Golden): void {
  for (const file of GOLDEN) writeFileSync(join(CASES, name, file), outcome[file]);
}

let dropsFolder: string | undefined;

function drops(): string {
  if (dropsFolder !== undefined) return dropsFolder;
  dropsFolder = scratch('drops');
  for (const feed of FEEDS) {
    mkdirSync(join(dropsFolder, feed));
    deliver(feed, 'first', join(dropsFolder, feed, 'first'));
    deliver(feed, 'first', join(dropsFolder, feed, 'both'));
    deliver(feed, 'second', join(dropsFolder, feed, 'both'));
    const catalog = join(DROPS, feed, 'catalog.json');
    if (existsSync(catalog)) cpSync(catalog, join(dropsFolder, feed, 'catalog.json'));
  }
  return dropsFolder;
}

let filled: Promise<readonly string[]> | undefined;

function buckets(): Promise<readonly string[]> {
  filled ??= (async () => {
    const server = await s3Server();
    await server.makeBucket('acme-scratch');
    for (const feed of FEEDS) await server.upload(`acme-${feed}`, join(drops(), feed, 'both'));
    return server.flags;
  })();
  return filled;
}

const RECENT_MS = 86_400_000;
const { version: VERSION } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as {
  version: string;
};

function normalised(
  { stdout, stderr, code }: Outcome,
  cwd: string,
  names: Readonly<Record<string, string>>,
): Golden {
  const endpoint = /https?:\/\/\S+/.exec(names['S3'] ?? '')?.[0];
  const host = /@([^/]+)\//.exec(names['PG'] ?? '')?.[1];
  const replacements = [
    [cwd, '$PWD'],
    [names['DROPS'], '$DROPS'],
    [names['PG'], '$PG'],
    [names['REDSHIFT'], '$REDSHIFT'],
    [endpoint, '$ENDPOINT'],
    [host, '$PG_HOST'],
  ] as const;
  const clean = (text: string): string => {
    let result = text;
    for (const [from, to] of replacements) if (from !== undefined) result = result.replaceAll(from, to);
    result = result.replace(/\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (time) =>
      Math.abs(Date.parse(time) - Date.now()) < RECENT_MS ? '$NOW' : time,
    );
    return result
      .replace(/\b\d+(\.\d+)? s\b/g, '$SECONDS s')
      .replace(/\b[0-9a-f]{64}\b/g, '$DIGEST')
      .replaceAll(`'${VERSION}'`, `'$VERSION'`);
  };
  return { stdout: clean(stdout), stderr: byCommand(clean(stderr)), code: `${code}\n` };
}

/** Messages of several commands in a fixed order: which of them wrote first is chance. */
function byCommand(stderr: string): string {
  const messages = stderr.split(/^(?=[a-z-]+:)/m);
  const commandOf = (message: string): string => message.slice(0, message.indexOf(':'));
  return messages
    .sort((a, b) => (commandOf(a) < commandOf(b) ? -1 : commandOf(a) > commandOf(b) ? 1 : 0))
    .join('');
}

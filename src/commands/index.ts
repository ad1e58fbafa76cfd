import type { Command } from './command.ts';

/** Every command, by name, in the order of the help. Loaded when asked for: a command starts with its own code only. */
export const commands = {
  'ls-groups': async () => (await import('./ls-groups.ts')).lsGroups,
  'read-manifest': async () => (await import('./read-manifest.ts')).readManifestCommand,
  decode: async () => (await import('./decode.ts')).decodeCommand,
  flatten: async () => (await import('./flatten.ts')).flattenCommand,
  dedupe: async () => (await import('./dedupe.ts')).dedupeCommand,
  'to-sql': async () => (await import('./to-sql.ts')).toSqlCommand,
  load: async () => (await import('./load.ts')).loadCommand,
  run: async () => (await import('./run.ts')).runCommand,
  state: async () => (await import('./state.ts')).stateCommand,
  demo: async () => (await import('./demo.ts')).demoCommand,
} as const satisfies Record<string, () => Promise<unknown>>;

export type CommandName = keyof typeof commands;

export function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(commands, name);
}

/** A command with its flags' types forgotten, for code that handles any of them. */
export async function loadCommand(name: CommandName): Promise<Command> {
  return (await commands[name]()) as unknown as Command;
}

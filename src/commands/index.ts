import type { Command, Registry } from './command.ts';

// A command's own flags' types are forgotten here: this table is for code that handles any of them.
const anyCommand = (command: unknown) => command as Command;

/** Every command, in the order of the help. Loaded when asked for: a command starts with its own code only. */
export const commands: Registry = {
  'ls-groups': async () => anyCommand((await import('./ls-groups.ts')).lsGroups),
  'read-manifest': async () => anyCommand((await import('./read-manifest.ts')).readManifestCommand),
  decode: async () => anyCommand((await import('./decode.ts')).decodeCommand),
  flatten: async () => anyCommand((await import('./flatten.ts')).flattenCommand),
  dedupe: async () => anyCommand((await import('./dedupe.ts')).dedupeCommand),
  'to-sql': async () => anyCommand((await import('./to-sql.ts')).toSqlCommand),
  load: async () => anyCommand((await import('./load.ts')).loadCommand),
  run: async () => anyCommand((await import('./run.ts')).runCommand),
  state: async () => anyCommand((await import('./state.ts')).stateCommand),
  demo: async () => anyCommand((await import('./demo.ts')).demoCommand),
};

import type { Engine } from '../merge/engine.ts';

/** An engine that is really there. */
export interface Connection extends Engine {
  /** Lets go of the database and of temporary files; also after a failure. */
  close(): Promise<void>;
  /** The names of the tables in the schema, sorted. */
  tables(): Promise<readonly string[]>;
}

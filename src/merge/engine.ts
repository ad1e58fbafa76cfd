import type { Dialect, TargetColumn } from '../dialects/dialect.ts';
import type { FileLine, Row, Run, Value } from '../wire/types.ts';
import type { ColumnType } from './lattice.ts';

/** A column of a stage. */
export interface StageColumn {
  /** As rows on the wire call it. */
  readonly name: string;
  /** As the target calls it. */
  readonly target: string;
  /** Undefined: staged as text, since it is known only after the last row. */
  readonly type: ColumnType | undefined;
}

/** Where rows go, and what is written beside them. */
export interface Fill {
  /** The wire's name of the table, for messages. */
  readonly table: string;
  /** Quoted. */
  readonly stage: string;
  /** What this run's rows may hold, in order; every one of them is in the stage. */
  readonly columns: readonly StageColumn[];
  /** Which set of columns this is: `_brigade_shape`. */
  readonly shape: number;
  /** `_brigade_batch`. */
  readonly batch: string;
  /** `_brigade_seq` of the first row. */
  readonly firstRow: number;
}

/** Columns every stage has besides those of the data. */
export const ROW = '_brigade_seq';
export const BATCH = '_brigade_batch';
export const SHAPE = '_brigade_shape';

/**
 * Where several groups share a stage, the batches of each begin at a multiple of this, which stands for the group: so
 * batches are ordered as their groups are.
 */
export const GROUP_STRIDE = 1_000_000;
/** Of a staged row: its group. */
export const GROUP = '_brigade_group';
/** The group of a row of a stage. */
export const groupOf = (of: string): string => `${of}.${BATCH} - ${of}.${BATCH} % ${GROUP_STRIDE}`;

/** A condition that is settled once, inside the transaction. */
interface Flag {
  readonly name: string;
  /** A condition in SQL. */
  readonly condition: string;
}

/**
 * Carries out statements: a connection runs them, a script prints them. Both get the very same ones, in the same order.
 */
export interface Engine {
  readonly dialect: Dialect;
  /** The form in which rows are wanted: what looks at them meanwhile takes the same, so that no other is made. */
  readonly takes: 'bytes' | 'objects';
  /** Once, before everything else. */
  open(): Promise<void>;
  run(sql: string): Promise<void>;
  /** What a query yields; undefined where it can only be printed, so that it is not. */
  rows(sql: string): Promise<readonly Row[] | undefined>;
  /** Adds rows to a stage. May be put off until `settle`, but the run's bytes are not looked at again. */
  fill(fill: Fill, run: Run): Promise<void>;
  /** Adds what files hold to a stage, read by the engine itself. Throws `UserError` if it cannot; gives no row count. */
  fillFiles(fill: Fill, files: readonly FileLine[], csv: CsvForm): Promise<void>;
  /** Everything given to `fill` is in the stages. */
  settle(): Promise<void>;
  /** Null: no such table. Undefined: cannot be known. */
  columns(table: string): Promise<readonly TargetColumn[] | null | undefined>;
  /** The table has these columns from now on: where nobody else can tell `columns` of it. */
  changed?(table: string, columns: readonly TargetColumn[]): void;
  /** The names of the tables in the schema. Undefined: cannot be known. */
  tables(): Promise<readonly string[] | undefined>;
  hasSchema(): Promise<boolean | undefined>;
  /** Settles conditions; after the lock, before any change. */
  decide(flags: readonly Flag[]): Promise<void>;
  /** Carries out what `body` says if the flag's condition held. */
  when(flag: string, body: () => Promise<void>): Promise<void>;
  /** A condition to be put into statements that would change something without any staged row; where `when` cannot leave statements out. */
  guard(flag: string): string | undefined;
  /** After `abandon` other units may follow: nothing that failed is written down anywhere. */
  readonly undoes?: true;
  /** The unit failed: nothing of it stays. `reason`: one line. */
  abandon(reason: string): Promise<void>;
}

/** How a feed writes CSV, for engines that read the files. */
export interface CsvForm {
  readonly header: 'yes' | 'no' | 'auto';
  readonly delimiter: string;
  readonly emptyIsNull: boolean;
}

/** A value in its text form; null for NULL. */
export function textOf(value: Value | undefined): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (typeof value === 'object') return JSON.stringify(value);
  return Object.is(value, -0) ? '-0' : String(value);
}

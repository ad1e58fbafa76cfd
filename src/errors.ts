/** The three ways a command can fail on purpose; any other error is a bug and shows its stack. */

/** Something the user, the data or the other side can fix: one line, no stack, exit 1. */
export class UserError extends Error {
  override name = 'UserError';
  /** The status a command exits with. */
  readonly exitCode: number = 1;
}

/** The command was called wrongly: exit 2. */
export class UsageError extends UserError {
  override name = 'UsageError';
  override readonly exitCode = 2;
}

/** The same call may work later (network, throttling, a lock held by someone else): exit 75, `EX_TEMPFAIL`. */
export class TemporaryError extends UserError {
  override name = 'TemporaryError';
  override readonly exitCode = 75;
}

/** What a thrown value has to say, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node, AWS or PostgreSQL error. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return String(error.code);
}

/** `place: expected what, found that`, the one form of every message about bad input. */
export function mismatch(place: string, expected: string, found: string, cause?: unknown): UserError {
  return new UserError(
    `${place}: expected ${expected}, found ${found}`,
    cause === undefined ? {} : { cause },
  );
}

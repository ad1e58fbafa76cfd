import { TemporaryError, UserError } from '../errors.ts';

/** Does something for one table; what the engine says of it without naming the table is said with its name. */
export async function about<T>(table: string, how: () => Promise<T>): Promise<T> {
  try {
    return await how();
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof TemporaryError) throw error;
    // Rows on their way to another table may be what fails.
    if (error.message.includes(`table ${table}`) || /^table [^"]/.test(error.message)) throw error;
    throw new UserError(`table ${table}: ${error.message}`, { cause: error });
  }
}

import { TemporaryError, UserError } from '../errors.ts';

/** Does something for one table; what the engine says of it without naming the table is said with its name. */
export async function about<T>(table: string, how: () => Promise<T>): Promise<T> {
  try {
    return await how();
  } catch (error) {
    if (!(error instanceof UserError) || error instanceof TemporaryError || error.message.includes(table))
      throw error;
    throw new UserError(`table ${table}: ${error.message}`, { cause: error });
  }
}

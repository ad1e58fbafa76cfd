import { DuckDBConnection } from '@duckdb/node-api';

/** Every statement of this process goes through `hook(sql, go)`; `go(other)` runs another one. Returns what ends that. */
export function interceptCalls(hook) {
  const { run } = DuckDBConnection.prototype;
  DuckDBConnection.prototype.run = function (sql, ...rest) {
    return hook(sql, (text = sql) => run.call(this, text, ...rest));
  };
  return () => {
    DuckDBConnection.prototype.run = run;
  };
}

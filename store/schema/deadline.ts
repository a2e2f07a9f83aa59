/** The database did not answer in time: what became of the call is not known. */
export class DatabaseTimeout extends Error {
  constructor(ms: number) {
    super(`the database did not answer within ${ms} ms`);
    this.name = 'DatabaseTimeout';
  }
}

/**
 * The outcome of `work`, or a DatabaseTimeout after `ms`; `work` then goes on without anybody who waits for it. The
 * driver has no such bound: its option `timeoutMS` does nothing in version 7, and `maxTimeMS` counts only on a server
 * that still runs.
 */
export function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new DatabaseTimeout(ms)), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

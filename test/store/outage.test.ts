import { MongoBulkWriteError, MongoServerError, MongoUnexpectedServerResponseError } from 'mongodb';
import { isOutage } from '../../store/schema/outage';

/** As Node makes it for a write to a socket that the other side has ended; seen to come through the driver unchanged. */
const ended = Object.assign(new Error('This socket has been ended by the other party'), { code: 'EPIPE' });
const stepDown = new MongoServerError({ message: 'not primary', code: 10107 });

describe('what counts as an outage of the database, and is answered with 503 (conventions.md §6)', () => {
  test.each([
    ['a socket that was ended', ended],
    ['a server that is primary no more', stepDown],
    [
      'the same inside of a bulk write',
      Object.assign(Object.create(MongoBulkWriteError.prototype), { errorResponse: stepDown }),
    ],
    ['a snapshot that expired', new MongoServerError({ message: 'too old', code: 239 })],
    ['a server that was lost between two tries', new MongoUnexpectedServerResponseError('no retryable writes')],
  ])('%s', (_, error) => expect(isOutage(error)).toBe(true));

  test.each([
    ['a duplicate key', new MongoServerError({ message: 'E11000', code: 11000 })],
    ['a fault of our own', new TypeError('x is undefined')],
    ['a missing file', Object.assign(new Error('no such file'), { code: 'ENOENT' })],
  ])('but not %s', (_, error) => expect(isOutage(error)).toBe(false));
});

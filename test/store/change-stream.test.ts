import type { ChangeStream, ChangeStreamInsertDocument } from 'mongodb';
import { newBusNote } from '../../store/nodes/bus';
import type { BusNote } from '../../store/schema/collections/nodes';
import { followChanges } from '../../store/schema/change-stream';
import { useDatabase } from '../support/database';
import { pace } from '../support/pace';
import { waitFor } from '../support/wait';

type NoteStream = ChangeStream<BusNote, ChangeStreamInsertDocument<BusNote>>;

describe('changes that are followed', () => {
  const database = useDatabase();

  /** A stream whose first question to the server, which is what opens it there, is late. */
  function openLate(): NoteStream {
    const stream: NoteStream = database.bus.watch<BusNote, ChangeStreamInsertDocument<BusNote>>([]);
    const iterate = stream[Symbol.asyncIterator].bind(stream);
    stream[Symbol.asyncIterator] = async function* () {
      await pace(200, 'whoever takes the stream for open already writes now');
      yield* iterate();
    };
    return stream;
  }

  test('what is written once the stream says that it is open is seen', async () => {
    const seen: string[] = [];
    const written: Promise<string>[] = [];
    const write = async () => {
      const note = newBusNote('a node', 'wake', [], {});
      await database.bus.insertOne(note);
      return note._id;
    };
    const followed = followChanges(openLate, {
      onOpened: () => void written.push(write()),
      onChange: ({ fullDocument }) => void seen.push(fullDocument._id),
      onBroken: (error) => {
        throw error;
      },
    });
    await followed.opened;
    expect(followed.isOpen()).toBe(true);
    const [id] = await Promise.all(written);
    await waitFor(() => seen.includes(String(id)), { timeoutMs: 5_000, describe: 'the note' });
    await followed.close();
    expect(followed.isOpen()).toBe(false);
  });
});

/** A record of a stream of server-sent events. */
export interface StreamRecord {
  /** Its number; only some have one. */
  id: string | null;
  data: string;
}

/** Cuts a stream of server-sent events into records, however the network cut its text. Comments are for nobody. */
export class EventStreamReader {
  private rest = '';

  /** The records that are whole with this piece of the stream. */
  take(piece: string): StreamRecord[] {
    const blocks = (this.rest + piece).replace(/\r\n/g, '\n').split('\n\n');
    this.rest = blocks.pop() ?? '';
    return blocks.flatMap((block) => recordOf(block));
  }
}

function recordOf(block: string): StreamRecord[] {
  const lines = block.split('\n');
  const valuesOf = (field: string): string[] =>
    lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).replace(/^ /, ''));
  const data = valuesOf('data');
  return data.length === 0 ? [] : [{ id: valuesOf('id').at(-1) ?? null, data: data.join('\n') }];
}

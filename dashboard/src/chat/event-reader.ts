/** An event of a turn (gateway.md §5.2). `n`: its number, for going on behind it. */
export interface TurnEvent {
  n: number | null;
  type: 'text' | 'status' | 'tool_call' | 'tool_result' | 'error' | 'done';
  content?: string;
  code?: string;
}

/** The records of a response as they come. Ends with the response, also where the connection broke. */
export async function* readEvents(response: Response): AsyncGenerator<TurnEvent> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (reader === undefined) return;
  let text = '';
  for (;;) {
    const piece = await reader.read().catch(() => null);
    if (piece === null || piece.done) return;
    text += piece.value;
    const records = text.split('\n\n');
    text = records.pop() ?? '';
    for (const record of records) {
      const event = eventOf(record);
      if (event !== null) yield event;
    }
  }
}

/** Null for comments and the closing mark. */
export function eventOf(record: string): TurnEvent | null {
  const lines = record.split('\n');
  const data = lines.find((line) => line.startsWith('data: '))?.slice(6);
  if (data === undefined || data === '[DONE]') return null;
  const id = lines.find((line) => line.startsWith('id: '))?.slice(4);
  // The parse point of records of our own api.
  return { ...(JSON.parse(data) as Omit<TurnEvent, 'n'>), n: id === undefined ? null : Number(id) };
}

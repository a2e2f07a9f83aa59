/** webhooks.md §11.7: what goes out together at a webhook that asked for batches. Pure: rows that wait come in, a choice comes out. */

/** What there is to know of a delivery that waits for its first attempt. */
export interface WaitingRow {
  event: string;
  /** Only of events of a conversation. */
  conversationId?: string;
  /** Came while its agent was paused. */
  released?: true;
}

/** What starts next: messages that one request carries, or other events, each by itself. */
export interface NextUp<Row extends WaitingRow> {
  kind: 'batch' | 'singles';
  rows: Row[];
}

const isMessage = ({ event }: WaitingRow): boolean => event === 'message.new';

/**
 * The oldest of what waits decides: a message takes those behind it along, up to `rowsMax`, in their order; what is no
 * message goes by itself, before the messages behind it. What a pause held back is not mixed with what came later.
 *
 * Where conversations keep their order a message is not taken along past another event of its conversation, and of other
 * events only the first of each conversation goes.
 * @param rows oldest first; where conversations keep their order, none that waits for one that is not among them
 */
export function nextUp<Row extends WaitingRow>(
  rows: Row[],
  { isOrdered, rowsMax }: { isOrdered: boolean; rowsMax: number },
): NextUp<Row> {
  const [oldest] = rows;
  if (oldest === undefined || !isMessage(oldest)) {
    const end = rows.findIndex(isMessage);
    const before = end === -1 ? rows : rows.slice(0, end);
    return { kind: 'singles', rows: isOrdered ? firstOfEach(before) : before };
  }
  const passed = new Set<string>();
  const batch: Row[] = [];
  for (const row of rows) {
    if (batch.length === rowsMax) break;
    const { conversationId = '', released } = row;
    if (!isMessage(row) || released !== oldest.released) passed.add(conversationId);
    else if (!isOrdered || !passed.has(conversationId)) batch.push(row);
  }
  return { kind: 'batch', rows: batch };
}

/** The first row of each conversation; those of none stay. */
function firstOfEach<Row extends WaitingRow>(rows: Row[]): Row[] {
  const seen = new Set<string>();
  return rows.filter(({ conversationId }) => {
    if (conversationId === undefined) return true;
    const isFirst = !seen.has(conversationId);
    seen.add(conversationId);
    return isFirst;
  });
}

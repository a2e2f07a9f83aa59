/** Which messages of a conversation an agent may see (messaging.md §8): a floor, and holes where it hid messages. */
export interface SeqRange {
  from: number;
  to: number;
}

export interface SeqWalk {
  /** The first seq that is looked at. */
  start: number;
  direction: 'older' | 'newer';
  /** Nothing below and nothing above is visible. */
  floor: number;
  ceiling: number;
  limit: number;
  /** Hidden ranges that do not touch each other, in the order of the walk; as many as `limit` + 1 are enough. */
  hidden: SeqRange[];
}

/** The first seq that is visible: after the agent's arrival, and after what it hid with the whole conversation. */
export function visibleFloor(place: { joinedSeq: number; hiddenUpTo: number }): number {
  return Math.max(place.joinedSeq, place.hiddenUpTo + 1);
}

/** The visible seqs of one page in the order of the walk. Each hidden range is stepped over at once, however long. */
export function walkVisible({ start, direction, floor, ceiling, limit, hidden }: SeqWalk): number[] {
  const step = direction === 'older' ? -1 : 1;
  const seqs: number[] = [];
  let next = 0;
  for (let seq = start; seqs.length < limit && seq >= floor && seq <= ceiling; seq += step) {
    let range = hidden[next];
    while (range !== undefined && isBehind(range, seq, direction)) range = hidden[(next += 1)];
    if (range !== undefined && seq >= range.from && seq <= range.to)
      seq = direction === 'older' ? range.from : range.to;
    else seqs.push(seq);
  }
  return seqs;
}

function isBehind(range: SeqRange, seq: number, direction: SeqWalk['direction']): boolean {
  return direction === 'older' ? range.from > seq : range.to < seq;
}

/** The range that `seq` makes together with those next to it; null when it lies in one of them already. */
export function mergeHidden(seq: number, neighbours: SeqRange[]): SeqRange | null {
  if (neighbours.some(({ from, to }) => seq >= from && seq <= to)) return null;
  const touching = neighbours.filter(({ from, to }) => to === seq - 1 || from === seq + 1);
  return {
    from: Math.min(seq, ...touching.map(({ from }) => from)),
    to: Math.max(seq, ...touching.map(({ to }) => to)),
  };
}

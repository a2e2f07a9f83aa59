import type { StreamRecord } from './event-stream';

/** Where a turn stands. `sending`: not accepted yet; `refused`: it never began. */
export type TurnStatus = 'sending' | 'refused' | 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

export interface TurnTool {
  id: string;
  name: string;
  state: 'running' | 'done' | 'failed';
}

/** What an owner said to an agent, and what has been heard of the answer so far. */
export interface Turn {
  /** Names it in this tab, also before the server has. */
  key: string;
  handle: string;
  /** Null until the server made one: the turn begins a new session. */
  sessionId: string | null;
  executionId: string | null;
  message: string;
  at: string;
  status: TurnStatus;
  /** What the agent says it is doing. */
  label: string | null;
  text: string;
  tools: readonly TurnTool[];
  problem: { code: string; message: string } | null;
  /** The server waits no longer for the answer, which may still come: the next thing can be said. */
  isWaitOver: boolean;
  /** The stream broke off and is being resumed. */
  isBroken: boolean;
  /** What is certain: the last record with a number, and the text up to it. A resumed stream goes on behind it. */
  certain: { id: string | null; text: string };
}

export function newTurn(given: Pick<Turn, 'key' | 'handle' | 'sessionId' | 'message' | 'at'> & Partial<Turn>): Turn {
  return {
    executionId: null,
    status: 'sending',
    label: null,
    text: '',
    tools: [],
    problem: null,
    isWaitOver: false,
    isBroken: false,
    certain: { id: null, text: '' },
    ...given,
  };
}

/** Nothing more is heard of it. */
export const hasEnded = ({ status }: Pick<Turn, 'status'>): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled' || status === 'refused';

/** The turn as it is where its stream goes on: pieces without a number of their own come again. */
export function rewound(turn: Turn): Turn {
  return { ...turn, isBroken: !turn.isWaitOver, text: turn.certain.text };
}

/** The turn after a record of its stream (docs/contract/gateway.md §5.2, §12.1). Records of other types change nothing. */
export function withRecord(before: Turn, { id, data }: StreamRecord): Turn {
  const said = parse(data);
  if (said === null) return before;
  const turn = withData({ ...before, isBroken: false }, said, id);
  return id === null ? turn : { ...turn, certain: { id, text: turn.text } };
}

function withData(turn: Turn, said: Said, id: string | null): Turn {
  switch (said.text('type')) {
    case 'text':
      return { ...turn, status: 'running', text: turn.text + (said.text('content') ?? '') };
    case 'snapshot':
      return { ...turn, status: 'running', text: said.text('content') ?? '' };
    case 'status':
      return { ...turn, status: said.text('status') === 'queued' ? 'queued' : 'running', label: said.text('label') };
    case 'tool_call':
      return withTool(turn, { id: said.text('id') ?? '', name: said.text('name') ?? 'tool', state: 'running' });
    case 'tool_result':
      return withResult(turn, said);
    case 'done':
      return { ...turn, status: 'completed', label: null };
    case 'error':
      return withError(turn, said, id);
    default:
      return turn;
  }
}

const withTool = (turn: Turn, tool: TurnTool): Turn => ({
  ...turn,
  status: 'running',
  tools: [...turn.tools.filter(({ id }) => id !== tool.id), tool],
});

function withResult(turn: Turn, said: Said): Turn {
  const known = turn.tools.find(({ id }) => id === said.text('id'));
  if (known === undefined) return turn;
  const state = said.flag('is_error') ? 'failed' : 'done';
  return { ...turn, tools: turn.tools.map((tool) => (tool === known ? { ...tool, state } : tool)) };
}

/** Without a number it is not the end of the turn but of the server's waiting for it. */
function withError(turn: Turn, said: Said, id: string | null): Turn {
  const code = said.text('code') ?? 'INTERNAL_ERROR';
  if (id === null && code === 'TURN_TIMEOUT') return { ...turn, isWaitOver: true };
  return {
    ...turn,
    status: code === 'TURN_CANCELLED' ? 'cancelled' : 'failed',
    label: null,
    problem: { code, message: said.text('content') ?? '' },
  };
}

/** The fields of a record, read one by one: the parse point of what streams say. */
interface Said {
  text(field: string): string | null;
  flag(field: string): boolean;
}

function parse(data: string): Said | null {
  let said: unknown = null;
  try {
    said = JSON.parse(data);
  } catch {
    // `[DONE]` is no JSON.
  }
  if (typeof said !== 'object' || said === null) return null;
  const field = (name: string): unknown => Reflect.get(said, name);
  return {
    text: (name) => (typeof field(name) === 'string' ? String(field(name)) : null),
    flag: (name) => field(name) === true,
  };
}

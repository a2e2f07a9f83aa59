import fc from 'fast-check';
import { emptyPair, pairId, type InboxInGuard, type PairGuard, type SenderGuard } from '../../domain/guards';
import { decideDirectSend, settleOpener, type DirectSendCommand, type DirectSendState } from '../../domain/send';

const NOW = new Date('2026-04-22T12:00:00.250Z');
const PAIR = pairId('agt_a', 'agt_b');

const sender = (change: Partial<SenderGuard> = {}): SenderGuard => ({
  _id: 'sender:agt_a',
  v: 1,
  status: 'active',
  pausedByOwner: 'none',
  keyVersion: 1,
  displayName: null,
  window: { second: 0, count: 0 },
  coldOpeners: [],
  ...change,
});

const inbox = (change: Partial<InboxInGuard> = {}): InboxInGuard => ({
  _id: 'inbox-in:agt_b',
  v: 1,
  nextPosition: 1,
  enqueued: 0,
  status: 'active',
  pausedByOwner: 'none',
  inboxMode: 'open',
  webhooks: 0,
  muteVersion: 0,
  salt: 's',
  ...change,
});

const thread = (change: Partial<PairGuard> = {}): PairGuard => ({
  ...emptyPair(PAIR),
  conversationId: 'conv_1',
  createdAt: new Date('2026-04-22T11:00:00.000Z'),
  lastMessageAt: new Date('2026-04-22T11:00:00.000Z'),
  nextSeq: 2,
  initiatedBy: 'agt_a',
  ...change,
});

const command = (change: Partial<DirectSendCommand> = {}): DirectSendCommand => ({
  senderId: 'agt_a',
  senderIsSystem: false,
  senderKeyVersion: 1,
  recipientId: 'agt_b',
  recipientHandle: 'bob',
  newConversationId: 'conv_new',
  now: NOW,
  limitRate: true,
  ...change,
});

const state = (change: {
  sender?: SenderGuard;
  guard?: InboxInGuard;
  dequeued?: number;
  pair?: PairGuard;
}): DirectSendState => ({
  sender: change.sender ?? sender(),
  recipient: { guard: change.guard ?? inbox(), dequeued: change.dequeued ?? 0 },
  pair: change.pair ?? emptyPair(PAIR),
});

const codeOf = (decision: ReturnType<typeof decideDirectSend>) =>
  decision.kind === 'refused' ? decision.code : 'accepted';

const openers = (count: number, openedAt: Date) =>
  Array.from({ length: count }, (_, index) => ({ pairId: `pair:${index}`, openedAt }));

describe('the order of checks of a direct send', () => {
  const full = { enqueued: 10_000 };
  const second = Math.floor(NOW.getTime() / 1000);
  const spent = { window: { second, count: 60 } };
  const capped = { coldOpeners: openers(100, NOW) };
  const closed = { inboxMode: 'contacts_only' } as const;

  test.each([
    [
      'an unknown recipient beats everything',
      'AGENT_NOT_FOUND',
      { ...state({ sender: sender(spent) }), recipient: null },
    ],
    ['a suspended recipient is unknown', 'AGENT_NOT_FOUND', state({ guard: inbox({ status: 'suspended' }) })],
    ['a deleted recipient is unknown', 'AGENT_NOT_FOUND', state({ guard: inbox({ status: 'deleted' }) })],
    [
      'paused beats blocked',
      'AGENT_PAUSED_BY_OWNER',
      state({ sender: sender({ pausedByOwner: 'send' }), pair: thread({ blockedBy: ['agt_b'] }) }),
    ],
    [
      'blocked beats restricted',
      'BLOCKED',
      state({ sender: sender({ status: 'restricted' }), pair: { ...emptyPair(PAIR), blockedBy: ['agt_a'] } }),
    ],
    ['restricted beats inbox', 'RESTRICTED', state({ sender: sender({ status: 'restricted' }), guard: inbox(closed) })],
    ['inbox beats rate', 'INBOX_RESTRICTED', state({ sender: sender(spent), guard: inbox(closed) })],
    ['rate beats cap', 'RATE_LIMITED', state({ sender: sender({ ...spent, ...capped }) })],
    ['awaiting reply beats backlog', 'AWAITING_REPLY', state({ pair: thread(), guard: inbox(full) })],
    ['backlog is last', 'RECIPIENT_BACKLOGGED', state({ guard: inbox(full) })],
  ])('messaging#9: %s', (_title, code, given) => {
    expect(codeOf(decideDirectSend(given, command()))).toBe(code);
  });

  test('messaging#9: cap beats attachment, attachment beats awaiting-reply', () => {
    const atCap = decideDirectSend(state({ sender: sender(capped) }), command(), 'ATTACHMENT_NOT_FOUND');
    expect(atCap).toMatchObject({ code: 'RATE_LIMITED', details: { scope: 'cold_outreach', current: 100 } });
    const waiting = decideDirectSend(state({ pair: thread() }), command(), 'ATTACHMENT_NOT_FOUND');
    expect(codeOf(waiting)).toBe('ATTACHMENT_NOT_FOUND');
  });

  test('messaging#7: writing to oneself is refused', () => {
    expect(codeOf(decideDirectSend(state({}), command({ recipientId: 'agt_a' })))).toBe('VALIDATION_ERROR');
  });
});

describe('cold outreach', () => {
  test('messaging#12: the 101st opener is refused until one of 100 turns 24 hours old', () => {
    const dayAgo = new Date(NOW.getTime() - 86_400_000);
    const refused = decideDirectSend(state({ sender: sender({ coldOpeners: openers(100, dayAgo) }) }), command());
    expect(refused).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 1 });
    const aged = openers(100, new Date(dayAgo.getTime() - 1));
    expect(codeOf(decideDirectSend(state({ sender: sender({ coldOpeners: aged }) }), command()))).toBe('accepted');
  });

  test('messaging#12: the header is sent only when the wait is at most a minute', () => {
    const refused = decideDirectSend(state({ sender: sender({ coldOpeners: openers(100, NOW) }) }), command());
    expect(refused).toMatchObject({ details: { retry_after_ms: 86_400_000 }, retryAfterMs: undefined });
  });

  test('messaging#12: a reply frees the slot of its opener only', () => {
    const guard = sender({ coldOpeners: [{ pairId: PAIR, openedAt: NOW }, ...openers(2, NOW)] });
    expect(settleOpener(guard, PAIR).coldOpeners).toHaveLength(2);
  });

  test('messaging#11: waiting_since is the time of the opener', () => {
    expect(decideDirectSend(state({ pair: thread() }), command())).toMatchObject({
      details: { recipient_handle: 'bob', waiting_since: '2026-04-22T11:00:00.000Z' },
    });
  });

  test('messaging#11: the reply establishes and puts each into the book of the other', () => {
    const decision = decideDirectSend(state({ pair: thread({ initiatedBy: 'agt_b' }) }), command());
    expect(decision).toMatchObject({
      establishes: true,
      initiatorId: 'agt_b',
      pair: { established: true, contactsOf: ['agt_a', 'agt_b'] },
    });
  });

  test('messaging#14: contacts_only admits the answer to its own opener, contacts and established threads', () => {
    const guard = inbox({ inboxMode: 'contacts_only' });
    const codes = [
      thread({ initiatedBy: 'agt_b' }),
      { ...emptyPair(PAIR), contactsOf: ['agt_b'] },
      thread({ established: true }),
      { ...emptyPair(PAIR), contactsOf: ['agt_a'] },
    ].map((pair) => codeOf(decideDirectSend(state({ guard, pair }), command())));
    expect(codes).toEqual(['accepted', 'accepted', 'accepted', 'INBOX_RESTRICTED']);
  });

  test('messaging#16: a system agent may write twice without an answer and needs no free slot', () => {
    const given = state({ pair: thread(), sender: sender({ coldOpeners: openers(100, NOW) }) });
    expect(codeOf(decideDirectSend(given, command({ senderIsSystem: true })))).toBe('accepted');
  });
});

describe('limits', () => {
  test('messaging#17: the backlog is told from 5,000 on and refused at 10,000', () => {
    const backlogOf = (enqueued: number, dequeued: number) => {
      const decision = decideDirectSend(state({ guard: inbox({ enqueued }), dequeued }), command());
      return decision.kind === 'accepted' ? decision.backlog : decision.details;
    };
    expect(backlogOf(4_999, 0)).toBeNull();
    expect(backlogOf(5_000, 0)).toBe(5_000);
    expect(backlogOf(10_000, 0)).toEqual({ recipient_handle: 'bob', undelivered_count: 10_000 });
    expect(backlogOf(10_000, 1)).toBe(9_999);
  });

  test('messaging#19: the 61st send of a second waits for the next one, a system agent has 200', () => {
    const second = Math.floor(NOW.getTime() / 1000);
    const spent = state({ sender: sender({ window: { second, count: 60 } }) });
    expect(decideDirectSend(spent, command())).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 750 });
    expect(codeOf(decideDirectSend(spent, command({ senderIsSystem: true })))).toBe('accepted');
    expect(codeOf(decideDirectSend(spent, command({ now: new Date(NOW.getTime() + 750) })))).toBe('accepted');
    expect(codeOf(decideDirectSend(spent, command({ limitRate: false })))).toBe('accepted');
  });

  test('a node whose clock is a moment behind does not begin the window of a second anew', () => {
    const second = Math.floor(NOW.getTime() / 1000);
    const windowAt = (opened: number) =>
      decideDirectSend(state({ sender: sender({ window: { second: opened, count: 60 } }) }), command());
    expect(windowAt(second + 1)).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 1_750 });
    // Farther ahead it is no moment: such a window would shut the sender out for as long.
    expect(codeOf(windowAt(second + 2))).toBe('accepted');
    expect(codeOf(windowAt(second - 1))).toBe('accepted');
  });

  test('messaging#9: a send refused after the rate check has taken its slot, one refused before has not', () => {
    const late = decideDirectSend(state({ pair: thread() }), command());
    expect(late).toMatchObject({ sender: { window: { count: 1 } } });
    const early = decideDirectSend(state({ pair: thread({ blockedBy: ['agt_b'] }) }), command());
    expect(early).toMatchObject({ sender: null });
  });
});

/** gateway.md §1.1: who a user's messages are sent by. */
describe('guests of the gateway', () => {
  const guest = (change: Partial<SenderGuard> = {}) => sender({ guestOf: ['agt_b'], ...change });
  const toGuest = (change: Partial<InboxInGuard> = {}) => inbox({ guestOf: ['agt_a'], ...change });

  test('a guest needs no free slot of its day or its second, and may write twice without an answer', () => {
    const window = { second: Math.floor(NOW.getTime() / 1000), count: 60 };
    const spent = guest({ window, coldOpeners: openers(100, NOW) });
    for (const pair of [emptyPair(PAIR), thread()]) {
      const decision = decideDirectSend(state({ sender: spent, pair }), command());
      expect(decision).toMatchObject({ kind: 'accepted', sender: { window, coldOpeners: { length: 100 } } });
    }
    const agent = sender({ window, coldOpeners: openers(100, NOW) });
    expect(codeOf(decideDirectSend(state({ sender: agent }), command()))).toBe('RATE_LIMITED');
  });

  test('a guest reaches its agent whatever the inbox mode, but no full inbox and nobody that blocked it', () => {
    const codeWith = (change: Parameters<typeof state>[0]) =>
      codeOf(decideDirectSend(state({ sender: guest(), ...change }), command()));
    expect(codeWith({ guard: inbox({ inboxMode: 'contacts_only' }) })).toBe('accepted');
    expect(codeWith({ guard: inbox({ enqueued: 10_000 }) })).toBe('RECIPIENT_BACKLOGGED');
    expect(codeWith({ pair: thread({ blockedBy: ['agt_b'] }) })).toBe('BLOCKED');
  });

  test('a guest and an agent that is not its own do not exist for each other', () => {
    const other = sender({ guestOf: ['agt_c'] });
    expect(codeOf(decideDirectSend(state({ sender: other }), command()))).toBe('AGENT_NOT_FOUND');
    const foreign = toGuest({ guestOf: ['agt_c', 'agt_d'] });
    expect(codeOf(decideDirectSend(state({ guard: foreign }), command()))).toBe('AGENT_NOT_FOUND');
    expect(codeOf(decideDirectSend(state({ guard: toGuest() }), command()))).toBe('accepted');
  });

  test('an answer to a guest establishes the conversation and makes no contact', () => {
    const pair = thread({ initiatedBy: 'agt_b' });
    const decision = decideDirectSend(state({ guard: toGuest(), pair }), command());
    expect(decision).toMatchObject({
      establishes: true,
      initiatorId: null,
      pair: { established: true, contactsOf: [] },
    });
    const ofAgent = decideDirectSend(state({ pair }), command());
    expect(ofAgent).toMatchObject({ initiatorId: 'agt_b', pair: { contactsOf: ['agt_a', 'agt_b'] } });
  });

  test('gateway.md §7: an agent speaks to its guest first, and again, whatever waits for it elsewhere', () => {
    const spent = sender({ coldOpeners: openers(100, NOW), status: 'restricted' });
    for (const pair of [emptyPair(PAIR), thread()]) {
      expect(codeOf(decideDirectSend(state({ sender: spent, guard: toGuest(), pair }), command()))).toBe('accepted');
      expect(codeOf(decideDirectSend(state({ sender: spent, pair }), command()))).not.toBe('accepted');
    }
  });

  test('what an agent writes to a guest takes a slot of its second, and none of its day', () => {
    const decision = decideDirectSend(state({ guard: toGuest() }), command());
    expect(decision).toMatchObject({ sender: { window: { count: 1 }, coldOpeners: [] } });
  });
});

test('any sequence of sends keeps seq and position gapless, time ascending and one opener until a reply', () => {
  const step = fc.record({ fromA: fc.boolean(), clockMs: fc.integer({ min: -5_000, max: 5_000 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let pair = emptyPair(PAIR);
      const inboxes = { a: inbox({ _id: 'inbox-in:agt_a' }), b: inbox() };
      let lastMs = 0;
      let accepted = 0;
      for (const { fromA, clockMs } of steps) {
        const me = fromA ? 'agt_a' : 'agt_b';
        const decision = decideDirectSend(
          { sender: sender(), recipient: { guard: fromA ? inboxes.b : inboxes.a, dequeued: 0 }, pair },
          command({ senderId: me, recipientId: fromA ? 'agt_b' : 'agt_a', now: new Date(NOW.getTime() + clockMs) }),
        );
        const mustWait = pair.conversationId !== null && !pair.established && pair.initiatedBy === me;
        expect(codeOf(decision)).toBe(mustWait ? 'AWAITING_REPLY' : 'accepted');
        if (decision.kind === 'refused') continue;
        accepted += 1;
        expect(decision.seq).toBe(accepted);
        expect(decision.createdAt.getTime()).toBeGreaterThanOrEqual(lastMs);
        lastMs = decision.createdAt.getTime();
        pair = decision.pair;
        if (fromA) inboxes.b = decision.recipient;
        else inboxes.a = decision.recipient;
      }
      expect(inboxes.a.enqueued + inboxes.b.enqueued).toBe(accepted);
      expect(inboxes.a.nextPosition - 1).toBe(inboxes.a.enqueued);
    }),
  );
});

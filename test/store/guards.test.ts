import { inboxInId, pairId, senderGuardId, type PairGuard } from '../../domain/guards';
import { hashApiKey, newApiKey } from '../../platform/ids';
import { agentActor } from '../../store/schema/audit';
import { claimAgent, releaseClaim } from '../../store/accounts/claims';
import { setStatus } from '../../store/accounts/account-facts';
import { setPause } from '../../store/accounts/set-pause';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { swapKey } from '../../store/accounts/swap-key';
import { addContact, removeContact, setBlock } from '../../store/contacts/relations';
import { updateProfile } from '../../store/accounts/update-profile';
import { useStack } from '../support/use-stack';
import { makeSenders, send, type Sender } from '../support/traffic';
import { countWebhook } from '../support/webhooks';

/**
 * One race per row of "fact → guard document" (ARCHITECTURE.md): sends on two api processes against the fact written
 * by a third. If the fact were not in a document that the send writes, a send could commit after the fact did.
 */
describe('a fact and the sends that race it on two processes', () => {
  const ROUNDS = 3;
  /** Of each sender: how many sends begin after the fact, and how many it makes at most (all stay under the backlog cap). */
  const SENDS_AFTER = 3;
  const SENDS_MAX = 2_000;
  const { stack, database, url } = useStack({ apis: 2, workers: 0 });

  const nextSeq = async (a: Sender, b: Sender): Promise<number> =>
    (await database.guards.findOne<PairGuard>({ _id: pairId(a.id, b.id) }))?.nextSeq ?? 1;

  async function closeInbox({ id }: Sender): Promise<void> {
    const agent = await database.agents.findOne({ _id: id });
    if (agent === null) throw new Error('no such agent');
    await updateProfile(database, agent, { settings: { inboxMode: 'contacts_only' } }, new Date());
  }

  async function establish(a: Sender, b: Sender): Promise<void> {
    const [first = ''] = stack.baseUrls;
    expect((await send(first, a, b, `open-${a.id}-${b.id}`)).status).toBe(201);
    expect((await send(first, b, a, `reply-${a.id}-${b.id}`)).status).toBe(201);
  }

  /**
   * Sends through both processes while `fact` is written; returns what was committed before and after it. The senders
   * go on until some of their sends began after the fact, however long it waited for its turn among them.
   */
  async function race(a: Sender, b: Sender, fact: () => Promise<unknown>) {
    let isDone = false;
    const senders = stack.baseUrls.flatMap((url, node) =>
      [0, 1].map(async (lane) => {
        const codes: string[] = [];
        for (let after = 0; after < SENDS_AFTER && codes.length < SENDS_MAX; after += isDone ? 1 : 0) {
          const answer = await send(url, a, b, `race-${a.id}-${node}-${lane}-${codes.length}`);
          codes.push(answer.body.code ?? 'accepted');
        }
        return codes;
      }),
    );
    await fact();
    const seqAtFact = await nextSeq(a, b);
    isDone = true;
    const codes = (await Promise.all(senders)).flat();
    return { seqAtFact, seqAtEnd: await nextSeq(a, b), codes };
  }

  const keySwapOf = ({ id }: Sender) => ({
    agentId: id,
    apiKeyHash: hashApiKey(newApiKey()),
    actor: agentActor(id),
    at: new Date(),
  });

  const facts: [string, string, (a: Sender, b: Sender) => Promise<unknown>][] = [
    ['a block by the recipient', 'BLOCKED', (a, b) => setBlock(database, { from: b.id, to: a.id, at: new Date() })],
    ['a block by the sender', 'BLOCKED', (a, b) => setBlock(database, { from: a.id, to: b.id, at: new Date() })],
    ['the pause of the sender', 'AGENT_PAUSED_BY_OWNER', (a) => setPause(database, a.id, 'send', new Date())],
    ['the suspension of the sender', 'SUSPENDED', (a) => setStatus(database, a.id, 'suspended', new Date())],
    [
      'the suspension of the recipient',
      'AGENT_NOT_FOUND',
      (_a, b) => setStatus(database, b.id, 'suspended', new Date()),
    ],
    ['the deletion of the recipient', 'AGENT_NOT_FOUND', (_a, b) => deleteAgent(database, b.id, new Date())],
    ['the deletion of the sender', 'UNAUTHORIZED', (a) => deleteAgent(database, a.id, new Date())],
    ['a new key of the sender', 'UNAUTHORIZED', (a) => swapKey(database, keySwapOf(a))],
  ];

  test.each(facts)('%s: no send commits after it did', async (_name, code, fact) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [a, b] = await makeSenders(database, 2);
      await establish(a, b);
      const { seqAtFact, seqAtEnd, codes } = await race(a, b, () => fact(a, b));
      expect(seqAtEnd).toBe(seqAtFact);
      expect(codes).toContain(code);
      expect(new Set(codes.filter((seen) => seen !== 'accepted' && seen !== code))).toEqual(new Set());
    }
  });

  test('webhook creation: every message committed after it has its outbox row', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [a, b] = await makeSenders(database, 2);
      await establish(a, b);
      const { seqAtFact } = await race(a, b, () => countWebhook(database, b.id, 1));
      const later = await database.messages
        .find({ senderId: a.id, recipientId: b.id, seq: { $gte: seqAtFact } })
        .toArray();
      const rows = await database.outbox.find({ kind: 'message.new', targetId: b.id }).toArray();
      const announced = new Set(rows.map((row) => (row.kind === 'message.new' ? row.messageId : '')));
      expect(later.filter((message) => !announced.has(message._id))).toEqual([]);
      expect(later.length).toBeGreaterThan(0);
    }
  });

  test('a claim and a release: no send puts them off, is refused or undoes them', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const [a, b] = await makeSenders(database, 2);
      await establish(a, b);
      const ownersOf = async ({ id }: Sender) => {
        const guards = database.guards.find({ _id: { $in: [senderGuardId(id), inboxInId(id)] } });
        return (await guards.toArray()).map((guard) => ('ownerId' in guard ? guard.ownerId : undefined));
      };
      for (const agent of [a, b]) {
        const who = { agentId: agent.id, ownerId: `owner-${round}`, at: new Date() };
        const claiming = { ...who, apiKeyHash: hashApiKey(agent.key) };
        const claimed = await race(a, b, () => claimAgent(database, claiming));
        expect([new Set(claimed.codes), await ownersOf(agent)]).toEqual([
          new Set(['accepted']),
          [who.ownerId, who.ownerId],
        ]);
        const released = await race(a, b, () => releaseClaim(database, who));
        expect([new Set(released.codes), await ownersOf(agent)]).toEqual([new Set(['accepted']), [null, null]]);
      }
    }
  });

  test.each([
    ['contacts_only', (_a: Sender, b: Sender) => closeInbox(b)],
    [
      'leaving the contact book of a contacts_only agent',
      (a: Sender, b: Sender) => removeContact(database, { from: b.id, to: a.id }),
    ],
  ])('%s: an opener is before it or refused', async (name, fact) => {
    for (let round = 0; round < ROUNDS * 2; round += 1) {
      const [a, b] = await makeSenders(database, 2);
      if (name !== 'contacts_only') {
        await addContact(database, { from: b.id, to: a.id, at: new Date() });
        await closeInbox(b);
      }
      const opening = Promise.all(stack.baseUrls.map((url, node) => send(url, a, b, `open-${node}`)));
      await fact(a, b);
      const seqAtFact = await nextSeq(a, b);
      const answers = await opening;
      expect(await nextSeq(a, b)).toBe(seqAtFact);
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(seqAtFact - 1);
    }
  });

  test('messaging#2: two openers by one sender on two processes: exactly one is accepted', async () => {
    for (let round = 0; round < ROUNDS * 2; round += 1) {
      const [a, b] = await makeSenders(database, 2);
      const answers = await Promise.all(stack.baseUrls.map((url, node) => send(url, a, b, `twice-${node}`)));
      expect(answers.map(({ body }) => body.code ?? 'accepted').sort()).toEqual(['AWAITING_REPLY', 'accepted']);
    }
  });

  test('messaging#13: mutual openers on two processes make one established conversation', async () => {
    for (let round = 0; round < ROUNDS * 2; round += 1) {
      const [a, b] = await makeSenders(database, 2);
      const [one = '', other = ''] = stack.baseUrls;
      const answers = await Promise.all([send(one, a, b, 'mutual-a'), send(other, b, a, 'mutual-b')]);
      expect(answers.map(({ status }) => status)).toEqual([201, 201]);
      expect(answers[0]?.body['conversation_id']).toBe(answers[1]?.body['conversation_id']);
      expect(answers.map(({ body }) => body.seq).sort()).toEqual([1, 2]);
      expect(await database.guards.findOne({ _id: pairId(a.id, b.id) })).toMatchObject({ established: true });
    }
  });

  test('messaging#12: the cold cap holds when openers race on two processes', async () => {
    const [a] = await makeSenders(database, 1);
    const strangers = await makeSenders(database, 108);
    const answers: string[] = [];
    for (let start = 0; start < strangers.length; start += 12) {
      const batch = strangers.slice(start, start + 12);
      const results = await Promise.all(batch.map((to, index) => send(url(index % 2), a, to, `cold-${start + index}`)));
      answers.push(...results.map(({ body }) => body.code ?? 'accepted'));
    }
    expect(answers.filter((code) => code === 'accepted')).toHaveLength(100);
    expect(answers.filter((code) => code === 'RATE_LIMITED')).toHaveLength(8);
  });
});

import type { Document } from 'mongodb';
import { emailKey } from '../../store/accounts/create-agent';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { SAFE_READ } from '../../store/schema/reads';
import { accountDeletionId } from '../../workflows/messages/account-deletion';
import { codeFlowId } from '../../workflows/messages/code-by-mail';
import { call, createTestAgent, type CallAnswer } from '../support/agents';
import { codeFor } from '../support/codes';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

/**
 * Whether an email backs an agent must not show, neither in an answer nor in what the answer costs. Bytes are compared
 * directly; time is proved by its causes: the same database commands and the same steps of the same flow.
 */
describe('a recovery that no agent stands behind', () => {
  const { stack, database, client: temporal, url } = useStack();

  const post = (path: string, body: object): Promise<CallAnswer> => call(url(), 'POST', path, { body });
  const recover = (email: string) => post('/v1/agents/recover', { email });
  const verify = (pending_id: string, code: string) => post('/v1/agents/recover/verify', { pending_id, code });
  const flowOf = (pendingId: string) => temporal.workflow.getHandle(codeFlowId('recovery', pendingId));
  const mailOf = async (pendingId: string): Promise<string> => {
    const { mail } = await flowOf(pendingId).query<{ mail: string }>('state');
    return mail;
  };

  /** One email of each kind that has to look the same. */
  async function emails(): Promise<Record<string, string>> {
    const [known, deleted, system] = [
      await createTestAgent(database),
      await createTestAgent(database),
      await createTestAgent(database, { isSystem: true }),
    ];
    await deleteAgent(database, deleted.agent._id, new Date());
    // What a deletion does in the background must not be taken for steps of a recovery.
    await waitFor(() => temporal.workflow.getHandle(accountDeletionId(deleted.agent._id)).result(), {});
    return {
      known: known.agent.email,
      deleted: deleted.agent.email,
      system: system.agent.email,
      unknown: `nobody-${known.agent.handle}@example.com`,
    };
  }

  /** Everything of an answer that is not its id, its time or the request's own id. */
  function shapeOf({ status, headers, text }: CallAnswer): string {
    const kept = [...headers].filter(([name]) => !['date', 'x-request-id'].includes(name));
    return JSON.stringify([status, kept, text.replace(/pnd_[A-Za-z0-9_-]{16}/, 'pnd_')]);
  }

  test('identity#14: the answers to recover and to six tries are the same bytes for every kind of email', async () => {
    const shapes: Record<string, string[]> = {};
    for (const [kind, email] of Object.entries(await emails())) {
      const started = await recover(email);
      const code = kind === 'known' ? await codeFor(stack, email) : '123456';
      const wrong = code === '000000' ? '000001' : '000000';
      const tries: CallAnswer[] = [];
      for (let tried = 1; tried <= 6; tried += 1) tries.push(await verify(started.body.pending_id, wrong));
      // As transactions see it: a deletion can show in a plain read a moment before.
      const pending = { _id: started.body.pending_id };
      await waitFor(async () => (await database.pendings.countDocuments(pending, SAFE_READ)) === 0);
      tries.push(await verify(started.body.pending_id, wrong));
      // Asked again within the minute: a decoy of its own, whatever the first one was.
      const again = await recover(email);
      expect(again.body.pending_id).not.toBe(started.body.pending_id);
      tries.push(again, await verify(again.body.pending_id, code), await recover(email));
      expect((await recover(email)).body.pending_id).toBe(again.body.pending_id);
      shapes[kind] = [started, ...tries].map(shapeOf);
      expect(tries.map(({ body }) => body.code ?? 'ok')).toEqual([
        ...Array<string>(5).fill('INVALID_CODE'),
        'OTP_ATTEMPTS_EXHAUSTED',
        'EXPIRED',
        'ok',
        'INVALID_CODE',
        'ok',
      ]);
      expect(stack.mailbox.messages(email)).toHaveLength(kind === 'known' ? 1 : 0);
    }
    for (const kind of ['deleted', 'system', 'unknown']) expect(shapes[kind]).toEqual(shapes['known']);
  });

  /** Commands on what a recovery touches, in their order, without values and without what comes by the clock. */
  async function commandsOf(work: () => Promise<void>): Promise<string[]> {
    await database.db.command({ profile: 2 });
    await work();
    await database.db.command({ profile: 0 });
    const rows = await database.db
      .collection('system.profile')
      .find({ ns: { $regex: /\.(agents|pendings|recoveries|codeCounters|wrongCodes|emailGuards|auditEvents)$/ } })
      .sort({ ts: 1 })
      .toArray();
    await database.db.collection('system.profile').drop();
    return rows.map(({ ns, op, command }) => `${op} ${ns.split('.').at(-1)} ${structureOf(command)}`);
  }

  const VOLATILE = new Set(['lsid', '$clusterTime', 'txnNumber', '$db', 'maxTimeMS', 'readConcern', '$readPreference']);

  /** Keys and types of a command, so that two with other values are equal. A stored null is a value like another. */
  function structureOf(value: unknown, key = ''): string {
    if (key === 'agentId' || key === 'handle') return 'string';
    if (Array.isArray(value)) return `[${value.map((item) => structureOf(item)).join()}]`;
    if (value === null || typeof value !== 'object' || value instanceof Date) return typeof value;
    const entries = Object.entries(value as Document).filter(([name]) => !VOLATILE.has(name));
    return `{${entries.map(([name, inner]) => `${name}:${structureOf(inner, name)}`).join()}}`;
  }

  test('identity#14: database commands of api and worker are the same, whatever the email is', async () => {
    const seen: Record<string, string[][]> = {};
    for (const [kind, email] of Object.entries(await emails())) {
      let pendingId = '';
      const first = await commandsOf(async () => {
        pendingId = (await recover(email)).body.pending_id;
        await waitFor(async () => (await mailOf(pendingId)) !== 'not_yet');
      });
      const again = await commandsOf(async () => void (await recover(email)));
      const wrong = await commandsOf(async () => void (await verify(pendingId, '00000a')));
      seen[kind] = [first, again, wrong];
    }
    expect(seen['known']?.map((commands) => commands.length > 0)).toEqual([true, true, true]);
    for (const kind of ['deleted', 'system', 'unknown']) expect(seen[kind]).toEqual(seen['known']);
  });

  test('identity#32: a right code beyond the 30 costs the database commands of a wrong one', async () => {
    const { email } = (await createTestAgent(database)).agent;
    const { pending_id } = (await recover(email)).body;
    const code = await codeFor(stack, email);
    const seen = [await commandsOf(async () => void (await verify(pending_id, '00000a')))];
    const tries = Array.from({ length: 30 }, (_, at) => ({
      id: `old:${at}`,
      budget: 'anybody' as const,
      at: new Date(),
    }));
    await database.wrongCodes.updateOne({ _id: emailKey(email) }, { $set: { tries } });
    for (const given of ['00000a', code])
      seen.push(await commandsOf(async () => void (await verify(pending_id, given))));
    expect(seen[0]?.length).toBeGreaterThan(0);
    for (const commands of seen.slice(1)) expect(commands).toEqual(seen[0]);
    expect((await verify(pending_id, code)).body.code).toBe('INVALID_CODE');
  });

  test('identity#14: the flows take the same steps; only the real one can be found, by its agent', async () => {
    const steps: Record<string, unknown[]> = {};
    for (const [kind, email] of Object.entries(await emails())) {
      const { body } = await recover(email);
      await waitFor(async () => (await mailOf(body.pending_id)) !== 'not_yet');
      for (let tries = 1; tries <= 6; tries += 1) await verify(body.pending_id, '00000a');
      await flowOf(body.pending_id).result();
      const { events } = await flowOf(body.pending_id).fetchHistory();
      steps[kind] = (events ?? []).map(({ eventType }) => eventType);
      const description = await flowOf(body.pending_id).describe();
      const attributes = description.typedSearchAttributes.getAll().map(({ key }) => key.name);
      expect(attributes.filter((name) => name === 'AgentHandle' || name === 'Stage')).toEqual(
        kind === 'known' ? expect.arrayContaining(['AgentHandle', 'Stage']) : [],
      );
    }
    for (const kind of ['deleted', 'system', 'unknown']) expect(steps[kind]).toEqual(steps['known']);
  });

  test('identity#14: over many calls the times of known and unknown emails overlap', async () => {
    const times: Record<'known' | 'unknown', number[]> = { known: [], unknown: [] };
    for (let round = 0; round < 25; round += 1) {
      const { agent } = await createTestAgent(database);
      const pair = [
        ['known', agent.email],
        ['unknown', `no-${agent.email}`],
      ] as const;
      for (const [kind, email] of round % 2 === 0 ? pair : [...pair].reverse()) {
        const startedMs = performance.now();
        await recover(email);
        times[kind].push(performance.now() - startedMs);
      }
    }
    const quartiles = (all: number[]): [number, number] => {
      const sorted = [...all].sort((one, other) => one - other);
      return [sorted[Math.floor(sorted.length / 4)] ?? 0, sorted[Math.floor((sorted.length * 3) / 4)] ?? 0];
    };
    const [known, unknown] = [quartiles(times.known), quartiles(times.unknown)];
    // A step more or less, on one side, of only a round trip's length moves the middle half of 25 calls past the other's.
    expect(known[0]).toBeLessThan(unknown[1]);
    expect(unknown[0]).toBeLessThan(known[1]);
  });
});

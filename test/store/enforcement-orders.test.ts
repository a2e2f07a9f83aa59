import fc from 'fast-check';
import { decideEnforcement } from '../../domain/enforcement';
import type { Database } from '../../store/schema/database';
import { evaluateEnforcement } from '../../store/enforcement/evaluate-enforcement';
import { removeBlock, setBlock } from '../../store/contacts/relations';
import { reportAgent } from '../../store/contacts/reports';
import { createSubject, HOUR_MS, type Subject } from '../support/community';
import { useDatabase } from '../support/database';

const START_MS = Date.parse('2030-06-15T12:00:00.000Z');
const WITNESSES = 18;

type Step =
  | { kind: 'block' | 'unblock' | 'report'; witness: number }
  | { kind: 'clock'; hours: number }
  | { kind: 'evaluate'; dies: boolean };

const witness = fc.integer({ min: 0, max: WITNESSES - 1 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('block' as const), witness }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('unblock' as const), witness }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('report' as const), witness }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('clock' as const), hours: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('evaluate' as const), dies: fc.boolean() }) },
  ),
  { minLength: 20, maxLength: 40 },
);

/** The rows as they should be: what the rules are then asked about. */
interface Model {
  blocks: Map<number, Date>;
  reports: Map<number, Date>;
  nowMs: number;
}

describe('any order of blocks, unblocks, reports, clock steps and evaluations', () => {
  const database = useDatabase();

  /** A process that dies in the middle of an evaluation: its transaction never commits. */
  const dying = (): Database => ({
    ...database,
    guards: new Proxy(database.guards, {
      get: (guards, name, receiver: unknown) =>
        name === 'updateOne'
          ? () => Promise.reject(new Error('killed'))
          : (Reflect.get(guards, name, receiver) as unknown),
    }),
  });

  async function take(step: Step, { agentId }: Subject, ids: string[], model: Model): Promise<void> {
    const at = new Date(model.nowMs);
    if (step.kind === 'clock') {
      model.nowMs += step.hours * HOUR_MS;
    } else if (step.kind === 'evaluate') {
      const input = { agentId, trigger: 'block', now: at, isFlow: true } as const;
      await evaluateEnforcement(step.dies ? dying() : database, input).catch((error: Error) => {
        expect(error.message).toBe('killed');
      });
    } else {
      await change(step.kind, step.witness, { agentId, from: ids[step.witness] ?? '', at }, model);
    }
  }

  async function change(
    kind: 'block' | 'unblock' | 'report',
    who: number,
    { agentId, from, at }: { agentId: string; from: string; at: Date },
    { blocks, reports }: Model,
  ): Promise<void> {
    const relation = { from, to: agentId, at };
    if (kind === 'block') await setBlock(database, relation);
    else if (kind === 'unblock') await removeBlock(database, relation);
    else await reportAgent(database, { ...relation, reason: null }).catch(() => undefined);
    if (kind === 'unblock') blocks.delete(who);
    else if (!(kind === 'report' && reports.has(who)) && !blocks.has(who)) blocks.set(who, at);
    if (kind === 'report' && !reports.has(who)) reports.set(who, at);
  }

  /** One evaluation of these rows on an account that nothing happened to yet. */
  const decideOnce = ({ blocks, reports, nowMs }: Model) =>
    decideEnforcement(
      {
        status: 'active',
        source: 'community',
        isSticky: false,
        isSystem: false,
        baseline: null,
        blockTimes: [...blocks.values()],
        reportTimes: [...reports.values()],
      },
      new Date(nowMs),
    );

  test('social#G3, social#G4: any order ends in the state that one evaluation at the end gives', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const subject = await createSubject(database);
        const ids = await subject.witnesses(WITNESSES);
        const model: Model = { blocks: new Map(), reports: new Map(), nowMs: START_MS };
        // Near the line from the start, so that most runs cross it, some of them several times.
        for (let who = 0; who < 13; who += 1) await take({ kind: 'block', witness: who }, subject, ids, model);
        let wasSuspended = false;
        for (const step of all) {
          await take(step, subject, ids, model);
          wasSuspended ||= (await subject.status()) === 'suspended';
        }
        const seen = await subject.evaluate(new Date(model.nowMs));
        const once = decideOnce(model);
        expect(seen.counts).toEqual(once.counts);
        // A suspension is the one state that an earlier evaluation may leave behind (social.md §5.4).
        expect(seen.status).toBe(wasSuspended ? 'suspended' : once.status);
        const changes = await subject.transitions();
        expect(changes.map(({ from }) => from)).toEqual(
          ['active', ...changes.map(({ to }) => to)].slice(0, changes.length),
        );
        expect(await subject.status()).toBe(changes.at(-1)?.to ?? 'active');
        expect(changes.length).toBeLessThanOrEqual(all.filter((step) => step.kind === 'evaluate').length + 1);
      }),
      { numRuns: 15 },
    );
  });

  test('social#G4: the same when everything happens at once, each witness in its own order', async () => {
    for (let round = 0; round < 6; round += 1) {
      const subject = await createSubject(database);
      const ids = await subject.witnesses(WITNESSES);
      const model: Model = { blocks: new Map(), reports: new Map(), nowMs: START_MS };
      await Promise.all(
        ids.map(async (_, who) => {
          const rounds = (who * 7 + round) % 3;
          await take({ kind: 'block', witness: who }, subject, ids, model);
          await take({ kind: 'evaluate', dies: who % 4 === 0 }, subject, ids, model);
          for (let again = 0; again < rounds; again += 1) {
            await take({ kind: again % 2 === 0 ? 'unblock' : 'block', witness: who }, subject, ids, model);
            await take({ kind: 'evaluate', dies: false }, subject, ids, model);
          }
        }),
      );
      // The last evaluation of the race saw every row: one more changes nothing.
      const settled = await subject.status();
      const { transition, counts } = await subject.evaluate(new Date(START_MS));
      expect([transition, counts]).toEqual([null, decideOnce(model).counts]);
      expect(settled).toBe(decideOnce(model).status);
    }
  });
});

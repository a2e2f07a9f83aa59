import { pairId, type PairGuard } from '../../domain/guards';
import { setStatus } from '../../store/accounts/account-facts';
import { deleteAgent } from '../../store/accounts/delete-agent';
import { call, createTestAgent, type CallOptions, type TestAgent } from '../support/agents';
import { useStack } from '../support/use-stack';
import { countWebhook } from '../support/webhooks';

/** Without a worker: nothing here depends on evaluations. */
describe('reports', () => {
  const { database, url } = useStack({ apis: 2, workers: 0 });

  const two = async (): Promise<[TestAgent, TestAgent]> => [
    await createTestAgent(database),
    await createTestAgent(database),
  ];
  const as = (who: TestAgent, method: string, path: string, options: CallOptions & { node?: number } = {}) =>
    call(url(options.node ?? 0), method, path, { key: who.apiKey, ...options });
  const report = (who: TestAgent, whom: TestAgent, options: CallOptions & { node?: number } = {}) =>
    as(who, 'POST', `/v1/contacts/${whom.agent.handle}/report`, options);
  const send = (from: TestAgent, to: TestAgent, id: string) =>
    as(from, 'POST', '/v1/messages', { body: { to: to.agent.handle, client_msg_id: id, content: 'hi' } });
  const codeOf = async (answer: ReturnType<typeof call>) => {
    const { status, body } = await answer;
    return `${status} ${body.code ?? 'ok'}`;
  };
  const rowsOf = async (from: TestAgent, to: TestAgent) => ({
    report: await database.reports.findOne({ reporterId: from.agent._id, reportedId: to.agent._id }),
    block: await database.blocks.findOne({ _id: `${from.agent._id}:${to.agent._id}` }),
    requests: await database.outbox.countDocuments({ kind: 'enforcement.requested', targetId: to.agent._id }),
  });

  test('social#11: a report without a conversation blocks and counts for nothing; a second one is refused', async () => {
    const [a, b] = await two();
    await countWebhook(database, b.agent._id, 1);
    expect(await codeOf(report(a, b, { body: { reason: 'spam' } }))).toBe('200 ok');
    const first = await rowsOf(a, b);
    expect(first.report).toMatchObject({ reason: 'spam', counts: false });
    expect(first.block).toMatchObject({ counts: false, createdAt: first.report?.createdAt });
    expect(await codeOf(send(a, b, 'one'))).toBe('403 BLOCKED');
    expect(await codeOf(report(a, b))).toBe('409 ALREADY_REPORTED');
    await as(a, 'DELETE', `/v1/contacts/${b.agent.handle}/block`);
    expect(await codeOf(report(a, b, { node: 1 }))).toBe('409 ALREADY_REPORTED');
    expect((await rowsOf(a, b)).block).toBeNull();
    expect(await codeOf(send(a, b, 'two'))).toBe('201 ok');
    // Of the automatic block only, and without a word about a report.
    const events = await database.outbox.find({ kind: 'contact.blocked', targetId: b.agent._id }).toArray();
    expect(events).toHaveLength(1);
    expect(JSON.stringify(events)).not.toContain('report');
  });

  test('a report that counts: block, report and the request for an evaluation are one commit', async () => {
    const [a, b] = await two();
    await send(b, a, 'opener');
    expect(await codeOf(report(a, b))).toBe('200 ok');
    const rows = await rowsOf(a, b);
    expect([rows.report?.counts, rows.block?.counts, rows.requests <= 1]).toEqual([true, true, true]);
    expect((await database.guards.findOne<PairGuard>({ _id: pairId(a.agent._id, b.agent._id) }))?.blockedBy).toEqual([
      a.agent._id,
    ]);
  });

  test('social#10: a block that exists keeps its time when its agent is reported', async () => {
    const [a, b] = await two();
    await as(a, 'POST', `/v1/contacts/${b.agent.handle}/block`);
    const { block } = await rowsOf(a, b);
    await report(a, b);
    expect((await rowsOf(a, b)).block).toEqual(block);
  });

  test('social#12: of parallel reports by one agent one is taken, also under one Idempotency-Key', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [a, b] = await two();
      const answers = await Promise.all([0, 1, 0, 1].map((node) => codeOf(report(a, b, { node }))));
      expect(answers.sort()).toEqual(['200 ok', ...Array.from({ length: 3 }, () => '409 ALREADY_REPORTED')]);
      const [c, d] = await two();
      const headers = { 'idempotency-key': `report-${round}-key` };
      const once = await Promise.all([0, 1].map((node) => codeOf(report(c, d, { node, headers }))));
      expect(once.every((answer) => answer === '200 ok' || answer === '409 IDEMPOTENT_IN_PROGRESS')).toBe(true);
      expect(await codeOf(report(c, d, { headers }))).toBe('200 ok');
      expect(await database.reports.countDocuments({ reportedId: d.agent._id })).toBe(1);
    }
  });

  test('social#13: a system agent can be neither blocked nor reported, and no row is left', async () => {
    const [a] = await two();
    const system = await createTestAgent(database, { isSystem: true });
    expect(await codeOf(report(a, system))).toBe('409 SYSTEM_AGENT_PROTECTED');
    expect(await rowsOf(a, system)).toEqual({ report: null, block: null, requests: 0 });
    // The platform's own agent, as it is from the first start.
    for (const path of ['block', 'report']) {
      expect(await codeOf(as(a, 'POST', `/v1/contacts/chatfather/${path}`))).toBe('409 SYSTEM_AGENT_PROTECTED');
    }
    const muted = await as(a, 'POST', '/v1/mutes', { body: { target_kind: 'agent', target_handle: 'chatfather' } });
    expect([muted.status, muted.body.target_id]).toEqual([201, 'agt_chatfather']);
  });

  test.each<[string, CallOptions, string | null]>([
    ['no body', {}, null],
    ['an empty object', { body: {} }, null],
    ['a body that is no JSON', { body: '{' }, null],
    ['a body that is no object', { body: '[1]' }, null],
    ['null', { body: { reason: null } }, null],
    ['an empty text', { body: { reason: '' } }, null],
    ['1000 units', { body: { reason: 'ä'.repeat(1_000) } }, 'ä'.repeat(1_000)],
    ['any text', { body: { reason: '\u0000 $where {{x}} 😀' } }, '\u0000 $where {{x}} 😀'],
    ['another content type', { body: '{"reason":"x"}', headers: { 'content-type': 'text/plain' } }, 'x'],
  ])('social#14: a reason may be %s', async (_name, options, reason) => {
    const [a, b] = await two();
    expect(await codeOf(report(a, b, options))).toBe('200 ok');
    expect((await rowsOf(a, b)).report?.reason).toBe(reason);
  });

  test('social#14: 1001 units and what is no text are refused, and nothing is done', async () => {
    const [a, b] = await two();
    for (const reason of ['x'.repeat(1_001), 7, {}, ['x'], true]) {
      expect(await codeOf(report(a, b, { body: { reason } }))).toBe('400 VALIDATION_ERROR');
    }
    expect(await rowsOf(a, b)).toEqual({ report: null, block: null, requests: 0 });
  });

  test('who cannot be reported: oneself, the unknown, the hidden; and order of checks', async () => {
    const [a, b] = await two();
    const [gone, barred] = await two();
    await deleteAgent(database, gone.agent._id, new Date());
    await setStatus(database, barred.agent._id, 'suspended', new Date());
    const answers = await Promise.all([
      report(a, gone),
      report(a, barred),
      as(a, 'POST', '/v1/contacts/nobody-here/report'),
    ]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 404, body: { code: 'AGENT_NOT_FOUND' } });
    expect(await codeOf(report(a, a))).toBe('400 VALIDATION_ERROR');
    expect(await codeOf(report(a, gone, { body: { reason: 7 } }))).toBe('400 VALIDATION_ERROR');
    expect(await codeOf(as(a, 'POST', '/v1/contacts/%00%ff/report'))).toMatch(/^404/);
    expect(await codeOf(report(a, b))).toBe('200 ok');
  });
});

import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { ALL_WEBHOOK_EVENTS } from '../../contract/events';
import { ownerRotateSecretSchema } from '../../contract/owner-webhooks';
import { DELIVERY_STATUSES, deliveriesQuerySchema, recoverSchema } from '../../contract/webhook-log';
import { WEBHOOK_OVERLAP_SECONDS_DEFAULT, WEBHOOK_OVERLAP_SECONDS_MAX } from '../../contract/webhook-limits';
import {
  bodyText,
  canRedeliver,
  curlOf,
  deliveryBadge,
  deliveryNote,
  EVENTS,
  filterQuery,
  isFiltered,
  NO_FILTER,
  STATUSES,
  withFirstPage,
  withNextPage,
} from '../../dashboard/src/model/deliveries';
import { inLabel } from '../../dashboard/src/model/times';
import { snippetOf, SNIPPETS } from '../../dashboard/src/model/webhook-snippets';
import {
  endpointBadge,
  endpointName,
  endpointNotes,
  OVERLAPS,
  recoveredText,
  recoveryDraft,
  recoveryOf,
  recoveryProblems,
  rotatedText,
  ROTATION,
  rotationOf,
  rotationProblems,
  testText,
} from '../../dashboard/src/model/webhooks';
import { agentPath, parseRoute } from '../../dashboard/src/model/route';
import type { Delivery, Webhook } from '../../dashboard/src/model/wire';

const place = { locale: 'en-GB', timeZone: 'UTC' };
const NOW = Date.parse('2026-03-12T12:00:00.000Z');
const at = (seconds: number): string => new Date(NOW + seconds * 1_000).toISOString();

function webhook(fields: Partial<Webhook> = {}, health: Partial<Webhook['health']> = {}): Webhook {
  return {
    id: 'whk_1',
    url: 'https://agent.example.com/hooks?token=t',
    events: ['message.new'],
    active: true,
    public_key: null,
    previous_public_key: null,
    previous_public_key_expires_at: null,
    disabled_reason: null,
    description: null,
    filter: null,
    rate_limit: null,
    ordering: 'none',
    batching: false,
    secret_hint: 'f123',
    previous_secret_expires_at: null,
    created_at: at(-86_400),
    next_attempt_at: null,
    circuit_open_until: null,
    is_held: false,
    ...fields,
    health: { state: 'healthy', consecutive_failures: 0, last_failure_at: null, pending: 0, dead: 0, ...health },
  };
}

function delivery(fields: Partial<Delivery> = {}): Delivery {
  return {
    id: 'whd_1',
    webhook_id: 'whk_1',
    event: 'message.new',
    event_id: 'evt_1',
    status: 'delivered',
    attempts: 1,
    max_attempts: 9,
    next_attempt_at: null,
    delivered_at: null,
    created_at: at(0),
    held: null,
    last_status: 200,
    last_error: null,
    replay_of: null,
    batch_id: null,
    ...fields,
  };
}

describe('webhooks §12: endpoints as owners see them', () => {
  test.each([
    ['does well', webhook(), 'green', 'Healthy'],
    ['fails', webhook({}, { state: 'failing' }), 'amber', 'Failing'],
    ['has an open circuit', webhook({}, { state: 'circuit_open' }), 'red', 'Resting'],
    ['is disabled', webhook({ active: false }, { state: 'disabled' }), 'amber', 'Disabled'],
    ['is held', webhook({ is_held: true }, { state: 'circuit_open' }), 'amber', 'Held'],
    ['is held and disabled', webhook({ is_held: true }, { state: 'disabled' }), 'amber', 'Disabled'],
  ] as const)('webhooks §11.5: the badge of an endpoint that %s', (_, shown, light, text) => {
    expect(endpointBadge(shown)).toEqual({ light, text });
  });

  test('an endpoint that does well is told nothing of; its name is its agent’s, else its address', () => {
    expect(endpointNotes(webhook(), NOW, place)).toEqual([]);
    expect(endpointName(webhook({ description: ' Bookings ' }))).toBe('Bookings');
    expect(endpointName(webhook({ description: '  ' }))).toBe('https://agent.example.com/hooks?token=t');
  });

  test('what failed, until when it rests, what waits and what was given up are told in sentences', () => {
    const failing = { state: 'failing', consecutive_failures: 1, last_failure_at: at(-300), pending: 1 } as const;
    expect(endpointNotes(webhook({ next_attempt_at: at(30) }, failing), NOW, place)).toEqual([
      '1 failure in a row, the last 5 minutes ago.',
      '1 delivery waits; the next attempt in less than a minute.',
    ]);
    const open = { ...failing, state: 'circuit_open', consecutive_failures: 5, pending: 1_000, dead: 2 } as const;
    const resting = webhook({ circuit_open_until: at(240), next_attempt_at: at(240) }, open);
    expect(endpointNotes(resting, NOW, place)).toEqual([
      '5 failures in a row, the last 5 minutes ago.',
      'It rests until 12:04; then one probes it.',
      '1,000 or more deliveries wait; the next attempt in 4 minutes.',
      '2 deliveries were given up and can be sent again.',
    ]);
    expect(endpointNotes({ ...resting, circuit_open_until: null }, NOW, place)).toContain(
      'One delivery probes it now.',
    );
  });

  test('why nothing is sent is said once: disabled, gone, held', () => {
    const off = webhook({ active: false, disabled_reason: 'gone' }, { state: 'disabled', consecutive_failures: 3 });
    expect(endpointNotes(off, NOW, place)).toEqual(['It answered 410 Gone, so nothing is sent to it any more.']);
    const held = webhook({ is_held: true, next_attempt_at: at(10) }, { pending: 2 });
    expect(endpointNotes(held, NOW, place)).toEqual([
      'Nothing is sent while the agent is fully paused or suspended.',
      '2 deliveries wait.',
    ]);
  });

  test('webhooks §11.3: an overlap that is open is told with its end, one that is over is not', () => {
    const open = webhook({ previous_secret_expires_at: at(3_600) });
    expect(endpointNotes(open, NOW, place)).toEqual([
      'The secret before this one still signs, until 12 March 2026, 13:00.',
    ]);
    expect(endpointNotes(webhook({ previous_secret_expires_at: at(0) }), NOW, place)).toEqual([]);
  });

  test('the address of an endpoint is a section of its agent with the id of the webhook', () => {
    const path = agentPath('ada', 'webhooks', 'whk_1');
    expect(path).toBe('/app/agents/ada/webhooks/whk_1');
    expect(parseRoute(path)).toEqual({ screen: 'agent', handle: 'ada', section: 'webhooks', conversationId: 'whk_1' });
  });
});

describe('webhooks §11.3, §11.4: what owners ask for', () => {
  test('a test says how it went', () => {
    const good = { delivered: true, status: 204, duration_ms: 84, error: null };
    expect(testText(good)).toBe('Delivered: the endpoint answered 204 after 84 ms.');
    const bad = { delivered: false, status: null, duration_ms: 10_000, error: 'timeout' };
    expect(testText(bad)).toBe('Failed after 10000 ms: timeout.');
  });

  test('overlaps are ones that the server takes, its own default first', () => {
    expect(OVERLAPS[0].seconds).toBe(WEBHOOK_OVERLAP_SECONDS_DEFAULT);
    for (const { seconds } of OVERLAPS) {
      expect(seconds <= WEBHOOK_OVERLAP_SECONDS_MAX).toBe(true);
      const asked = rotationOf({ overlapS: String(seconds), isForced: false });
      expect(ownerRotateSecretSchema.parse(asked)).toEqual({ overlap_seconds: seconds, force: false });
    }
  });

  test('while a rotation is under way another one needs a word more', () => {
    const open = webhook({ previous_secret_expires_at: at(60) });
    expect(Object.keys(rotationProblems(ROTATION, open, NOW))).toEqual(['isForced']);
    expect(rotationProblems({ ...ROTATION, isForced: true }, open, NOW)).toEqual({});
    expect(rotationProblems(ROTATION, webhook({ previous_secret_expires_at: at(-1) }), NOW)).toEqual({});
    expect(rotationProblems(ROTATION, webhook(), NOW)).toEqual({});
  });

  test('a new secret comes with the time until which the old one signs', () => {
    const rotated = { id: 'whk_1', secret: 's'.repeat(64), previous_secret_expires_at: at(3_600) };
    expect(rotatedText(rotated, place)).toContain('Until 12 March 2026, 13:00 the old one signs, too.');
    expect(rotatedText({ ...rotated, previous_secret_expires_at: null }, place)).toContain('the old secret are over');
  });

  test('a recovery goes from a time that has been to a later one, by default over the last day', () => {
    const draft = recoveryDraft(NOW);
    expect(Date.parse(recoveryOf(draft).since)).toBe(NOW - 86_400_000);
    expect(recoveryProblems(draft, NOW)).toEqual({});
    for (const since of ['', 'soon', '2099-01-01T00:00']) {
      expect(Object.keys(recoveryProblems({ ...draft, since }, NOW))).toContain('since');
    }
    expect(Object.keys(recoveryProblems({ ...draft, until: draft.since }, NOW))).toEqual(['until']);
    const asked = recoveryOf({ since: '2026-03-01T00:00', until: '2026-03-02T00:00', status: 'dead' });
    expect(recoverSchema.parse(asked)).toEqual({
      since: new Date('2026-03-01T00:00'),
      until: new Date('2026-03-02T00:00'),
      status: 'dead',
    });
    expect(Object.keys(recoveryOf(draft))).toEqual(['since']);
  });

  test.each([
    [0, 'Nothing to send: the endpoint missed nothing of that time'],
    [1, '1 delivery on the way, oldest first'],
    [12, '12 deliveries on the way, oldest first'],
    [10_000, '10,000 or more deliveries on the way, oldest first'],
  ])('a recovery of %i says so', (matched, text) => {
    expect(recoveredText(matched)).toBe(text);
  });
});

describe('webhooks §11.1: deliveries on the page', () => {
  test('every state and every event of the contract has its place, in words', () => {
    expect(STATUSES.map(({ value }) => value)).toEqual([...DELIVERY_STATUSES]);
    expect([...EVENTS]).toEqual([...ALL_WEBHOOK_EVENTS]);
    const texts = DELIVERY_STATUSES.map((status) => deliveryBadge({ status }).text);
    expect(new Set(texts).size).toBe(DELIVERY_STATUSES.length);
  });

  test.each<[Partial<Delivery>, string]>([
    [{}, 'attempt 1 of 9 · HTTP 200'],
    [{ status: 'pending', attempts: 0, last_status: null, next_attempt_at: at(0) }, 'next attempt now'],
    [
      { status: 'failed', attempts: 3, last_status: 503, last_error: 'HTTP 503', next_attempt_at: at(300) },
      'attempt 3 of 9 · HTTP 503 · next attempt in 5 minutes',
    ],
    [
      { status: 'failed', last_status: null, last_error: 'timeout', held: 'circuit_open', next_attempt_at: at(300) },
      'attempt 1 of 9 · timeout · waits until the endpoint has rested',
    ],
    [
      { status: 'pending', attempts: 0, last_status: null, held: 'paused', replay_of: 'whd_0' },
      'sent again · waits for the end of the pause',
    ],
    [{ status: 'dead', attempts: 9, last_error: 'timeout' }, 'attempt 9 of 9 · timeout'],
  ])('the line of %j', (fields, text) => {
    expect(deliveryNote(delivery(fields), NOW, place)).toBe(text);
  });

  test('webhooks §11.2: what is under way and what is disabled is not sent again', () => {
    const can = DELIVERY_STATUSES.filter((status) => canRedeliver({ status }, { active: true }));
    expect(can).toEqual(['delivered', 'failed', 'dead', 'cancelled']);
    expect(DELIVERY_STATUSES.some((status) => canRedeliver({ status }, { active: false }))).toBe(false);
  });

  test('filters become a query that the server takes; half a time is none', () => {
    expect([isFiltered(NO_FILTER), isFiltered({ ...NO_FILTER, event: 'message.new' })]).toEqual([false, true]);
    expect(Object.values(filterQuery(NO_FILTER)).filter((value) => value !== undefined)).toEqual([]);
    const typed = { status: 'dead', event: 'message.read', since: '2026-03-01T00:00', until: '' };
    expect(deliveriesQuerySchema.parse(filterQuery(typed))).toMatchObject({
      status: 'dead',
      event: 'message.read',
      since: new Date('2026-03-01T00:00'),
    });
    for (const until of ['', '2026-03-', '2026-13-02T00:00', '12026-03-02T00:00']) {
      expect([until, filterQuery({ ...typed, until })['until']]).toEqual([until, undefined]);
    }
  });

  const rows = (from: number, to: number): Delivery[] =>
    Array.from({ length: from - to + 1 }, (_, index) => delivery({ id: `whd_${from - index}` }));
  const ids = ({ rows: all }: { rows: Delivery[] }): string[] => all.map(({ id }) => id);

  test('pages come together: each delivery once, and the place where the next one begins', () => {
    const first = { rows: rows(9, 6), nextCursor: 'a' };
    const both = withNextPage(first, { rows: rows(6, 3), nextCursor: 'b' });
    expect([ids(both), both.nextCursor]).toEqual([ids({ rows: rows(9, 3) }), 'b']);
    // Two new ones came; what was read before stays behind them.
    const fresh = withFirstPage(both, { rows: rows(11, 8), nextCursor: 'c' });
    expect([ids(fresh), fresh.nextCursor]).toEqual([ids({ rows: rows(11, 3) }), 'b']);
  });

  test('a first page that touches nothing known stands alone: no gap is hidden', () => {
    const known = { rows: rows(9, 3), nextCursor: 'b' };
    const far = { rows: rows(40, 31), nextCursor: 'c' };
    expect(withFirstPage(known, far)).toBe(far);
    const whole = { rows: rows(9, 8), nextCursor: null };
    expect(withFirstPage(known, whole)).toBe(whole);
    expect(withFirstPage(undefined, far)).toBe(far);
  });

  test.each([
    [at(-5), 'now'],
    [at(59), 'in less than a minute'],
    [at(60), 'in 1 minute'],
    [at(7_199), 'in 1 hour'],
    [at(172_800), 'in 2 days'],
  ])('what happens at %s happens %s', (iso, text) => {
    expect(inLabel(iso, NOW)).toBe(text);
  });
});

describe('webhooks §12: a request as a command, and how to verify one', () => {
  const URL_OF = 'https://agent.example.com/hooks?a=1&b=$HOME';

  test('copy as curl: the address, the headers as they are kept and the bytes; no signature', () => {
    const headers = {
      'content-type': 'application/json',
      'agentchat-signature': 't=1,v1=[redacted]',
      'content-length': '2',
    };
    expect(curlOf({ headers, body: '{}' }, URL_OF)).toBe(
      [
        `curl -X POST '${URL_OF}'`,
        `-H 'content-type: application/json'`,
        `-H 'agentchat-signature: t=1,v1=[redacted]'`,
        `--data-raw '{}'`,
      ].join(' \\\n  '),
    );
    expect(curlOf({ headers: {}, body: '{}' }, URL_OF)).toContain(`-H 'content-type: application/json'`);
  });

  test('no body and no header gets out of its quotes: a shell takes each as one word', () => {
    const value = fc.string({ unit: 'binary', maxLength: 40 }).filter((text) => !/[\uD800-\uDFFF]/.test(text));
    const nasty = fc.oneof(value, fc.constantFrom(`'; rm -rf ~; '`, '$(id)', '`id`', '\\', '"', '\n', '\u009b2J', '‮'));
    fc.assert(
      fc.property(nasty, nasty, (text, header) => {
        const body = JSON.stringify({ text });
        const command = curlOf({ headers: { 'x-a': header }, body }, URL_OF).replace(/^curl/, 'printf "%s\\0"');
        const words = execFileSync('/bin/sh', ['-c', command]).toString('utf8').split('\0');
        expect(words.slice(0, 4)).toEqual(['-X', 'POST', URL_OF, '-H']);
        expect([words[5], words.length]).toEqual(['--data-raw', 8]);
        expect(JSON.parse(words[6] ?? '')).toEqual({ text });
        // What a terminal takes for more than a character.
        expect(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/.test(words[6] ?? '')).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  test('bodies are shown as JSON in lines, and as they came when they are none', () => {
    expect(bodyText('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(bodyText('try \u202elater')).toBe('try \\u202elater');
  });

  test('both published clients are shown with the header that signs, on the path of the endpoint', () => {
    const snippets = SNIPPETS.map(({ language }) => snippetOf(language, 'https://agent.example.com/my/hook?token=t'));
    expect(snippets).toHaveLength(2);
    for (const snippet of snippets) {
      expect(snippet).toContain('Agentchat-Signature');
      expect(snippet).toContain('"/my/hook"');
      expect(snippet).not.toContain('token=t');
    }
    expect(snippets[0]).toContain('verifyWebhook(');
    expect(snippets[1]).toContain('verify_webhook(');
  });
});

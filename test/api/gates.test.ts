import { authenticate } from '../../api/gates/authenticate';
import { guardBody } from '../../api/gates/guard-body';
import { idempotency } from '../../api/gates/idempotency';
import { notifyOwnerFeed } from '../../api/gates/notify-owner-feed';
import { limitAddress, limitAgent, limitOwner, limitPublic } from '../../api/gates/rate-limits';
import { recheckCaller } from '../../api/gates/recheck-caller';
import { requireOwner } from '../../api/gates/require-owner';
import { limitPrincipal, requirePrincipal } from '../../api/gates/require-principal';
import { requireOwnOrigin } from '../../api/gates/require-own-origin';
import { withinReach } from '../../api/gates/within-reach';
import { SESSION_COOKIE } from '../../api/http/owner-cookies';
import type { RateLimiter } from '../../api/http/rate-limiter';
import type { ApiContext, ApiMiddleware, ApiState } from '../../api/http/state';
import type { Endpoint } from '../../contract/endpoint';
import type { AgentReader } from '../../store/agents/agents';
import type { Agent } from '../../store/schema/collections/agents';
import { ownerPrincipal } from '../../store/gateway/principals';
import type { Reach } from '../../store/schema/reach';
import { probeEndpoint } from '../support/probe-api';

const endpointWith = (more: Partial<Endpoint> = {}) => probeEndpoint('POST', '/v1/probe', more);

interface Given {
  headers?: Record<string, string>;
  cookies?: Record<string, string>;
  state?: Partial<ApiState>;
  status?: number;
  /** The body is there. */
  isComplete?: boolean;
}

/** A request as a gate sees it: only what gates read. */
function contextOf({ headers = {}, cookies = {}, state = {}, status = 200, isComplete = true }: Given): ApiContext {
  return {
    req: { headers, complete: isComplete },
    get: (name: string) => headers[name.toLowerCase()] ?? '',
    set: () => undefined,
    cookies: { get: (name: string) => cookies[name] },
    status,
    state: { agent: null, owner: null, isCachedCaller: false, params: {}, clientIp: '10.0.0.1', ...state },
  } as unknown as ApiContext;
}

/** Goes through the gate: whether what stands behind it was reached, or the code of the refusal. */
async function pass(gate: ApiMiddleware | null, given: Given): Promise<{ outcome: string; ctx: ApiContext }> {
  const ctx = contextOf(given);
  let outcome = 'not reached';
  const next = () => Promise.resolve(void (outcome = 'reached'));
  try {
    await (gate ?? ((_, go) => go()))(ctx as never, next);
  } catch (error) {
    outcome = String((error as { code?: string }).code);
  }
  return { outcome, ctx };
}

const ann = { _id: 'ann', status: 'active' } as Agent;
const KEY = { authorization: 'Bearer ac_live_ann' };

/** What each gate refuses, and that it is not there where it has nothing to do; their order is test/api/conventions. */
describe('gates', () => {
  test('withinReach: 503 while the database is out of reach, but where an endpoint has an answer of its own', async () => {
    const lost = { isLost: () => true } as Reach;
    const there = { isLost: () => false, whileThere: (work: Promise<unknown>) => work } as Reach;
    expect((await pass(withinReach(endpointWith(), lost), {})).outcome).toBe('SERVICE_UNAVAILABLE');
    expect((await pass(withinReach(endpointWith(), there), {})).outcome).toBe('reached');
    expect(withinReach(endpointWith({ answersInOutage: true }), lost)).toBeNull();
  });

  test('authenticate: no key, a wrong one, an ended and a suspended account are refused', async () => {
    const readerOf = (agent: Agent | null) =>
      ({ findByKeyHash: () => Promise.resolve(agent), findCachedByKeyHash: () => ann }) as unknown as AgentReader;
    const through = async (agent: Agent | null, more: Partial<Endpoint> = {}, headers: Given['headers'] = KEY) =>
      pass(authenticate(endpointWith(more), readerOf(agent)), { headers });
    expect((await through(ann)).ctx.state.agent).toBe(ann);
    expect((await through(ann, {}, {})).outcome).toBe('UNAUTHORIZED');
    expect((await through(null)).outcome).toBe('UNAUTHORIZED');
    expect((await through({ ...ann, status: 'deleted' })).outcome).toBe('UNAUTHORIZED');
    expect((await through({ ...ann, status: 'suspended' })).outcome).toBe('SUSPENDED');
    expect((await through({ ...ann, status: 'suspended' }, { auth: 'any-status' })).outcome).toBe('reached');
    expect((await through(null, { auth: 'optional' }, {})).outcome).toBe('reached');
    expect((await through(null, { auth: 'optional' })).outcome).toBe('UNAUTHORIZED');
    // Whose write proves it may come from the cache, and only then.
    expect((await through(null, { provesCaller: true })).ctx.state).toMatchObject({ agent: ann, isCachedCaller: true });
  });

  test('recheckCaller: a body that came late is read, and its caller looked up again behind it', async () => {
    const steps: string[] = [];
    const late = (loadAgent: ApiState['loadAgent'], more: Partial<ApiState> = {}): Given => ({
      isComplete: false,
      state: { agent: ann, loadAgent, readBytes: () => Promise.resolve((steps.push('read'), Buffer.of())), ...more },
    });
    const bea = { ...ann, _id: 'bea' };
    const load = () => Promise.resolve((steps.push('load'), bea));
    const through = await pass(recheckCaller(endpointWith()), late(load));
    expect([steps, through.ctx.state.agent]).toEqual([['read', 'load'], bea]);
    const refuse = () => Promise.reject(Object.assign(new Error('old'), { code: 'UNAUTHORIZED' }));
    expect((await pass(recheckCaller(endpointWith()), late(refuse))).outcome).toBe('UNAUTHORIZED');
    // What came with its headers, and what its write proves, need no second look-up; a GET changes nothing.
    expect((await pass(recheckCaller(endpointWith()), { ...late(refuse), isComplete: true })).outcome).toBe('reached');
    const cached = late(refuse, { isCachedCaller: true });
    expect((await pass(recheckCaller(endpointWith({ provesCaller: true })), cached)).outcome).toBe('reached');
    expect(recheckCaller(endpointWith({ method: 'GET' }))).toBeNull();
  });

  test('requireOwner: only the cookie of a session counts, whatever key is sent, and it must hold', async () => {
    const checked: string[] = [];
    const check = (token: string) => {
      checked.push(token);
      return null;
    };
    const gate = requireOwner({
      database: {} as never,
      clock: { now: () => new Date() },
      accessTokens: { check } as never,
    });
    expect((await pass(gate, { headers: KEY })).outcome).toBe('UNAUTHORIZED');
    expect(checked).toEqual([]);
    expect((await pass(gate, { cookies: { [SESSION_COOKIE]: 'made up' } })).outcome).toBe('UNAUTHORIZED');
    expect(checked).toEqual(['made up']);
  });

  test('requirePrincipal: only a token or a key of the gateway counts, and no other key is looked up', async () => {
    const checked: string[] = [];
    const deps = {
      database: { gatewayKeys: { findOne: () => Promise.resolve(null) } } as never,
      clock: { now: () => new Date() },
      accessTokens: { check: (token: string) => (checked.push(token), null) } as never,
    };
    const gate = requirePrincipal(endpointWith({ path: '/api/probe' }), deps, {
      publicBaseUrl: 'https://chat.example',
    });
    const through = async (authorization?: string, cookies: Given['cookies'] = {}, more: Given['headers'] = {}) => {
      const { outcome, ctx } = await pass(gate, {
        headers: { ...(authorization === undefined ? {} : { authorization }), ...more },
        cookies,
      });
      return [outcome, ctx.state.owner];
    };
    for (const header of [undefined, '', 'Bearer', 'Bearer ', 'Basic eyJ']) {
      expect([header, ...(await through(header))]).toEqual([header, 'UNAUTHORIZED', null]);
    }
    expect(await through(undefined, { [SESSION_COOKIE]: 'eyJ.from.a.browser' })).toEqual(['UNAUTHORIZED', null]);
    for (const key of ['ac_live_ann', 'gwk_made_up', 'EYJ']) {
      expect([key, ...(await through(`Bearer ${key}`))]).toEqual([key, 'INVALID_API_KEY', null]);
    }
    expect(checked).toEqual([]);
    expect(await through('Bearer eyJ.not.signed')).toEqual(['UNAUTHORIZED', null]);
    expect(checked).toEqual(['eyJ.not.signed']);
    // The owners' page says that it is the page; its cookie counts then, unless another page says so.
    const page = { 'x-agentchat-page': 'owners' };
    const cookies = { [SESSION_COOKIE]: 'eyJ.of.the.page' };
    expect(await through('Basic eyJ', cookies, page)).toEqual(['UNAUTHORIZED', null]);
    expect(await through(undefined, cookies, { ...page, origin: 'https://evil.example' })).toEqual(['FORBIDDEN', null]);
    expect(checked).toEqual(['eyJ.not.signed']);
    expect(await through(undefined, cookies, { ...page, origin: 'https://chat.example' })).toEqual([
      'UNAUTHORIZED',
      null,
    ]);
    expect(checked).toEqual(['eyJ.not.signed', 'eyJ.of.the.page']);
  });

  test('limitPrincipal: turns and reads of a caller have windows of their own', async () => {
    const counted: string[] = [];
    const limiter = {
      countGateway: (scope: string, principal: string) => Promise.resolve(void counted.push(`${scope} ${principal}`)),
    } as unknown as RateLimiter;
    const state = { principal: ownerPrincipal({ id: 'olga', displayName: null }) };
    for (const startsTurn of [true, 'team', 'voice', undefined] as const) {
      expect((await pass(limitPrincipal(startsTurn, limiter), { state })).outcome).toBe('reached');
    }
    expect(counted).toEqual([
      'turns owner:olga',
      'team_turns owner:olga',
      'voice_starts owner:olga',
      'reads owner:olga',
    ]);
    const full = { countGateway: () => Promise.reject(Object.assign(new Error('full'), { code: 'RATE_LIMITED' })) };
    expect((await pass(limitPrincipal(true, full as unknown as RateLimiter), { state })).outcome).toBe('RATE_LIMITED');
  });

  test('requireOwnOrigin: a page of another site changes nothing of an owner', async () => {
    const rule = { publicBaseUrl: 'https://chat.example' };
    const from = async (origin: string, more: Partial<Endpoint> = { path: '/dashboard/probe' }) =>
      (await pass(requireOwnOrigin(endpointWith(more), rule), { headers: { origin } })).outcome;
    expect(await from('https://evil.example')).toBe('FORBIDDEN');
    expect(await from('https://chat.example')).toBe('reached');
    expect(requireOwnOrigin(endpointWith({ path: '/dashboard/probe', method: 'GET' }), rule)).toBeNull();
    expect(requireOwnOrigin(endpointWith(), rule)).toBeNull();
  });

  test('limits: the caller is counted in the windows that the endpoint names, and in no other', async () => {
    const counted: string[] = [];
    const note =
      (who: string) =>
      (scope: string, subject: string, suffix = '') =>
        Promise.resolve(void counted.push(`${who} ${scope} ${subject}${suffix === '' ? '' : ' by path'}`));
    const limiter = {
      countAddress: note('address'),
      countAgent: note('agent'),
      countOwner: note('owner'),
    } as unknown as RateLimiter;
    const owner = { id: 'olga' } as ApiState['owner'];
    const steps: [ApiMiddleware | null, Given['state'], string[]][] = [
      [limitAddress(endpointWith({ addressLimit: 'register' }), limiter), {}, ['address register 10.0.0.1']],
      [limitAddress(endpointWith(), limiter), {}, []],
      [
        limitAgent(endpointWith({ agentLimits: ['directory', 'directory_daily'] }), limiter),
        { agent: ann },
        ['agent directory ann', 'agent directory_daily ann'],
      ],
      [
        limitAgent(endpointWith({ agentLimits: ['directory'], addressLimit: 'directory' }), limiter),
        { agent: null },
        ['address directory 10.0.0.1'],
      ],
      [
        limitAgent(endpointWith({ addressLimit: 'rotate_key' }), limiter),
        { agent: ann },
        ['address rotate_key 10.0.0.1 by path'],
      ],
      [limitOwner(endpointWith(), limiter), { owner }, ['owner dashboard olga']],
      [limitOwner(endpointWith({ addressLimit: 'dashboard_refresh' }), limiter), { owner }, []],
    ];
    for (const [gate, state, expected] of steps) {
      counted.length = 0;
      expect((await pass(gate, { state })).outcome).toBe('reached');
      expect(counted).toEqual(expected);
    }
  });

  test('limitPublic: a token is counted before it is looked up, messages in more windows; others not at all', async () => {
    const counted: string[] = [];
    const limiter = {
      countPublic: (scope: string, subject: string) =>
        Promise.resolve(void counted.push(subject === '10.0.0.1' ? scope : `${scope} of the token`)),
    } as unknown as RateLimiter;
    const state = { params: { token: 'made up' } };
    await pass(limitPublic(endpointWith({ publicChat: 'look-up' }), limiter), { state });
    expect(counted.splice(0)).toEqual(['lookups']);
    await pass(limitPublic(endpointWith({ publicChat: 'message' }), limiter), { state });
    expect(counted).toEqual(['lookups', 'messages', 'link_messages of the token']);
    expect(limitPublic(endpointWith(), limiter)).toBeNull();
  });

  test('guardBody: a body that says it is too long is refused unread; an unproven caller is looked up first', async () => {
    const gate = guardBody(endpointWith({ bodyBytesMax: 10 }));
    const length = (bytes: number) => ({ 'content-length': String(bytes) });
    expect((await pass(gate, { headers: length(10) })).outcome).toBe('reached');
    expect((await pass(gate, { headers: length(11) })).outcome).toBe('PAYLOAD_TOO_LARGE');
    const loadAgent = () => Promise.reject(Object.assign(new Error('an old key'), { code: 'UNAUTHORIZED' }));
    const cached = { headers: length(11), state: { isCachedCaller: true, loadAgent } };
    expect((await pass(gate, cached)).outcome).toBe('UNAUTHORIZED');
  });

  test('idempotency: a malformed key is refused; without one, or where it means nothing, nothing is kept', async () => {
    const deps = { store: {} as never, log: { warn: () => undefined } as never };
    const gate = idempotency(endpointWith(), deps);
    const state = { agent: ann };
    expect((await pass(gate, { state })).outcome).toBe('reached');
    expect((await pass(gate, { state, headers: { 'idempotency-key': 'no spaces' } })).outcome).toBe(
      'IDEMPOTENCY_KEY_INVALID',
    );
    for (const more of [{ method: 'GET' }, { auth: 'none' }, { ignoresIdempotencyKey: true }] as Partial<Endpoint>[]) {
      expect(idempotency(endpointWith(more), deps)).toBeNull();
    }
  });

  test('notifyOwnerFeed: what a dashboard shows is told when the call changed it, and only then', async () => {
    const told: unknown[] = [];
    const feed = { changed: (change: unknown) => void told.push(change) };
    const gate = notifyOwnerFeed(endpointWith({ operationId: 'blockAgent' }), feed);
    await pass(gate, { state: { agent: ann }, status: 404 });
    await pass(gate, { state: { agent: null } });
    expect(told).toEqual([]);
    await pass(gate, { state: { agent: ann } });
    expect(told).toEqual([{ agentId: 'ann', scopes: ['blocks', 'events'] }]);
    expect(notifyOwnerFeed(endpointWith(), feed)).toBeNull();
  });
});

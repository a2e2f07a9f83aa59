import type { IncomingMessage } from 'node:http';
import { AppError, toEnvelope } from '../../../contract/errors';
import { UNAUTHENTICATED_SOCKETS_PER_ADDRESS } from '../../../contract/limits';
import type { AgentReader } from '../../../store/agents/agents';
import type { Agent } from '../../../store/schema/collections/agents';
import { hashApiKey } from '../../../platform/ids';
import { bearerKey } from '../../http/bearer-key';
import { toAppError } from '../../http/errors';
import { isFromOwnOrigin, type OwnOrigin } from '../../http/own-origin';
import { suspended } from '../../http/refusals';
import { clientIpOf, type ClientIpOptions } from '../../middleware/client-ip';
import { collapseSlashes } from '../../middleware/target-path';
import { requestIdOf } from '../../middleware/request-id';
import { DASHBOARD_SOCKET_PATH, SOCKET_PATH } from '../../middleware/upgrade-required';
import { voiceTargetOf, type VoiceTarget } from '../../voice/doors';

/** How the `ws` server asks whether to accept an upgrade. */
export type Verify = (
  info: { req: IncomingMessage },
  answer: (isAccepted: boolean, status?: number, body?: string, headers?: Record<string, string>) => void,
) => void;

/** What the upgrade found out about a request that it accepted. */
export interface Accepted {
  /** The agent of the Bearer path; null = HELLO is awaited. */
  agent: Agent | null;
  address: string;
  /** Of a dashboard: what its query names, checked after the handshake; null = an agent's socket. */
  ticket: string | null;
  /** Of a talk: who comes, and where to; null = it is none. */
  voice: VoiceTarget | null;
}

/** Counts sockets that have not said hello yet, by address. */
export class Waiting {
  private readonly counts = new Map<string, number>();

  isFull(address: string): boolean {
    return (this.counts.get(address) ?? 0) >= UNAUTHENTICATED_SOCKETS_PER_ADDRESS;
  }

  enter(address: string): void {
    this.counts.set(address, (this.counts.get(address) ?? 0) + 1);
  }

  /** @returns what lets go of it, however often it is called */
  hold(address: string): () => void {
    let isHeld = true;
    this.enter(address);
    return () => {
      if (isHeld) this.leave(address);
      isHeld = false;
    };
  }

  leave(address: string): void {
    const count = (this.counts.get(address) ?? 0) - 1;
    if (count > 0) this.counts.set(address, count);
    else this.counts.delete(address);
  }
}

/**
 * Decides before the handshake: path, origin of a dashboard, limit per address, Bearer key. A refusal is a plain HTTP answer with the
 * envelope; a Bearer key that is wrong never falls through to HELLO.
 */
export function createVerify(deps: {
  agents: AgentReader;
  waiting: Waiting;
  accepted: WeakMap<IncomingMessage, Accepted>;
  ip: ClientIpOptions;
  origins: OwnOrigin;
  /** An order of another process of ours; null: it is none of this process's. */
  readOrder: (path: string, query: string) => VoiceTarget | null;
}): Verify {
  return ({ req }, answer) => {
    const address = clientIpOf(req, deps.ip);
    decide(deps, req, address).then(
      (found) => {
        deps.accepted.set(req, { ...found, address });
        answer(true);
      },
      (error: unknown) => {
        const known = toAppError(error);
        answer(false, known.status, JSON.stringify(toEnvelope(known)), {
          'Content-Type': 'application/json; charset=utf-8',
          'X-Request-Id': requestIdOf(req.headers['x-request-id']?.toString()),
          ...(known.status === 503 || known.status === 429 ? { 'Retry-After': '1' } : {}),
        });
      },
    );
  };
}

async function decide(
  deps: Omit<Parameters<typeof createVerify>[0], 'accepted' | 'ip'>,
  req: IncomingMessage,
  address: string,
): Promise<Omit<Accepted, 'address'>> {
  const [target = '', query] = (req.url ?? '').split('?');
  const path = collapseSlashes(target);
  if (path === DASHBOARD_SOCKET_PATH) {
    if (!isFromOwnOrigin(req.headers, deps.origins)) throw new AppError('FORBIDDEN');
    refuseFlood(deps.waiting, address);
    return { agent: null, voice: null, ticket: new URLSearchParams(query).get('ticket') ?? '' };
  }
  const order = deps.readOrder(path, query ?? '');
  if (order !== null) return { agent: null, ticket: null, voice: order };
  const voice = voiceTargetOf(path, query ?? '', req.headers.authorization);
  if (voice !== null) {
    refuseFlood(deps.waiting, address);
    return { agent: null, ticket: null, voice };
  }
  if (path !== SOCKET_PATH) throw new AppError('NOT_FOUND');
  const header = req.headers.authorization;
  if (header === undefined) {
    refuseFlood(deps.waiting, address);
    return { agent: null, ticket: null, voice: null };
  }
  const key = bearerKey(header);
  const agent = key === null ? null : await deps.agents.findByKeyHash(hashApiKey(key));
  if (agent === null || agent.status === 'deleted') throw new AppError('UNAUTHORIZED');
  if (agent.status === 'suspended') throw suspended(agent);
  return { agent, ticket: null, voice: null };
}

/** @throws AppError RATE_LIMITED while too many sockets of the address have not said yet who they are */
function refuseFlood(waiting: Waiting, address: string): void {
  if (!waiting.isFull(address)) return;
  throw new AppError(
    'RATE_LIMITED',
    { retry_after_ms: 1_000, scope: 'sockets', limit: UNAUTHENTICATED_SOCKETS_PER_ADDRESS },
    1_000,
  );
}

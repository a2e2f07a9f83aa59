import type { IncomingMessage, Server } from 'node:http';
import type Koa from 'koa';
import websockify from 'koa-websocket';
import { FRAME_BYTES_MAX } from '../../contract/limits';
import { systemClock } from '../../platform/clock';
import type { Config } from '../../platform/config';
import type { Logger } from '../../platform/logger';
import type { Metrics } from '../../platform/metrics';
import type { AgentReader } from '../../store/agents';
import type { Committer } from '../../store/committer/committer';
import type { Database } from '../../store/database';
import { createInTurn } from '../../store/turns';
import type { ApiState } from '../state';
import { takeTicket } from '../../store/watch/tickets';
import { findSignedInSessions } from '../../store/watch/sessions';
import { createAdmission, type Admission } from './admission';
import { CursorNotes } from './cursors';
import { DashboardSession, type DashboardSessionDeps } from './dashboard-session';
import { evictChanged, evictSignedOut } from './evictions';
import { endDeadNodes } from './housekeeping';
import { parseClient, type Hello } from './frames';
import { Inbound } from './inbound';
import type { LiveNode } from './node';
import type { PresenceService } from './presence';
import { ReadAcks } from './read-acks';
import { Session, type SessionDeps } from './session';
import { AgentSocket } from './socket';
import { TypingRelay } from './typing';
import { createWarnings } from './warnings';
import { createVerify, Waiting, type Accepted } from './upgrade';

export interface RealtimeDeps {
  node: LiveNode;
  presence: PresenceService;
  config: Config;
  database: Database;
  agents: AgentReader;
  committer: Committer;
  log: Logger;
  metrics: Metrics;
}

export interface Realtime {
  /** Listens for HTTP and sockets. */
  listen(port: number, host: string): Server;
  /** Says goodbye to every socket, spread over two seconds, and leaves the registry. */
  close(): Promise<void>;
}

/** How often sockets are looked at, for pings that are due and for orders that did not reach this node. */
const BEAT_MS = 5_000;
/** A socket that was heard of within this long is proof of life: pings come twice as often. */
const ALIVE_MS = 60_000;
/** At once; together under half of the pool, the rest is for sends and calls. */
const PUMP_READS_MAX = 8;
const ADMISSIONS_MAX = 8;
const GOODBYE_MS = 2_000;
/** A database that does not answer must not keep the sockets from their goodbye. */
const PRESENCE_MS = 2_000;
/** A frame between the two is read, so that it can be told from one that is only too large before hello. */
const WS_PAYLOAD_MAX = FRAME_BYTES_MAX * 2;

/** Puts `/v1/ws` and `/v1/ws/dashboard` beside the HTTP routes of `app`. */
export function attachRealtime(app: Koa<ApiState>, deps: RealtimeDeps): Realtime {
  const { config, database, agents, log, node, presence } = deps;
  const { hub, connections, lease } = node;
  const admission = createAdmission({
    agents,
    connections,
    database,
    log,
    limitRate: config.RATE_LIMITS,
    socketsMax: config.SOCKETS_PER_AGENT,
    inTurn: createInTurn(ADMISSIONS_MAX),
  });
  const waiting = new Waiting();
  const accepted = new WeakMap<IncomingMessage, Accepted>();
  const ip = { trustedHeader: config.TRUSTED_IP_HEADER, trustProxy: config.TRUST_PROXY };
  const origins = { publicBaseUrl: config.PUBLIC_BASE_URL, allowed: config.DASHBOARD_ORIGINS };
  const verifyClient = createVerify({ agents, waiting, accepted, ip, origins });

  const shared = sessionDeps(deps, admission, waiting);
  const ofDashboards = dashboardDeps(deps);
  // `koa-websocket` takes the options of the `ws` server, whose types it does not know exactly.
  const sockets = websockify(
    app as Koa,
    { verifyClient, maxPayload: WS_PAYLOAD_MAX, perMessageDeflate: false, WebSocket: AgentSocket } as never,
  );
  sockets.ws.use((ctx) => {
    const { req: request, websocket: socket } = ctx;
    const from = accepted.get(request);
    if (from === undefined || !(socket instanceof AgentSocket)) return socket.terminate();
    waiting.enter(from.address);
    if (from.ticket === null) return startSession(new Session(socket, from.address, shared), from, request);
    void new DashboardSession(socket, () => waiting.leave(from.address), ofDashboards).open(from.ticket);
  });

  lease.onRegained(() => Promise.resolve(presence.recount()));

  const beatMs = Math.min(BEAT_MS, config.SOCKET_PING_SECONDS * 250);
  const cursors = new CursorNotes({ connections, log });
  const timer = setInterval(() => {
    void beat(deps);
    void cursors.write(hub.all());
  }, beatMs);
  return {
    listen: (port, host) => sockets.listen(port, host) as Server,
    close: async () => {
      clearInterval(timer);
      await Promise.race([presence.leave(), pause(PRESENCE_MS)]);
      await goodbye(node);
      await Promise.race([Promise.all([shared.reads.idle(), presence.idle()]), pause(PRESENCE_MS)]);
      await node.close();
    },
  };
}

function startSession(session: Session, { agent }: Accepted, request: IncomingMessage): void {
  if (agent === null) session.awaitHello();
  else session.startAuthenticated(agent, helloOf(request));
}

/** What all sockets of this process share: one object, a socket holds nothing of it but the reference. */
function sessionDeps(deps: RealtimeDeps, admission: Admission, waiting: Waiting): SessionDeps & { reads: ReadAcks } {
  const { config, database, agents, committer, log, metrics, node, presence } = deps;
  const warnings = createWarnings({ database, live: node, clock: systemClock, log, limitRate: config.RATE_LIMITS });
  committer.onSpent((sender) => warnings.note(sender));
  const typing = new TypingRelay({ database, live: node, log });
  const reads = new ReadAcks({ database, live: node, clock: systemClock, log });
  return {
    database,
    agents,
    log,
    hub: node.hub,
    admission,
    presence,
    reads,
    inbound: new Inbound({ presence, typing, reads }),
    onSettled: (address) => waiting.leave(address),
    inTurn: createInTurn(PUMP_READS_MAX),
    mayPush: node.lease.isHeld,
    onPush: (row) => {
      metrics.pushes.inc();
      metrics.pushSeconds.observe(Math.max(0, Date.now() - row.message.createdAt.getTime()) / 1000);
    },
  };
}

function dashboardDeps({ database, node, log }: RealtimeDeps): DashboardSessionDeps {
  return {
    dashboards: node.dashboards,
    connections: node.connections,
    takeTicket: (ticket) => takeTicket(database, ticket),
    isSignedIn: async ({ sessionId }) => (await findSignedInSessions(database, [sessionId], new Date())).size > 0,
    log,
  };
}

/** What the Bearer path says in headers; capabilities are null when the upgrade named none. */
function helloOf({ headers }: IncomingMessage): Omit<Hello, 'apiKey'> {
  return {
    capabilities:
      headers['x-agentchat-capabilities']
        ?.toString()
        .split(',')
        .map((name) => name.trim()) ?? null,
    client: parseClient(headers['x-agentchat-client'], headers['x-agentchat-client-version']),
  };
}

/** Pings, proof of life, and what orders that did not reach this node would have ended. */
async function beat({ node, config, database, log, metrics, presence }: RealtimeDeps): Promise<void> {
  const sessions = node.hub.all();
  const dashboards = node.dashboards.all();
  metrics.sockets.set(sessions.length);
  const nowMs = Date.now();
  void presence.beat(sessions.flatMap((session) => session.liveSocket(nowMs - ALIVE_MS) ?? []));
  void endDeadNodes({ database, presence, log });
  for (const session of [...sessions, ...dashboards]) session.beat(nowMs, config.SOCKET_PING_SECONDS * 1000);
  try {
    await Promise.all([evictChanged(database, sessions), evictSignedOut(database, dashboards)]);
  } catch (error) {
    log.warn({ event: 'eviction_check.failed', err: error });
  }
}

/** Spread, so that clients do not come back all at once. */
async function goodbye({ hub, dashboards }: LiveNode): Promise<void> {
  const sessions = [...hub.all(), ...dashboards.all()];
  const stepMs = GOODBYE_MS / Math.max(1, sessions.length);
  await Promise.all(
    sessions.map(async (session, index) => {
      await pause(index * stepMs);
      session.close(1001, 'Server shutting down');
      await session.leave();
    }),
  );
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

import type { IncomingMessage, Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type Koa from 'koa';
import websockify from 'koa-websocket';
import { FRAME_BYTES_MAX } from '../../contract/limits';
import type { Clock } from '../../platform/clock';
import type { Config } from '../../platform/config';
import type { Logger } from '../../platform/logger';
import type { Metrics } from '../../platform/metrics';
import { repeat } from '../../platform/repeat';
import type { AgentReader } from '../../store/agents/agents';
import type { Committer } from '../../store/sending/committer';
import type { Database } from '../../store/schema/database';
import { within } from '../../store/schema/deadline';
import { createInTurn } from '../../store/schema/turns';
import type { ApiState } from '../http/state';
import { takeTicket } from '../../store/owners/tickets';
import { findSignedInSessions } from '../../store/owners/sessions';
import { createAdmission, type Admission } from './sockets/admission';
import { CursorNotes } from './pumps/cursors';
import { DashboardSession, type DashboardSessionDeps } from './owner-feed/dashboard-session';
import { closeSignedOut } from './owner-feed/sign-outs';
import { evictChanged } from './sockets/evictions';
import { endDeadNodes } from './presence/dead-nodes';
import { parseClient, type Hello } from './wire/frames';
import { Inbound } from './sockets/inbound';
import type { LiveNode } from './node';
import type { PresenceService } from './presence/presence';
import { ReadAcks } from './sockets/read-acks';
import { Session, type SessionDeps } from './sockets/session';
import { AgentSocket } from './wire/socket';
import { TurnStreams } from '../turns/turn-streams';
import type { Turns } from '../turns/turns';
import { TurnFrames } from './sockets/turn-frames';
import { TypingRelay } from './sockets/typing';
import { createTypingSigns } from '../turns/typing-signs';
import { createWarnings } from './broadcast/warnings';
import { createVerify, Waiting, type Accepted } from './sockets/upgrade';
import { VoiceFrames } from './sockets/voice-frames';
import { createVoiceEntrance } from '../voice/entrance';
import type { Voices } from '../voice/voices';

export interface RealtimeDeps {
  node: LiveNode;
  presence: PresenceService;
  config: Config;
  database: Database;
  agents: AgentReader;
  clock: Clock;
  committer: Committer;
  turns: Turns;
  voices: Voices;
  log: Logger;
  metrics: Metrics;
}

export interface Realtime {
  /** Listens for HTTP and sockets. */
  listen(port: number, host: string): Server;
  /** Says goodbye to every socket, spread over two seconds, and leaves the registry. */
  close(): Promise<void>;
}

/** How often sockets are gone through, for pings that are due and for orders that did not reach this node. */
const BEAT_MS = 5_000;
/** A socket that was heard of within this long is proof of life: pings come twice as often. */
const ALIVE_MS = 60_000;
/** At once; together under half of the pool, the rest is for sends and calls. */
const PUMP_READS_MAX = 8;
const ADMISSIONS_MAX = 8;
/** How often the sockets that presence counts are compared with those that are open. */
const RECONCILE_MS = 60_000;
const GOODBYE_MS = 2_000;
/** A database that does not answer must not keep the sockets from their goodbye. */
const PRESENCE_MS = 2_000;
/** A frame between the two is read, so that it can be told from one that is only too large before hello. */
const WS_PAYLOAD_MAX = FRAME_BYTES_MAX * 2;

/** Puts `/v1/ws` and `/v1/ws/dashboard` beside the HTTP routes of `app`. */
export function attachRealtime(app: Koa<ApiState>, deps: RealtimeDeps): Realtime {
  const { config, database, agents, log, node, presence } = deps;
  const { connections, lease } = node;
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
  const voice = createVoiceEntrance({ ...deps, nodeId: connections.nodeId });
  const verifyClient = createVerify({ agents, waiting, accepted, ip, origins, readOrder: voice.readOrder });

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
    if (from.voice !== null) return voice.letIn(socket, from.voice, () => waiting.hold(from.address));
    waiting.enter(from.address);
    if (from.ticket === null) return startSession(new Session(socket, from.address, shared), from, request);
    void new DashboardSession(socket, () => waiting.leave(from.address), ofDashboards).open(from.ticket);
  });

  lease.onRegained(() => Promise.resolve(presence.recount()));

  const rounds = startRounds(deps);
  return {
    listen: (port, host) => tellingWhere(sockets.listen(port, host) as Server, (at) => voice.listensOn(host, at)),
    close: async () => {
      rounds.stop();
      await ended(deps.voices.close(), log);
      await ended(presence.leave(), log);
      await goodbye(node);
      await ended(Promise.all([shared.reads.idle(), presence.idle()]), log);
      await node.close();
    },
  };
}

/** Tells of the port, which the system may have chosen. */
function tellingWhere(server: Server, tell: (port: number) => void): Server {
  return server.once('listening', () => {
    const address = server.address();
    if (typeof address === 'object' && address !== null) tell(address.port);
  });
}

/** What is gone through again and again: sockets, how far they have come, and what is counted of them. */
function startRounds(deps: RealtimeDeps): { stop: () => void } {
  const { config, log, node, presence } = deps;
  const { hub, connections } = node;
  const cursors = new CursorNotes({ connections, log });
  const beatMs = Math.min(BEAT_MS, config.SOCKET_PING_SECONDS * 250);
  const timer = setInterval(() => {
    void beat(deps);
    void cursors.write(hub.all());
  }, beatMs);
  const openIds = () => new Set(hub.registered().map(({ id }) => id));
  const reconciling = repeat(() => presence.reconcile(openIds), { everyMs: RECONCILE_MS, isLater: true });
  return {
    stop: () => {
      clearInterval(timer);
      void reconciling.stop();
    },
  };
}

/** Resolves when `work` is done, or after its time. */
function ended(work: Promise<unknown>, log: Logger): Promise<unknown> {
  return within(PRESENCE_MS, work).catch((error: unknown) => log.warn({ event: 'presence.not_ended', err: error }));
}

function startSession(session: Session, { agent }: Accepted, request: IncomingMessage): void {
  if (agent === null) session.awaitHello();
  else session.startAuthenticated(agent, helloOf(request));
}

/** What all sockets of this process share: one object, a socket holds nothing of it but the reference. */
function sessionDeps(deps: RealtimeDeps, admission: Admission, waiting: Waiting): SessionDeps & { reads: ReadAcks } {
  const { config, database, agents, clock, committer, log, metrics, node, presence } = deps;
  const warnings = createWarnings({ database, live: node, clock, log, limitRate: config.RATE_LIMITS });
  committer.onSpent((sender) => warnings.note(sender));
  const onTyping = createTypingSigns({ database, clock, log, turns: deps.turns });
  const typing = new TypingRelay({ database, live: node, log, onTyping });
  const streams = new TurnStreams({ database, clock, log });
  const turnFrames = new TurnFrames({ database, agents, committer, turns: deps.turns, streams, log });
  const reads = new ReadAcks({ database, live: node, clock, log });
  const voice = new VoiceFrames({ voices: deps.voices, log });
  return {
    database,
    agents,
    log,
    hub: node.hub,
    admission,
    presence,
    reads,
    inbound: new Inbound({ presence, typing, reads, turns: turnFrames, voice }),
    noteGateway: (id, codecs) => node.connections.noteGateway(id, codecs),
    onSettled: (address) => waiting.leave(address),
    inTurn: createInTurn(PUMP_READS_MAX),
    mayPush: node.lease.isHeld,
    onPush: (row) => {
      metrics.pushes.inc();
      metrics.pushSeconds.observe(Math.max(0, clock.now().getTime() - row.message.createdAt.getTime()) / 1000);
    },
  };
}

function dashboardDeps({ database, clock, node, log }: RealtimeDeps): DashboardSessionDeps {
  return {
    dashboards: node.dashboards,
    connections: node.connections,
    takeTicket: (ticket) => takeTicket(database, ticket),
    isSignedIn: async ({ sessionId }) => (await findSignedInSessions(database, [sessionId], clock.now())).size > 0,
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
async function beat({ node, config, database, clock, log, metrics, presence }: RealtimeDeps): Promise<void> {
  const sessions = node.hub.all();
  const dashboards = node.dashboards.all();
  metrics.sockets.set(sessions.length);
  const nowMs = Date.now();
  void presence.beat(sessions.flatMap((session) => session.liveSocket(nowMs - ALIVE_MS) ?? []));
  void endDeadNodes({ database, presence, log });
  for (const session of [...sessions, ...dashboards]) session.beat(nowMs, config.SOCKET_PING_SECONDS * 1000);
  try {
    await Promise.all([evictChanged(database, sessions), closeSignedOut(database, dashboards, clock.now())]);
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
      await sleep(index * stepMs);
      session.close(1001, 'Server shutting down');
      await session.leave();
    }),
  );
}

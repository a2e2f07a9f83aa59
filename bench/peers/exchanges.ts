import { median, quantile } from '../report';
import { runClosedLoop, withDeadline, type Loaded } from './closed-loop';
import { Marks } from './marks';
import { startMeter, type Usage } from './processes';
import { type Sender, type Side, type Sizes } from './side';

/** How long texts may be under way after the last send. */
const ARRIVAL_MS_MAX = 20_000;
/** Between the last sign-in and the first send: what a sign-in leaves to do is done. */
const CALM_MS = 1_000;
/** Below the cap of undelivered messages, which members who are away run into. */
const GROUP_SENDS_MAX = 9_000;

export interface Plan extends Sizes {
  senders: number;
  groupSenders: number;
  perSecond: number;
  warmMs: number;
  ms: number;
}

/** What one run says, by the names of the figures; and what went wrong in it. */
export interface Run {
  values: Record<string, number>;
  faults: string[];
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

type Trees = Record<'path' | 'beside' | 'other', readonly number[]>;

const treesOf = (side: Side, other: Side): Trees => ({
  path: side.processes.path,
  beside: side.processes.beside,
  other: [...other.processes.path, ...other.processes.beside],
});

const coresOf = (usage: Usage): Record<string, number> => ({
  server_cores: ((usage.used['path'] ?? 0) + (usage.used['beside'] ?? 0)) / usage.seconds,
  generator_cores: usage.generator / usage.seconds,
  other_side_cores: (usage.used['other'] ?? 0) / usage.seconds,
  foreign_cores: usage.foreign / usage.seconds,
});

/** Opens both ends of all conversations; the result closes them. */
async function openConversations(side: Side, plan: Plan, marks: Marks): Promise<{ senders: Sender[]; close(): void }> {
  const indexes = Array.from({ length: plan.conversations }, (_, index) => index);
  const recipients = await Promise.all(indexes.map((index) => side.openRecipient(index, marks.arrive)));
  const senders = await Promise.all(indexes.map((index) => side.openSender(index)));
  await pause(CALM_MS);
  const close = (): void => {
    for (const client of [...recipients, ...senders]) client.close();
  };
  return { senders, close };
}

async function sendMarked(sender: Sender | undefined, marks: Marks, isMeasured: boolean): Promise<void> {
  const text = marks.start(isMeasured);
  try {
    await sender?.send(text);
  } catch (error) {
    marks.forget(text);
    throw error;
  }
}

function faultsOf(side: Side, loaded: Pick<Loaded, 'failures' | 'lastFailure'>, missing: number): string[] {
  const { failures, lastFailure } = loaded;
  return [
    ...(failures > 0 ? [`${side.name}: ${failures} sends failed, the last with: ${lastFailure}`] : []),
    ...(missing > 0 ? [`${side.name}: ${missing} accepted texts had not arrived after ${ARRIVAL_MS_MAX} ms`] : []),
  ];
}

/** As many sends as the server takes: closed loops over all conversations, recipients connected and acknowledging. */
export async function runSends(side: Side, other: Side, plan: Plan): Promise<Run> {
  const marks = new Marks(1);
  const { senders, close } = await openConversations(side, plan, marks);
  const turns = Math.floor(plan.conversations / plan.senders);
  const loaded = await runClosedLoop({
    lanes: plan.senders,
    warmMs: plan.warmMs,
    ms: plan.ms,
    trees: treesOf(side, other),
    send: (lane, turn, isMeasured) => {
      return sendMarked(senders[lane + plan.senders * (turn % turns)], marks, isMeasured);
    },
  });
  const missing = await marks.outstanding(ARRIVAL_MS_MAX);
  close();
  return {
    values: {
      accepted_per_s: loaded.perSecond,
      p50_ms: median(loaded.latenciesMs),
      p99_ms: quantile(loaded.latenciesMs, 0.99),
      delivery_p50_ms: median(marks.lagsMs),
      delivery_p99_ms: quantile(marks.lagsMs, 0.99),
      ...coresOf(loaded.usage),
    },
    faults: faultsOf(side, loaded, missing),
  };
}

/** Sends at a steady pace, over the conversations in turn: how long each is under way, and what it costs. */
export async function runPaced(side: Side, other: Side, plan: Plan): Promise<Run> {
  const marks = new Marks(1);
  const { senders, close } = await openConversations(side, plan, marks);
  const state = { failures: 0, lastFailure: '' };
  const warmSends = Math.round((plan.warmMs / 1_000) * plan.perSecond);
  const measuredSends = Math.round((plan.ms / 1_000) * plan.perSecond);
  const pending: Promise<void>[] = [];
  const startedMs = performance.now();
  let readMeter = startMeter(treesOf(side, other));
  for (let index = 0; index < warmSends + measuredSends; index += 1) {
    await pause(Math.max(0, startedMs + (index * 1_000) / plan.perSecond - performance.now()));
    if (index === warmSends) readMeter = startMeter(treesOf(side, other));
    const send = sendMarked(senders[index % plan.conversations], marks, index >= warmSends);
    const note = (error: unknown): void => {
      state.failures += 1;
      state.lastFailure = error instanceof Error ? error.message : String(error);
    };
    pending.push(send.catch(note));
  }
  await withDeadline(Promise.all(pending), plan);
  const missing = await marks.outstanding(ARRIVAL_MS_MAX);
  const usage = readMeter();
  close();
  const msPerSend = (seconds: number): number => (seconds * 1_000) / measuredSends;
  const path = usage.used['path'] ?? 0;
  return {
    values: {
      delivery_p50_ms: median(marks.lagsMs),
      delivery_p99_ms: quantile(marks.lagsMs, 0.99),
      cpu_ms_per_send: msPerSend(path),
      all_cpu_ms_per_send: msPerSend(path + (usage.used['beside'] ?? 0)),
      ...coresOf(usage),
    },
    faults: faultsOf(side, state, missing),
  };
}

/** As many messages as a group takes from a few members; a message is there when all who are connected have it. */
export async function runGroup(side: Side, other: Side, plan: Plan): Promise<Run> {
  const marks = new Marks(plan.connectedMembers);
  const members: Sender[] = [];
  while (members.length < plan.connectedMembers) members.push(await side.openMember(members.length, marks.arrive));
  await pause(CALM_MS);
  const loaded = await runClosedLoop({
    lanes: plan.groupSenders,
    warmMs: plan.warmMs,
    ms: plan.ms,
    sendsMax: GROUP_SENDS_MAX,
    trees: treesOf(side, other),
    send: async (lane, _turn, isMeasured) => {
      const text = marks.start(isMeasured);
      await members[lane]?.send(text);
      // Whose own texts do not come back has them when they are accepted.
      if (!side.hasEcho) marks.arrive(text);
    },
  });
  const missing = await marks.outstanding(ARRIVAL_MS_MAX);
  for (const member of members) member.close();
  return {
    values: {
      accepted_per_s: loaded.perSecond,
      p50_ms: median(loaded.latenciesMs),
      last_p50_ms: median(marks.lagsMs),
      last_p99_ms: quantile(marks.lagsMs, 0.99),
      ...coresOf(loaded.usage),
    },
    faults: faultsOf(side, loaded, missing),
  };
}

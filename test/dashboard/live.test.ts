import { HIDDEN_CLOSE_MS, LATER, Live, SIGNED_OUT, type LiveSocket } from '../../dashboard/src/net/live';
import type { Frame } from '../../dashboard/src/model/wire';

interface FakeSocket extends LiveSocket {
  ticket: string;
  isClosed: boolean;
  say(frame: object): void;
  end(code: number, reason?: string): void;
}

const HELLO = { type: 'hello.ok', owner_id: 'o' };
/** Lets what was promised happen. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
};

/** The client with a hand-made socket and clock. */
function rig(tickets: (string | typeof SIGNED_OUT | typeof LATER)[] = []) {
  const sockets: FakeSocket[] = [];
  const timers: { ms: number; work: () => void }[] = [];
  const frames: Frame[] = [];
  const count = { tickets: 0, opened: 0, revoked: 0 };
  const live = new Live({
    ticket: () => Promise.resolve(tickets[count.tickets++] ?? `t${count.tickets}`),
    open: (ticket) => {
      let hear = (_text: string): void => undefined;
      let close = (_code: number, _reason: string): void => undefined;
      const socket: FakeSocket = {
        ticket,
        isClosed: false,
        onMessage: (listener) => void (hear = listener),
        onClose: (listener) => void (close = listener),
        close: () => void (socket.isClosed = true),
        say: (frame) => hear(JSON.stringify(frame)),
        end: (code, reason = '') => close(code, reason),
      };
      sockets.push(socket);
      return socket;
    },
    schedule: (ms, work) => {
      const timer = { ms, work };
      timers.push(timer);
      return () => {
        const index = timers.indexOf(timer);
        if (index >= 0) timers.splice(index, 1);
      };
    },
    onFrame: (frame) => frames.push(frame),
    onOpen: () => (count.opened += 1),
    onRevoked: () => (count.revoked += 1),
    onState: () => undefined,
  });
  const elapse = async (): Promise<number | undefined> => {
    const timer = timers.shift();
    timer?.work();
    await settle();
    return timer?.ms;
  };
  const last = (): FakeSocket => {
    const socket = sockets.at(-1);
    if (socket === undefined) throw new Error('no socket was opened');
    return socket;
  };
  return { live, sockets, timers, frames, count, elapse, last };
}

describe('dashboard §9: the live client', () => {
  test('a new ticket per attempt, waits of 1, 2, 4 … 30 s, reset by hello.ok, one reading after each opening', async () => {
    const { elapse, last, sockets, count } = rig();
    await settle();
    for (const waitS of [1, 2, 4, 8, 16, 30, 30]) {
      last().end(1006);
      expect(await elapse()).toBe(waitS * 1_000);
    }
    last().say(HELLO);
    expect(count.opened).toBe(1);
    last().end(1013, 'overload');
    expect(await elapse()).toBe(1_000);
    last().say(HELLO);
    expect(count.opened).toBe(2);
    expect(new Set(sockets.map(({ ticket }) => ticket)).size).toBe(sockets.length);
  });

  test('without a session nothing is tried until the next navigation or focus', async () => {
    const { live, timers, sockets, count } = rig([SIGNED_OUT]);
    await settle();
    expect([timers.length, sockets.length]).toEqual([0, 0]);
    live.wake();
    await settle();
    expect(count.tickets).toBe(2);
    expect(sockets).toHaveLength(1);
  });

  test('a ticket that cannot be had now is asked for again later', async () => {
    const { elapse, sockets } = rig([LATER]);
    await settle();
    expect(sockets).toHaveLength(0);
    expect(await elapse()).toBe(1_000);
    expect(sockets).toHaveLength(1);
  });

  test('a hidden tab closes after 10 s and comes back when it is seen; a glance away changes nothing', async () => {
    const { live, elapse, last, sockets, timers, count } = rig();
    await settle();
    last().say(HELLO);
    live.setHidden(true);
    live.setHidden(false);
    expect(timers).toHaveLength(0);
    live.setHidden(true);
    expect(await elapse()).toBe(HIDDEN_CLOSE_MS);
    expect(last().isClosed).toBe(true);
    live.setHidden(false);
    await settle();
    expect(sockets).toHaveLength(2);
    last().say(HELLO);
    expect(count.opened).toBe(2);
  });

  test('one socket at a time: what an older one says or how it ends is not heard', async () => {
    const { live, last, sockets, frames, timers } = rig();
    await settle();
    const older = last();
    older.end(1006);
    live.wake();
    await settle();
    live.wake();
    await settle();
    expect(sockets).toHaveLength(2);
    older.say({ type: 'agent.changed', agent_handle: 'ada', scopes: ['pause'] });
    older.end(1006);
    expect([frames.length, timers.length]).toEqual([0, 0]);
  });

  test('signed out elsewhere: no further attempt, and the session is looked at', async () => {
    const { last, timers, count } = rig();
    await settle();
    last().say(HELLO);
    last().end(1008, 'Signed out');
    expect([timers.length, count.revoked]).toEqual([0, 1]);
  });

  test('frames are passed on, those of later versions are not', async () => {
    const { last, frames } = rig();
    await settle();
    last().say(HELLO);
    last().say({ type: 'agent.removed', agent_handle: 'ada', reason: 'released' });
    last().say({ type: 'something.new' });
    expect(frames).toEqual([{ type: 'agent.removed', agent_handle: 'ada', reason: 'released' }]);
  });
});

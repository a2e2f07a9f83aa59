import fc from 'fast-check';
import { VOICE_QUEUE } from '../../contract/voice-limits';
import { AudioQueue, type Queued } from '../../domain/voice-queue';

const audio = (ms: number, utteranceId: string | null = null, bytes = ms): Queued => ({
  kind: 'audio',
  audio: new Uint8Array(bytes),
  ms,
  utteranceId,
});
const control = (text: string) => ({ kind: 'control' as const, text });

/** What is taken until nothing is left: texts, and milliseconds of audio. */
function drain(queue: AudioQueue): (string | number)[] {
  const taken: (string | number)[] = [];
  for (let next = queue.take(); next !== null; next = queue.take())
    taken.push(next.kind === 'control' ? next.text : next.ms);
  return taken;
}

describe('what waits for a slow side of a talk', () => {
  test('gateway.md §7: everything keeps its order as long as there is room', () => {
    const queue = new AudioQueue();
    for (const entry of [audio(20), control('a'), audio(40), control('b')]) expect(queue.push(entry)).toBe(0);
    expect(drain(queue)).toEqual([20, 'a', 40, 'b']);
  });

  test('gateway#11: beyond two seconds the oldest audio goes, and what is no audio stays', () => {
    const queue = new AudioQueue();
    queue.push(control('first'));
    for (let count = 0; count < 20; count += 1) expect(queue.push(audio(100))).toBe(0);
    queue.push(control('last'));
    expect(queue.push(audio(60))).toBe(100);
    expect(drain(queue)).toEqual(['first', ...Array<number>(19).fill(100), 'last', 60]);
  });

  test('gateway#11: beyond 512 KiB the oldest audio goes, however short it sounds', () => {
    const queue = new AudioQueue();
    const half = VOICE_QUEUE.bytesMax / 2;
    expect([queue.push(audio(1, null, half)), queue.push(audio(2, null, half))]).toEqual([0, 0]);
    expect(queue.push(audio(3, null, 1))).toBe(1);
    expect(drain(queue)).toEqual([2, 3]);
  });

  test('gateway.md §7: one frame that is longer than the whole queue passes all the same', () => {
    const queue = new AudioQueue();
    queue.push(audio(500));
    expect(queue.push(audio(8_192))).toBe(500);
    expect(drain(queue)).toEqual([8_192]);
    expect(queue.push(audio(1_999))).toBe(0);
  });

  test('gateway.md §7: what was taken or discarded makes room', () => {
    const queue = new AudioQueue();
    for (let count = 0; count < 20; count += 1) queue.push(audio(100, count < 10 ? 'old' : 'new'));
    queue.take();
    expect(queue.push(audio(100, 'new'))).toBe(0);
    queue.discard(({ utteranceId }) => utteranceId === 'old');
    for (let count = 0; count < 9; count += 1) expect(queue.push(audio(100, 'new'))).toBe(0);
    expect(queue.push(audio(100, 'new'))).toBe(100);
  });

  test('gateway.md §7: what ends an utterance comes before all that waits, in its own order', () => {
    const queue = new AudioQueue();
    for (const entry of [audio(20, 'u1'), control('words'), audio(20, 'u2')]) queue.push(entry);
    queue.discard(({ utteranceId }) => utteranceId === 'u1');
    queue.pushFirst(control('clear u1'));
    queue.pushFirst(control('interrupt'));
    expect(drain(queue)).toEqual(['clear u1', 'interrupt', 'words', 20]);
  });

  test('gateway.md §7: it is known how much waits that is never dropped', () => {
    const queue = new AudioQueue();
    queue.push(control('abc'));
    queue.pushFirst(control('de'));
    expect(queue.controlLength).toBe(5);
    queue.take();
    expect(queue.controlLength).toBe(3);
    drain(queue);
    expect(queue.controlLength).toBe(0);
  });

  test('gateway#11: whatever comes and goes, no control is lost, all audio is accounted for, little waits', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('audio' as const), ms: fc.integer({ min: 1, max: 2_500 }) }),
      fc.record({ kind: fc.constant('control' as const), ms: fc.constant(0) }),
      fc.record({ kind: fc.constant('take' as const), ms: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new AudioQueue();
        const said: string[] = [];
        const heard: (string | number)[] = [];
        let [pushedMs, droppedMs] = [0, 0];
        for (const [index, { kind, ms }] of steps.entries()) {
          if (kind === 'audio') droppedMs += queue.push(audio(ms));
          else if (kind === 'control') queue.push(control(`c${index}`));
          else {
            const next = queue.take();
            if (next !== null) heard.push(next.kind === 'control' ? next.text : next.ms);
          }
          if (kind === 'control') said.push(`c${index}`);
          pushedMs += ms;
        }
        const waited = drain(queue);
        const audioMs = (entries: (string | number)[]) =>
          entries.reduce((sum: number, entry) => sum + (typeof entry === 'number' ? entry : 0), 0);
        const waitedCount = waited.filter((entry) => typeof entry === 'number').length;
        expect([...heard, ...waited].filter((entry) => typeof entry === 'string')).toEqual(said);
        expect(audioMs(heard) + audioMs(waited) + droppedMs).toBe(pushedMs);
        expect(audioMs(waited) <= VOICE_QUEUE.msMax || waitedCount === 1).toBe(true);
      }),
    );
  });
});

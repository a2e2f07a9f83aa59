import { CONTENT_BYTES_MAX, TEAM_METADATA_BYTES_MAX, TURN_MESSAGE_BYTES_MAX } from '../../contract/limits';
import { composeTeamText, cutToBytes, wireTranscript, type TeamTask, type TeamText } from '../../domain/team-text';
import {
  answersShown,
  fallbackSummary,
  lastAnswers,
  membersUntil,
  modeOf,
  roundsOf,
  stepsOf,
  stepUntil,
  wantsSummary,
  type TeamAnswer,
} from '../../domain/team-turn';

const answer = (agentId: string, round: number, content = `${agentId} in ${round}`): TeamAnswer => ({
  agentId,
  agentName: agentId.toUpperCase(),
  round,
  content,
});

describe('how a turn of a team is run', () => {
  test.each([
    ['Debate this', 'debate'],
    ['React versus Vue', 'debate'],
    ['tabs vs spaces', 'debate'],
    ['The pros and cons of it', 'debate'],
    ['Argue about it', 'debate'],
    ['Ideas, step by step', 'sequential'],
    ['First look, then leap', 'sequential'],
    ['Draft a letter, then review it', 'sequential'],
    ['build the pipeline', 'sequential'],
    ['first\nthen', 'parallel'],
    ['first you\n then', 'parallel'],
    ['firstthen', 'parallel'],
    ['Brainstorm names', 'brainstorm'],
    ['An idea?', 'brainstorm'],
    ['idealists', 'parallel'],
    ['canvas', 'parallel'],
    ['Hello', 'parallel'],
  ])('gateway.md §5.4: auto runs "%s" as %s', (message, mode) => {
    expect(modeOf('auto', message)).toBe(mode);
  });

  test('gateway.md §5.4: auto takes time that grows with the text only', () => {
    const startedMs = performance.now();
    expect(modeOf('auto', 'first '.repeat(100_000))).toBe('parallel');
    expect(performance.now() - startedMs).toBeLessThan(1_000);
  });

  test('gateway.md §5.4: a mode that is named is run whatever the text says', () => {
    expect(modeOf('parallel', 'debate')).toBe('parallel');
  });

  test('gateway.md §5.4: rounds are those of the mode, within what mode and team allow', () => {
    const modes = ['parallel', 'brainstorm', 'sequential', 'debate'] as const;
    expect(modes.map((mode) => roundsOf(mode, undefined, 5))).toEqual([1, 1, 1, 2]);
    expect(modes.map((mode) => roundsOf(mode, 5, 5))).toEqual([1, 3, 5, 5]);
    expect(modes.map((mode) => roundsOf(mode, 5, 2))).toEqual([1, 2, 2, 2]);
    expect(roundsOf('debate', undefined, 1)).toBe(1);
  });

  test('gateway.md §5.4: a parallel turn is summed up only when somebody asks for it', () => {
    expect(wantsSummary('parallel', undefined, false)).toBe(false);
    expect(wantsSummary('parallel', undefined, true)).toBe(true);
    expect(wantsSummary('parallel', true, false)).toBe(true);
    expect(wantsSummary('parallel', false, true)).toBe(false);
    expect(wantsSummary('debate', undefined, false)).toBe(true);
    expect(wantsSummary('debate', false, true)).toBe(false);
  });

  test('gateway.md §5.4: sequential asks one after another in each round, all others everybody at once', () => {
    expect(stepsOf('sequential', 2, ['a', 'b'])).toEqual([
      { round: 1, memberIds: ['a'] },
      { round: 1, memberIds: ['b'] },
      { round: 2, memberIds: ['a'] },
      { round: 2, memberIds: ['b'] },
    ]);
    expect(stepsOf('debate', 2, ['a', 'b'])).toEqual([
      { round: 1, memberIds: ['a', 'b'] },
      { round: 2, memberIds: ['a', 'b'] },
    ]);
    expect(stepsOf('brainstorm', 3, [])).toEqual([]);
  });

  test('gateway.md §5.4: the summary is kept a fifth of the time, half a minute at most', () => {
    expect(membersUntil({ nowMs: 0, deadlineMs: 100_000 }, true)).toBe(80_000);
    expect(membersUntil({ nowMs: 0, deadlineMs: 600_000 }, true)).toBe(570_000);
    expect(membersUntil({ nowMs: 50_000, deadlineMs: 100_000 }, true)).toBe(90_000);
    expect(membersUntil({ nowMs: 0, deadlineMs: 100_000 }, false)).toBe(100_000);
    expect(membersUntil({ nowMs: 200_000, deadlineMs: 100_000 }, true)).toBe(100_000);
  });

  test('gateway.md §5.4: rounds share the rest equally, and what one leaves is for those behind it', () => {
    expect(stepUntil({ nowMs: 0, untilMs: 90_000, stepsLeft: 3 })).toBe(30_000);
    expect(stepUntil({ nowMs: 10_000, untilMs: 90_000, stepsLeft: 2 })).toBe(50_000);
    expect(stepUntil({ nowMs: 50_000, untilMs: 90_000, stepsLeft: 1 })).toBe(90_000);
    expect(stepUntil({ nowMs: 95_000, untilMs: 90_000, stepsLeft: 2 })).toBe(90_000);
  });
});

describe('which answers a member of a team is shown', () => {
  const given = [answer('a', 1), answer('b', 1), answer('c', 1), answer('a', 2), answer('b', 2)];
  const shownIn = (mode: Parameters<typeof answersShown>[0]['mode'], round: number, agentId = 'a') =>
    answersShown({ mode, round, agentId }, given).map(({ content }) => content);

  test('gateway.md §5.4: in parallel none', () => {
    expect(shownIn('parallel', 1)).toEqual([]);
  });

  test('gateway.md §5.4: in a brainstorm all of the round before, its own too', () => {
    expect(shownIn('brainstorm', 1)).toEqual([]);
    expect(shownIn('brainstorm', 2)).toEqual(['a in 1', 'b in 1', 'c in 1']);
    expect(shownIn('brainstorm', 3)).toEqual(['a in 2', 'b in 2']);
  });

  test('gateway.md §5.4: one after another every earlier one', () => {
    expect(shownIn('sequential', 2, 'c')).toEqual(given.map(({ content }) => content));
  });

  test('gateway.md §5.4: in a debate the latest of each of the others, also of one that fell silent', () => {
    expect(shownIn('debate', 1)).toEqual([]);
    expect(shownIn('debate', 2)).toEqual(['b in 1', 'c in 1']);
    expect(shownIn('debate', 3)).toEqual(['b in 2', 'c in 1']);
  });

  test('gateway.md §5.4: responses are the last answers, in the order of the team', () => {
    expect(lastAnswers(given, ['c', 'b', 'a', 'd'])).toEqual([answer('c', 1), answer('b', 2), answer('a', 2)]);
  });

  test('gateway.md §5.4: who does not sum up is stood in for by a line of each answer', () => {
    const long = fallbackSummary([answer('a', 1, `one\n\ntwo   three${'x'.repeat(300)}`), answer('b', 1, 'short')]);
    const [first = '', second, ...more] = long.split('\n');
    expect(first.startsWith('A: one two three')).toBe(true);
    expect(first).toHaveLength('A: '.length + 200);
    expect([second, more]).toEqual(['B: short', []]);
    expect(fallbackSummary([answer('a', 1, '🙂'.repeat(150))])).toBe(`A: ${'🙂'.repeat(100)}`);
  });
});

describe('what a member of a team reads', () => {
  const task = (change: Partial<TeamTask> = {}): TeamTask => ({
    mode: 'brainstorm',
    round: 2,
    role: 'member',
    duty: null,
    message: 'Name our ship',
    answers: [answer('a', 1, 'Argo'), answer('b', 1, 'Beagle')],
    ...change,
  });
  const sizeOf = ({ text, transcript }: TeamText): number =>
    Buffer.byteLength(JSON.stringify({ text })) +
    Buffer.byteLength(JSON.stringify(wireTranscript(transcript))) +
    TEAM_METADATA_BYTES_MAX;

  test('gateway.md §5.4: the bare message where nothing is shown', () => {
    expect(composeTeamText(task({ answers: [], round: 1 }))).toEqual({ text: 'Name our ship', transcript: [] });
    expect(composeTeamText(task({ mode: 'parallel', answers: [] })).text).toBe('Name our ship');
    expect(composeTeamText(task({ mode: 'sequential', answers: [] })).text).toBe('Name our ship');
  });

  test('gateway.md §5.4: the answers stand in the text, with what to do with them, and beside it', () => {
    const { text, transcript } = composeTeamText(task({ duty: 'critic' }));
    expect(text).toBe(
      [
        'Name our ship',
        '---',
        'Your role in the team: critic',
        'These are the answers of the round before. Add to them, do not repeat them.',
        '[A, round 1]\nArgo',
        '[B, round 1]\nBeagle',
      ].join('\n\n'),
    );
    expect(wireTranscript(transcript)).toEqual([
      { agent_id: 'a', agent_name: 'A', round: 1, content: 'Argo' },
      { agent_id: 'b', agent_name: 'B', round: 1, content: 'Beagle' },
    ]);
  });

  test('gateway.md §5.4: each mode, and who sums up, has its own task', () => {
    const texts = [
      task({ mode: 'sequential' }),
      task({ mode: 'debate', round: 1, answers: [] }),
      task({ mode: 'debate' }),
      task({ role: 'summarizer' }),
      task({ role: 'summarizer', mode: 'debate' }),
    ].map((one) => composeTeamText(one).text.split('\n\n')[2]);
    expect(new Set(texts).size).toBe(5);
    expect(texts[1]).toContain('your own position');
    expect(texts[4]).toContain('verdict');
  });

  test('gateway.md §5.4: an answer is cut at a character, to an equal share of 20,000 bytes, and ends in …', () => {
    for (const [content, answers] of [
      ['€'.repeat(9_000), 2],
      ['🙂'.repeat(9_000), 3],
      ['x'.repeat(30_000), 4],
    ] as const) {
      const all = Array.from({ length: answers }, (_, index) => answer(`agt_${index}`, 1, content));
      const { text, transcript } = composeTeamText(task({ answers: [answer('short', 1, 'whole'), ...all] }));
      const share = Math.floor(20_000 / (answers + 1));
      for (const shown of transcript.slice(1)) {
        const bytes = Buffer.byteLength(shown.content);
        expect([shown.content.endsWith('…'), bytes <= share]).toEqual([true, true]);
        expect(content.startsWith(shown.content.slice(0, -1))).toBe(true);
        expect(text).toContain(`]\n${shown.content}`);
      }
      expect(transcript[0]?.content).toBe('whole');
    }
  });

  test('gateway.md §5.4: where both copies have room, answers are cut no shorter than their share', () => {
    const all = Array.from({ length: 10 }, (_, index) => answer(`a${index}`, 1, 'x'.repeat(index === 0 ? 9_000 : 10)));
    const { transcript } = composeTeamText(task({ answers: all }));
    expect(Buffer.byteLength(transcript[0]?.content ?? '')).toBe(2_000);
  });

  test('gateway#12: sixteen members and five rounds stay inside a message of the platform', () => {
    const members = Array.from({ length: 16 }, (_, index) => `agt_${index.toString().padStart(16, '0')}`);
    const rounds = [1, 2, 3, 4, 5];
    for (const content of ['x'.repeat(28_000), '"\\\n'.repeat(8_000), '\u0001'.repeat(20_000), '🙂'.repeat(7_000)]) {
      for (const name of ['Bo', 'n'.repeat(100), '🙂'.repeat(50)]) {
        const answers = rounds.flatMap((round) =>
          members.map((agentId) => ({ agentId, agentName: name, round, content })),
        );
        for (const message of ['Hi', 'x'.repeat(TURN_MESSAGE_BYTES_MAX)]) {
          const composed = composeTeamText(task({ mode: 'sequential', round: 5, answers, message, duty: 'critic' }));
          expect(sizeOf(composed)).toBeLessThanOrEqual(CONTENT_BYTES_MAX);
          expect(composed.text.startsWith(message)).toBe(true);
          expect(composed.transcript.length).toBeGreaterThan(0);
          expect(composed.transcript.at(-1)?.agentId).toBe(members.at(-1));
        }
      }
    }
  });

  test('a text is cut to bytes, never through a character', () => {
    expect(cutToBytes('whole', 5)).toBe('whole');
    expect(cutToBytes('longer', 5)).toBe('lo…');
    expect(cutToBytes('🙂🙂', 7)).toBe('🙂…');
    expect(cutToBytes('🙂🙂', 6)).toBe('…');
    expect(cutToBytes('longer', 2)).toBe('');
    expect(cutToBytes(`ab${'🙂'.repeat(4)}`, 10)).toBe('ab🙂…');
  });
});

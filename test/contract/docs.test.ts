import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALL_ERRORS, ERRORS, GATEWAY_ERRORS, NEVER_EMITTED } from '../../contract/codes';
import { ENDPOINTS } from '../../contract/endpoints';
import { isHandle, isReservedHandle } from '../../contract/handles';
import { GATEWAY_ID_PREFIX, ID_PREFIX } from '../../contract/ids';
import * as limits from '../../contract/limits';
import * as voiceLimits from '../../contract/voice-limits';
import { ADDRESS_LIMITS, AGENT_LIMITS, SERVICE_LIMITS } from '../../contract/limits';
import { CONFIG_NAMES } from '../../platform/config';

const read = (file: string): string => readFileSync(join(__dirname, '../..', file), 'utf8');
const conventions = read('docs/contract/conventions.md');
const gateway = read('docs/contract/gateway.md');

/** Every file of the repository, by its path. */
const trackedFiles = (): string[] =>
  execFileSync('git', ['ls-files'], { cwd: join(__dirname, '../..'), encoding: 'utf8' })
    .trim()
    .split('\n');

/** The cells of the table rows of `text`. */
function rowsOf(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

/** The section that starts with `heading`, up to the next heading of any level. */
function section(text: string, heading: string): string {
  const start = text.indexOf(heading);
  if (start < 0) throw new Error(`there is no ${heading}`);
  const rest = text.slice(start + heading.length);
  return rest.slice(0, rest.search(/\n#{2,3} /));
}

const codesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');

describe('docs and code agree', () => {
  test('conventions.md lists every error code with its status, and no other', () => {
    const listed = rowsOf(section(conventions, '### Full table of codes')).flatMap(([names = '', status = '']) =>
      codesIn(names).map((code) => [code, Number.parseInt(status, 10)] as const),
    );
    const known = Object.entries(ERRORS).map(([code, { status }]) => [code, status] as const);
    expect([...listed].sort()).toEqual([...known].sort());
    for (const code of NEVER_EMITTED) expect([code, code in ERRORS]).toEqual([code, false]);
  });

  test('conventions.md lists every request window with its limit and its length', () => {
    const rows = rowsOf(section(conventions, '## 10. Rate limits'));
    const listed = (scope: string, isOfAgents: boolean): [number, number] => {
      const row = rows.find(
        ([names = '', subject = '']) => codesIn(names).includes(scope) && (subject === 'agent') === isOfAgents,
      );
      if (row === undefined) throw new Error(`${scope} is not in the table`);
      const [names = '', , limit = '', window = ''] = row;
      // One row for several scopes names limit and window of each, in their order: `5/h, 10/10 min`.
      const own = names.includes(' / ')
        ? (limit.split(', ')[codesIn(names).indexOf(scope)] ?? '')
        : `${limit}/${window}`;
      return [Number.parseInt(own.replaceAll(',', ''), 10), windowMsOf(own.slice(own.indexOf('/')))];
    };
    for (const [scope, { limit, windowMs }] of Object.entries({ ...ADDRESS_LIMITS, ...SERVICE_LIMITS })) {
      expect([scope, ...listed(scope, false)]).toEqual([scope, limit, windowMs]);
    }
    for (const scope of ['directory', 'directory_daily', 'group_invite', 'mute_write', 'avatar_write'] as const) {
      const { limit, windowMs } = AGENT_LIMITS[scope];
      expect([scope, ...listed(scope, true)]).toEqual([scope, limit, windowMs]);
    }
  });

  test('every reserved word of conventions.md is reserved', () => {
    const text = section(conventions, '## 7. Handles');
    const lists = [...text.slice(text.indexOf('Reserved handles')).matchAll(/: `([^`]+)`/g)].flatMap(([, words = '']) =>
      words.split(/\s+/),
    );
    expect(lists.length).toBeGreaterThan(100);
    expect(lists.filter((word) => isHandle(word) && !isReservedHandle(word))).toEqual([]);
  });

  test('no handle can be taken that a path means otherwise', () => {
    const paths = ENDPOINTS.map(({ path }) => path.split('/'));
    const taken = paths.flatMap((own) => {
      const place = own.indexOf(':handle');
      const isSibling = (other: string[]) => other.slice(0, place).join('/') === own.slice(0, place).join('/');
      return place < 0 ? [] : paths.filter(isSibling).flatMap((other) => other[place] ?? []);
    });
    const literals = [...new Set(taken)].filter((word) => isHandle(word));
    expect(literals).toContain('batch');
    expect(literals.filter((word) => !isReservedHandle(word))).toEqual([]);
  });

  test('conventions.md lists the prefix of every id on the wire', () => {
    const listed = rowsOf(section(conventions, '## 12. Identifiers')).flatMap(([cell = '']) => codesIn(cell));
    const { outboxRow: _, ...onTheWire } = ID_PREFIX;
    for (const prefix of Object.values(onTheWire)) expect(listed).toContain(prefix);
  });

  test('operations.md lists every variable of the environment, and no other', () => {
    const rows = rowsOf(section(read('docs/operations.md'), '## Configuration'));
    const listed = rows.flatMap(([names = '']) => codesIn(names));
    expect([...listed].sort()).toEqual([...CONFIG_NAMES].sort());
  });

  test('every command that a document names exists', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const documents = trackedFiles().filter(
      (file) => /\.(md|yml|json)$/.test(file) && !file.startsWith('docs/contract/'),
    );
    expect(documents).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/operations.md']));
    const named = documents.flatMap((file) =>
      [...read(file).matchAll(/npm (?:run (?:--silent )?([\w:-]*\w)|(start|test)\b)/g)].map(([, script, short]) => ({
        file,
        script: script ?? short ?? '',
      })),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter(({ script }) => !(script in scripts))).toEqual([]);
  });
});

describe('gateway.md and code agree', () => {
  /** Codes that a text names with their status, in either order: `403 `BLOCKED``, ``BLOCKED` 403`. */
  const named = (text: string): [string, number][] => [
    ...[...text.matchAll(/\b([45]\d\d) \**`([A-Z][A-Z_]+)`/g)].map(
      ([, status, code = '']) => [code, Number(status)] as [string, number],
    ),
    ...[...text.matchAll(/`([A-Z][A-Z_]+)` ([45]\d\d)\b/g)].map(
      ([, code = '', status]) => [code, Number(status)] as [string, number],
    ),
  ];
  const newCodes = (): [string, number][] => {
    const errors = section(gateway, '### 2.1 Errors');
    return named(errors.slice(errors.indexOf('New codes:')));
  };
  const isKnown = (code: string): code is keyof typeof ALL_ERRORS => code in ALL_ERRORS;

  test('§2.1 and §1.2 name every code of the gateway with its status, and no other', () => {
    const access = named(section(gateway, '### 1.2 Access')).filter(([code]) => !(code in ERRORS));
    // One code stands where agents speak of turns.
    const ofAgents = named(section(gateway, '### 8.3 Streaming frames')).filter(([code]) => code === 'TURN_CLOSED');
    const listed = new Map([...newCodes(), ...access, ...ofAgents]);
    expect(listed.size).toBeGreaterThan(15);
    const known = Object.entries(GATEWAY_ERRORS).map(([code, { status }]) => [code, status] as const);
    expect([...listed].sort()).toEqual([...known].sort());
    for (const code of Object.keys(GATEWAY_ERRORS)) expect([code, code in ERRORS]).toEqual([code, false]);
  });

  test('wherever the text names a code with a status, it is the status of that code', () => {
    const text = ['### 1.1 Guest', '### 1.2 Access', '### 2.1 Errors', '### 4.3 Sessions', '## 10. Timeouts']
      .map((heading) => section(gateway, heading))
      .join('\n');
    const wrong = named(text).filter(([code, status]) => isKnown(code) && ALL_ERRORS[code].status !== status);
    expect([named(text).length > 20, wrong]).toEqual([true, []]);
  });

  test('numbers of the text are those of the code', () => {
    const { SESSIONS_PAGE, SESSION_MESSAGES_PAGE, EXECUTIONS_PAGE, EXECUTION_LOG_PAGE, GATEWAY_LIMITS } = limits;
    const count = (value: number) => value.toLocaleString('en-US');
    const page = ({ default: usual, max }: { default: number; max: number }) => `\`limit\` ${usual} (1-${max})`;
    const rowOf = (beginning: string) =>
      gateway.split('\n').find((line) => line.startsWith(`| \`${beginning}\``)) ?? `no row ${beginning}`;
    const chat = section(gateway, '### 4.1 `POST /api/agents/{name}/chat`');
    expect(chat).toContain(`≤ ${count(limits.TURN_MESSAGE_BYTES_MAX)} bytes UTF-8`);
    expect(chat).toContain(`int 1-${limits.TURN_WAIT_SECONDS_MAX}, default ${limits.TURN_WAIT_SECONDS_DEFAULT}`);
    expect(chat).toContain(`\`system_prompt?\` ≤ ${count(limits.TURN_PROMPT_LENGTH_MAX)}`);
    expect(chat).toContain(`\`model?\` ≤ ${limits.TURN_MODEL_LENGTH_MAX} chars`);
    expect(chat).toContain(`\`files?\` ≤ ${limits.TURN_FILES_MAX} of`);
    expect(chat).toContain(`≤ ${limits.TURN_FILE_BYTES_MAX / 1_048_576} MiB each`);
    expect(chat).toContain(`every ${limits.STREAM_KEEP_ALIVE_MS / 1_000} s of silence`);
    expect(rowOf('GET /api/agents/{name}/chat/sessions')).toContain(page(SESSIONS_PAGE));
    expect(rowOf('GET /api/agents/{name}/chat/sessions/{id}')).toContain(page(SESSION_MESSAGES_PAGE));
    expect(rowOf('GET /api/agents/{name}/executions')).toContain(page(EXECUTIONS_PAGE));
    expect(rowOf('GET …/executions/{id}/log')).toContain(`limit\` ${EXECUTION_LOG_PAGE.default} `);
    expect(gateway).toContain(`message (≤ ${limits.EXECUTION_PREVIEW_LENGTH_MAX} chars)`);
    expect(gateway).toContain(`start + max(${limits.TURN_LIFE_SECONDS} s, wait)`);
    const slots = `≤ ${limits.AGENT_TURNS_MAX} turns at once over all sessions`;
    expect(gateway).toContain(`${slots} (owner-settable 1-${limits.AGENT_TURNS_SETTABLE_MAX})`);
    expect(gateway).toContain(`up to ${limits.TURNS_PER_SESSION_MAX - 1} more wait in order`);
    expect(gateway).toContain(`\`Retry-After: ${limits.TURN_QUEUE_RETRY_MS / 1_000}\``);
    expect(gateway).toContain(`content ≤ ${limits.STREAM_TEXT_BYTES_MAX / 1_024} KiB per record`);
    expect(gateway).toContain(`events ${limits.TURN_EVENTS_KEEP_MS / 3_600_000} h after terminal`);
    const windows = section(gateway, '## 13. Rate limits');
    expect(windows).toContain(`${GATEWAY_LIMITS.turns.limit} turn starts/min`);
    expect(windows).toContain(`${GATEWAY_LIMITS.reads.limit} reads/min`);
    expect(windows).toContain(`${GATEWAY_LIMITS.team_turns.limit} team turns/min`);
    expect(windows).toContain(`${GATEWAY_LIMITS.unpaid.limit} unpaid 402s/min/IP`);
    const paid = section(gateway, '### 6.3 Paid chat');
    expect(paid).toContain(`≤ ${count(limits.PAID_MESSAGE_BYTES_MAX)} bytes`);
    const { default: usual, min, max } = limits.PAID_TIMEOUT_SECONDS;
    expect(paid).toContain(`timeout_seconds? (${min}-${max}, ${usual})`);
    expect(paid).toContain(`(turn timeout + ${limits.PAYMENT_SPARE_SECONDS_MIN} s)`);
    expect(paid).toContain(`turn timeout + ${limits.PAYMENT_SPARE_SECONDS} because`);
    expect(paid).toContain(`unknown after ${limits.SETTLEMENT_WAIT_MS / 1_000} s`);
    expect(paid).toContain(`\`Retry-After: ${limits.PAYMENT_RETRY_MS / 1_000}\``);
    expect(paid).toContain(`kept ${limits.WITHHELD_KEEP_MS / 3_600_000} h`);
    expect(paid).toContain(`?limit=${limits.PAYMENTS_PAGE.default}`);
    expect(windows).toContain(`${GATEWAY_LIMITS.agent_turns.limit} turn starts/min per target agent`);
    expect(windows).toContain(`${limits.GATEWAY_STREAMS_MAX} concurrent streams`);
    const { default: hours, max: hoursMax } = limits.ACTIVITY_HOURS;
    expect(gateway).toContain(`\`hours\` ${hours} (1-${hoursMax})`);
    expect(gateway).toContain(`newest first, ≤ ${limits.ACTIVITY_ENTRIES_MAX}.`);
    const { task, others } = limits.TURN_SILENCE_SECONDS;
    expect(gateway).toContain(`message for ${others} s (tasks ${count(task)} s)`);
    const access = section(gateway, '### 1.2 Access');
    expect(access).toContain(`at most ${GATEWAY_LIMITS.first_contacts.limit} first contacts`);
  });

  test('numbers of teams in the text are those of the code', () => {
    const { TEAM_MODE_ROUNDS, TEAM_SUMMARY_RESERVE } = limits;
    const teams = section(gateway, '### 5.4 Teams');
    expect(teams).toContain(`1-${limits.TEAM_MEMBERS_MAX} members`);
    expect(teams).toContain(`{name 1-${limits.TEAM_NAME_LENGTH_MAX},`);
    expect(teams).toContain(`{role? ≤ ${limits.TEAM_ROLE_LENGTH_MAX}}`);
    expect(teams).toContain(`(1-${limits.TURN_WAIT_SECONDS_MAX}, default ${limits.TEAM_WAIT_SECONDS_DEFAULT})`);
    expect(teams).toContain(`floor(${limits.TEAM_TRANSCRIPT_BYTES_MAX.toLocaleString('en-US')} / answers)`);
    const { msMax, share } = TEAM_SUMMARY_RESERVE;
    expect(teams).toContain(`min(${msMax / 1_000} s, ${share * 100} % of the budget)`);
    expect(teams).toContain(`history?limit=${limits.TEAM_HISTORY_PAGE.default}`);
    for (const [mode, { default: usual, max }] of Object.entries(TEAM_MODE_ROUNDS)) {
      const row = rowsOf(teams).find(([names = '']) => names.startsWith(`\`${mode}\``));
      expect([mode, row?.[1]]).toEqual([mode, `${usual}, ${max}`]);
    }
  });

  test('numbers of share links and of the public chat are those of the code', () => {
    const { PUBLIC_LIMITS } = limits;
    const links = section(gateway, '### 6.1 Share links');
    expect(links).toContain(`name? ≤${limits.LINK_NAME_LENGTH_MAX}`);
    expect(links).toContain(`welcome? ≤${limits.LINK_WELCOME_LENGTH_MAX}`);
    expect(links).toContain(`Token: ${limits.LINK_TOKEN_BYTES} random bytes`);
    expect(links).toContain(`token_prefix (${limits.LINK_TOKEN_PREFIX_LENGTH} chars)`);
    expect(links).toContain(`≤ ${limits.LINKS_PER_AGENT_MAX} links per agent`);
    const chat = section(gateway, '### 6.2 Public endpoints');
    expect(chat).toContain(`message ≤ ${limits.PUBLIC_MESSAGE_BYTES_MAX.toLocaleString('en-US')} bytes`);
    expect(chat).toContain(`1-${limits.PUBLIC_WAIT_SECONDS_MAX} (${limits.PUBLIC_WAIT_SECONDS_DEFAULT})`);
    expect(chat).toContain(`≤ ${limits.PUBLIC_HISTORY_MAX}, oldest first`);
    expect(chat).toContain(`(${limits.VISITOR_SESSION_BYTES * 8} bits)`);
    expect(chat).toContain(`session_token (${limits.VISITOR_TOKEN_HOURS} h)`);
    expect(chat).toContain(`${PUBLIC_LIMITS.messages.limit} messages/min per IP`);
    expect(chat).toContain(`${PUBLIC_LIMITS.link_messages.limit}/min per token`);
    expect(chat).toContain(`${PUBLIC_LIMITS.lookups.limit} token look-ups/min per IP`);
    expect(chat).toContain(`${PUBLIC_LIMITS.session_messages.limit}/min per session`);
    const minutes = PUBLIC_LIMITS.codes.windowMs / 60_000;
    expect(chat).toContain(`${PUBLIC_LIMITS.codes.limit} requests/${minutes} min/email`);
    const hours = limits.LINK_COMPLAINTS_WINDOW_MS / 3_600_000;
    expect(gateway).toContain(`${limits.LINK_COMPLAINTS_MAX} distinct guests of one link`);
    expect(gateway).toContain(`within ${hours} h → link disabled`);
  });

  test('numbers of voice are those of the code', () => {
    const text = section(gateway, '## 7. Voice');
    const count = (value: number) => value.toLocaleString('en-US');
    const seconds = (ms: number) => `${ms / 1_000} s`;
    const { default: usual, min, max } = voiceLimits.VOICE_SECONDS;
    expect(text).toContain(`max_duration_seconds? (${min}-${max}, ${usual})`);
    expect(text).toContain(`(single use, ${seconds(voiceLimits.VOICE_TOKEN_MS)})`);
    expect(text).toContain(`within ${seconds(voiceLimits.VOICE_HELLO_MS)}`);
    expect(text).toContain(`No agent within ${seconds(voiceLimits.VOICE_CONNECT_MS)}`);
    expect(text).toContain(`≤ ${count(voiceLimits.VOICE_AUDIO_BYTES_MAX)} bytes of audio per frame`);
    expect(text).toContain(`text frame ≤ ${count(voiceLimits.VOICE_TEXT_FRAME_BYTES_MAX)}`);
    expect(text).toContain(`≤ ${voiceLimits.VOICE_FRAMES_PER_SECOND} frames/s`);
    expect(text).toContain(`≤ ${voiceLimits.VOICE_BYTES_PER_SECOND / 1_024} KiB/s sustained`);
    const { msMax, bytesMax } = voiceLimits.VOICE_QUEUE;
    expect(text).toContain(`≤ ${seconds(msMax)} or ${bytesMax / 1_024} KiB queued`);
    expect(text).toContain(`\`bufferedAmount\` ≤ ${voiceLimits.VOICE_BUFFER_BYTES_MAX / 1_048_576} MiB`);
    expect(text).toContain(`Ping ${seconds(voiceLimits.VOICE_PING_MS)}, pong ${seconds(voiceLimits.VOICE_PONG_MS)}`);
    expect(text).toContain(`(no audio either way) ${seconds(voiceLimits.VOICE_IDLE_MS)}`);
    expect(text).toContain(`${seconds(voiceLimits.VOICE_ENDING_MS)} before it`);
    expect(text).toContain(`within ${seconds(voiceLimits.VOICE_RECONNECT_MS)} resumes`);
    expect(text).toContain(`repeat within ${voiceLimits.VOICE_KEEP_MS / 3_600_000} h`);
    const { voice_starts: starts } = limits.GATEWAY_LIMITS;
    expect(gateway).toContain(`${starts.limit} voice starts/h`);
  });

  test('§1 lists the prefix of every id of the gateway', () => {
    const vocabulary = section(gateway, '## 1. Vocabulary');
    // Of keys the contract names the secret's only.
    const { key: _, ...named } = GATEWAY_ID_PREFIX;
    for (const prefix of Object.values(named)) expect(vocabulary).toMatch(new RegExp(`\`${prefix}…?\``));
  });
});

/** The length of a window that a cell tells in words: `10 min fixed`, `rolling 24 h`, `/h`. */
function windowMsOf(words: string): number {
  const [, count = '', unit = ''] = /(\d*) ?(h|min|s)\b/.exec(words) ?? [];
  return Number(count || 1) * ({ h: 3_600_000, min: 60_000, s: 1_000 }[unit] ?? Number.NaN);
}

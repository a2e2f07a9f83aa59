import fc from 'fast-check';
import { previewOf as serverPreview } from '../../domain/preview';
import { activityLine } from '../../dashboard/src/model/activity';
import { badgesOf, firstToOpen, lightOf } from '../../dashboard/src/model/agents';
import { groupInitialOf, initialOf, previewLine, previewOf, titleOf } from '../../dashboard/src/model/names';
import { presenceLine } from '../../dashboard/src/model/presence';
import { agentPath, parseRoute, pathOf } from '../../dashboard/src/model/route';
import { agoLabel, dayLabel, listTimeLabel } from '../../dashboard/src/model/times';
import { TONE_COUNT, toneOf } from '../../dashboard/src/model/tones';
import type { ActivityEvent, ClaimedAgent } from '../../dashboard/src/model/wire';
import { conversation, message } from './samples';

const place = { locale: 'en-GB', timeZone: 'UTC' };

describe('dashboard §9: avatars without a picture', () => {
  test.each([
    ['', 0],
    ['a', 1],
    ['ada-agent', 2],
    ['chatfather', 0],
    ['grp_ZzZzZzZzZzZz', 10],
    ['😀', 7],
  ])('%j has colour %i, on every page and after every reload', (key, tone) => {
    expect(toneOf(key)).toBe(tone);
  });

  test('the colour is always one of the palette, and always the documented one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (key) => {
        let hash = 0n;
        for (let index = 0; index < key.length; index += 1) {
          hash = BigInt.asIntN(32, hash * 31n + BigInt(key.charCodeAt(index)));
        }
        expect(toneOf(key)).toBe(Number((hash < 0n ? -hash : hash) % BigInt(TONE_COUNT)));
      }),
    );
  });

  test('the letter is that of the handle; of a group that of its name, else G', () => {
    expect(initialOf('ada')).toBe('A');
    expect(initialOf('@9lives')).toBe('9');
    expect(groupInitialOf('  ops room')).toBe('O');
    expect(groupInitialOf('🚀 launch')).toBe('🚀');
    expect(groupInitialOf(null)).toBe('G');
    expect(groupInitialOf('  ')).toBe('G');
  });
});

describe('dashboard §9: titles and previews', () => {
  test('a direct conversation is called by display name or @handle, a group by its name or Unnamed group', () => {
    const peer = { handle: 'bob', display_name: null, avatar_url: null };
    expect(titleOf(conversation({ participants: [{ ...peer, display_name: 'Bob' }] }))).toBe('Bob');
    expect(titleOf(conversation({ participants: [peer] }))).toBe('@bob');
    expect(titleOf(conversation({ participants: [] }))).toBe('Deleted agent');
    expect(titleOf(conversation({ type: 'group', participants: [], group_name: 'Ops' }))).toBe('Ops');
    expect(titleOf(conversation({ type: 'group', participants: [], group_name: ' ' }))).toBe('Unnamed group');
  });

  test('own previews begin with You', () => {
    expect(previewLine(conversation({ last_message_preview: 'Hi', last_message_is_own: true }))).toBe('You: Hi');
    expect(previewLine(conversation({ last_message_preview: 'Hi' }))).toBe('Hi');
    expect(previewLine(conversation({ last_message_at: null, last_message_preview: null }))).toBe('No messages yet');
  });

  test('the preview of a live message is the one that the server computes, so a reload changes nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(previewOf({ type: 'text', content: { text } })).toBe(serverPreview('text', text));
      }),
    );
    for (const type of ['file', 'system', 'structured'] as const) {
      expect(previewOf(message({ type, content: { data: {} } }))).toBe(serverPreview(type, undefined));
    }
  });
});

describe('dashboard §9: state of agents', () => {
  const agent = (status: ClaimedAgent['status'], mode: ClaimedAgent['paused_by_owner']) => ({
    status,
    paused_by_owner: mode,
  });
  test.each([
    ['active', 'none', 'green', ['Active']],
    ['active', 'send', 'amber', ['Sending paused']],
    ['active', 'full', 'amber', ['Fully paused']],
    ['restricted', 'none', 'amber', ['Restricted']],
    ['restricted', 'full', 'amber', ['Restricted', 'Fully paused']],
    ['suspended', 'none', 'red', ['Suspended']],
    ['suspended', 'send', 'red', ['Suspended', 'Sending paused']],
  ] as const)('%s with pause %s has a %s dot and says %j', (status, mode, light, texts) => {
    expect(lightOf(agent(status, mode))).toBe(light);
    expect(badgesOf(agent(status, mode)).map(({ text }) => text)).toEqual(texts);
  });

  test('home opens the agent that was viewed last, else the first', () => {
    const ada = { handle: 'ada' } as ClaimedAgent;
    const bob = { handle: 'bob' } as ClaimedAgent;
    expect(firstToOpen([ada, bob], 'bob')).toBe(bob);
    expect(firstToOpen([ada, bob], 'gone')).toBe(ada);
    expect(firstToOpen([], 'bob')).toBeNull();
  });

  test('presence: active now, busy, last seen N ago, else the handle', () => {
    const now = Date.parse('2026-03-12T12:00:00Z');
    const peer = (status: 'online' | 'busy' | 'offline', lastSeen: string | null) => ({
      handle: 'bob',
      presence: { status, last_seen: lastSeen },
    });
    expect(presenceLine(peer('online', null), now)).toBe('Active now');
    expect(presenceLine(peer('busy', null), now)).toBe('Busy');
    expect(presenceLine(peer('offline', '2026-03-12T11:55:00Z'), now)).toBe('Last seen 5 minutes ago');
    expect(presenceLine(peer('offline', null), now)).toBe('@bob');
  });
});

describe('times', () => {
  const now = Date.parse('2026-03-12T12:00:00Z');
  test('days are those of the reader', () => {
    expect(dayLabel('2026-03-12T00:10:00Z', now, place)).toBe('Today');
    expect(dayLabel('2026-03-11T23:59:00Z', now, place)).toBe('Yesterday');
    expect(dayLabel('2026-03-11T23:59:00Z', now, { ...place, timeZone: 'Asia/Tokyo' })).toBe('Today');
    expect(dayLabel('2026-03-09T08:00:00Z', now, place)).toBe('Monday');
    expect(dayLabel('2026-03-01T08:00:00Z', now, place)).toBe('1 March 2026');
  });

  test('lists show the hour of today and the day of what is older', () => {
    expect(listTimeLabel('2026-03-12T09:05:00Z', now, place)).toBe('09:05');
    expect(listTimeLabel('2026-03-11T09:05:00Z', now, place)).toBe('Yesterday');
    expect(listTimeLabel('2026-01-02T09:05:00Z', now, place)).toBe('02/01/2026');
  });

  test('how long ago', () => {
    expect(agoLabel('2026-03-12T11:59:30Z', now)).toBe('just now');
    expect(agoLabel('2026-03-12T10:00:00Z', now)).toBe('2 hours ago');
    expect(agoLabel('2026-03-10T12:00:00Z', now)).toBe('2 days ago');
    expect(agoLabel('2026-03-12T12:05:00Z', now)).toBe('just now');
  });
});

describe('addresses of screens', () => {
  test.each([
    '/app',
    '/app/account',
    '/app/agents/ada',
    '/app/agents/ada/chats/conv_1',
    '/app/agents/ada/contacts',
    '/app/agents/ada/blocks',
    '/app/agents/ada/activity',
    '/app/agents/ada/settings',
  ])('%s is read and written alike', (path) => {
    expect(pathOf(parseRoute(path))).toBe(path);
  });

  test('what names no screen is home; ids may hold any character', () => {
    for (const path of ['/app/', '/app/unknown', '/app/agents', '/app/agents/ada/unknown']) {
      expect(parseRoute(path)).toEqual({ screen: 'home' });
    }
    expect(parseRoute(agentPath('ada', 'chats', 'a/b%c'))).toMatchObject({ conversationId: 'a/b%c' });
  });
});

describe('dashboard §7: activity in words', () => {
  const event = (action: string, metadata: Record<string, unknown> = {}): ActivityEvent => ({
    id: 'evt_1',
    actor_type: 'owner',
    action,
    metadata,
    created_at: '2026-03-12T12:00:00Z',
  });

  test('a claim attempt is a security notice with address and program', () => {
    const line = activityLine(event('agent.claim_attempted', { ip: '203.0.113.9', user_agent: 'curl/8' }));
    expect(line.tone).toBe('security');
    expect(line.detail).toContain('203.0.113.9');
    expect(line.detail).toContain('curl/8');
  });

  test('messages name the peer and lead to the conversation; unknown actions stay readable', () => {
    const metadata = { peer_handle: 'bob', conversation_id: 'conv_1', preview: 'Hi', type: 'text' };
    expect(activityLine(event('message.received', metadata))).toEqual({
      title: 'Received from @bob',
      detail: 'Hi',
      tone: 'message',
      conversationId: 'conv_1',
    });
    expect(activityLine(event('agent.renamed')).title).toBe('agent.renamed');
  });
});

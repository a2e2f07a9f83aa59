import fc from 'fast-check';
import { PRESENCE_EXPIRY_MS } from '../../contract/limits';
import {
  connected,
  disconnected,
  expired,
  isShownAnew,
  NEVER_SEEN,
  presenceAt,
  set,
  type PresenceState,
} from '../../domain/presence';

const at = (ms: number) => new Date(1_700_000_000_000 + ms);
const socket = (id: string) => ({ id, nodeId: 'n' });
const busy = { status: 'busy' as const, customMessage: 'in a meeting' };

describe('the rules of presence', () => {
  test('social#31: what was set survives a second socket and ends with a full reconnect', () => {
    let state = set(connected(NEVER_SEEN, socket('a'), at(0)), busy, at(1));
    state = disconnected(connected(state, socket('b'), at(2)), ['b'], at(3));
    expect(presenceAt(state, at(4))).toEqual({ ...busy, lastSeenAt: at(2) });
    state = disconnected(state, ['a'], at(5));
    expect(presenceAt(state, at(6))).toEqual({ status: 'offline', customMessage: null, lastSeenAt: at(5) });
    expect(presenceAt(connected(state, socket('c'), at(7)), at(8)).status).toBe('online');
  });

  test('social#31: without a socket it fades after 300 s; setting it again at 240 s keeps it', () => {
    const once = set(NEVER_SEEN, busy, at(0));
    expect(presenceAt(once, at(PRESENCE_EXPIRY_MS - 1)).status).toBe('busy');
    expect(presenceAt(once, at(PRESENCE_EXPIRY_MS))).toEqual({
      status: 'offline',
      customMessage: null,
      lastSeenAt: at(0),
    });
    const twice = set(once, busy, at(240_000));
    expect(presenceAt(twice, at(PRESENCE_EXPIRY_MS + 1)).status).toBe('busy');
    expect(presenceAt(expired(twice, at(540_000)), at(540_000)).lastSeenAt).toEqual(at(240_000));
  });

  test('webhooks hear of what others are shown anew, not of what nobody was told', () => {
    const online = connected(NEVER_SEEN, socket('a'), at(0));
    const isBusy = set(online, busy, at(1));
    const isNews = (before: PresenceState, after: PresenceState, ms: number) => isShownAnew(before, after, at(ms));
    const later = PRESENCE_EXPIRY_MS * 2;
    expect(isNews(NEVER_SEEN, online, 0)).toBe(true);
    expect(isNews(online, connected(online, socket('b'), at(1)), 1)).toBe(false);
    expect(isNews(online, isBusy, 1)).toBe(true);
    expect(isNews(isBusy, set(isBusy, busy, at(2)), 2)).toBe(false);
    expect(isNews(isBusy, set(isBusy, { ...busy, customMessage: 'other' }, at(2)), 2)).toBe(true);
    // It faded some minutes ago and nobody has said so yet.
    expect(isNews(isBusy, expired(isBusy, at(later)), later)).toBe(true);
    expect(isNews(isBusy, set(isBusy, busy, at(later)), later)).toBe(false);
    expect(isNews(NEVER_SEEN, set(NEVER_SEEN, { status: 'offline', customMessage: null }, at(0)), 0)).toBe(false);
  });

  test('an agent is shown as offline exactly when no socket is open and nothing was set since', () => {
    const ids = fc.constantFrom('a', 'b', 'c');
    const command = fc.oneof(
      fc.record({ do: fc.constant('open' as const), id: ids }),
      fc.record({ do: fc.constant('close' as const), id: ids }),
      fc.record({ do: fc.constant('set' as const), id: ids }),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
        let state: PresenceState = NEVER_SEEN;
        const open = new Set<string>();
        let isSet = false;
        commands.forEach(({ do: what, id }, index) => {
          const now = at(index);
          if (what === 'set') state = set(state, busy, now);
          else state = what === 'open' ? connected(state, socket(id), now) : disconnected(state, [id], now);
          const count = open.size;
          if (what === 'open') open.add(id);
          if (what === 'close') open.delete(id);
          if (what === 'set') isSet = true;
          else if ((count === 0) !== (open.size === 0)) isSet = false;
          const expected = isSet ? 'busy' : open.size > 0 ? 'online' : 'offline';
          expect(presenceAt(state, now).status).toBe(expected);
          expect(new Set(state.sockets.map((own) => own.id))).toEqual(open);
        });
      }),
    );
  });
});

import {
  isKeepingWaiting,
  isMissedBy,
  isToldByRelease,
  isToldOf,
  switchedOff,
  switchedOn,
  type WebhookActivity,
} from '../../domain/webhook-activity';
import { passesFilter, type EventTraits, type WebhookFilter } from '../../domain/webhook-filter';

const at = (version: number) => ({ version, position: version * 10 });
const on = (webhook: WebhookActivity, version: number): WebhookActivity => ({
  ...webhook,
  active: true,
  ...switchedOn(webhook, at(version)),
});
const off = (webhook: WebhookActivity, version: number): WebhookActivity => ({
  ...webhook,
  active: false,
  inactiveSpans: switchedOff(webhook, at(version)),
});
const fresh: WebhookActivity = { active: true, fromVersion: 2, fromPosition: 20 };
const versionsToldOf = (webhook: WebhookActivity): number[] =>
  Array.from({ length: 12 }, (_, version) => version).filter((version) => isToldOf(webhook, version));

describe('webhooks.md Decision 12: which events a webhook is told of', () => {
  test.each<[string, WebhookActivity, number[]]>([
    ['one that was always active: from its creation on', fresh, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
    ['one that is off: up to then', off(fresh, 5), [2, 3, 4]],
    ['one that was off for a time: all but that', on(off(fresh, 5), 8), [2, 3, 4, 8, 9, 10, 11]],
    ['one that was off twice', off(on(off(fresh, 3), 5), 7), [2, 5, 6]],
    ['one that is gone: nothing', { ...fresh, active: false }, []],
    ['one that was gone: from its return on', on({ ...fresh, active: false }, 9), [9, 10, 11]],
    ['one that was off and was disabled by an operator: nothing', { ...off(fresh, 5), inactiveSpans: [] }, []],
  ])('%s', (_, webhook, versions) => {
    expect(versionsToldOf(webhook)).toEqual(versions);
  });

  test.each<[string, WebhookActivity, number[]]>([
    ['one that was always active: nothing', fresh, []],
    ['one that is off: all since then', off(fresh, 5), [5, 6, 7, 8, 9, 10, 11]],
    ['one that was off for a time: that', on(off(fresh, 5), 8), [5, 6, 7]],
    ['one that is gone: all since its creation', { ...fresh, active: false }, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
    ['one that was gone: all up to its return', on({ ...fresh, active: false }, 9), [2, 3, 4, 5, 6, 7, 8]],
    ['one that was gone twice', on({ ...on({ ...fresh, active: false }, 4), active: false }, 6), [2, 3, 4, 5]],
  ])('a record is kept for %s', (_, webhook, versions) => {
    const missed = (event: 'contact.blocked' | 'message.new' | 'presence.update') =>
      Array.from({ length: 12 }, (_unused, version) => version).filter((version) =>
        isMissedBy(webhook, { event, version }),
      );
    expect(missed('contact.blocked')).toEqual(versions);
    expect([...missed('message.new'), ...missed('presence.update')]).toEqual([]);
  });

  test('it keeps what waits while its agent has it switched off, and only then', () => {
    expect([fresh, off(fresh, 5), on(off(fresh, 5), 6), { ...fresh, active: false }].map(isKeepingWaiting)).toEqual([
      false,
      true,
      false,
      false,
    ]);
  });

  test('of many switches the newest are remembered', () => {
    let webhook = fresh;
    for (let version = 3; version < 103; version += 2) webhook = on(off(webhook, version), version + 1);
    expect(webhook.inactiveSpans).toHaveLength(20);
    expect(isToldOf(webhook, 101)).toBe(false);
    expect(isToldOf(webhook, 102)).toBe(true);
  });

  test.each<[string, WebhookActivity, number[]]>([
    ['in force at the release: everything', fresh, [30, 45, 55, 65, 75]],
    ['off for a time in the pause: all but what came then', on(off(fresh, 4), 5), [30, 55, 65, 75]],
    ['off since the pause ended: all before it', off(fresh, 7), [30, 45, 55, 65]],
    ['off at the release, on afterwards: what comes from then on', on(off(fresh, 4), 7), [75]],
    ['off at the release: nothing', off(fresh, 4), []],
    ['created after the pause: what comes from then on', { active: true, fromVersion: 7, fromPosition: 70 }, [75]],
    ['created long ago, without a position: everything', { active: true, fromVersion: 1 }, [30, 45, 55, 65, 75]],
  ])('a release at version 6 tells a webhook %s', (_, webhook, positions) => {
    const told = [30, 45, 55, 65, 75].filter((position) => isToldByRelease(webhook, { version: 6, position }));
    // What was committed while it was off for good before the release is not told, in force or not.
    expect(told).toEqual(positions);
  });
});

describe('webhooks.md §11.7: filters', () => {
  const message = (changes: Partial<NonNullable<EventTraits['message']>> = {}): EventTraits => ({
    conversationId: 'conv_a',
    message: { sender: 'bob-agent', type: 'text', isMention: false, ...changes },
  });

  test.each<[WebhookFilter | undefined, EventTraits, boolean]>([
    [undefined, message(), true],
    [{}, message(), true],
    [{ conversationIds: ['conv_b', 'conv_a'] }, message(), true],
    [{ conversationIds: ['conv_b'] }, message(), false],
    [{ senders: ['bob-agent'] }, message(), true],
    [{ senders: ['bob'] }, message(), false],
    [{ messageTypes: ['file', 'text'] }, message(), true],
    [{ messageTypes: ['file'] }, message(), false],
    [{ mentionsMe: true }, message(), false],
    [{ mentionsMe: true }, message({ isMention: true }), true],
    [{ mentionsMe: true, senders: ['eve'] }, message({ isMention: true }), false],
    [{ conversationIds: ['conv_b'], senders: ['bob-agent'] }, message(), false],
    [{ senders: ['eve'], mentionsMe: true, messageTypes: ['file'] }, {}, true],
    [{ conversationIds: ['conv_b'] }, {}, true],
    [{ conversationIds: ['conv_b'] }, { conversationId: 'conv_a' }, false],
    [{ senders: ['eve'] }, { conversationId: 'conv_a' }, true],
  ])('%j and %j: %p', (filter, traits, isTold) => {
    expect(passesFilter(filter, traits)).toBe(isTold);
  });
});

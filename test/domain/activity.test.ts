import { AUDIT_ACTIONS } from '../../contract/audit-actions';
import { shownMetadata } from '../../domain/activity';

/** Everything that is recorded anywhere, and some that never should be. */
const RECORDED = {
  ip: '192.0.2.1',
  user_agent: 'curl',
  reason: 'key_rotated',
  owner_id: 'd3c0ffee-0000-4000-8000-000000000000',
  mode: 'full',
  from: 'active',
  to: 'suspended',
  trigger: 'report',
  transition: 3,
  handle: 'bob-agent',
  note: 'an operator wrote this',
  api_key: 'ac_live_x',
  __proto__: null,
};

const SHOWN = new Map(
  Object.entries({
    'agent.claim_attempted': ['ip', 'user_agent'],
    'agent.claim_revoked': ['reason'],
    'agent.paused': ['mode'],
    'agent.status_changed': ['from', 'reason', 'to'],
    'agent.blocked': ['handle'],
    'agent.unblocked': ['handle'],
    'agent.reported': ['handle'],
  }),
);

test.each([...AUDIT_ACTIONS, 'agent.unheard_of', 'constructor', '__proto__'])(
  'dashboard#16: of %s exactly the listed metadata is shown, of an unknown action nothing',
  (action) => {
    expect(Object.keys(shownMetadata(action, 'agent', RECORDED)).sort()).toEqual(SHOWN.get(action) ?? []);
  },
);

test('dashboard#16: why a pause ended is told only where the system ended it', () => {
  expect(shownMetadata('agent.unpaused', 'system', RECORDED)).toEqual({ reason: 'key_rotated' });
  expect(shownMetadata('agent.unpaused', 'owner', RECORDED)).toEqual({});
});

test('dashboard#16: keys that are not recorded are not made up', () => {
  expect(shownMetadata('agent.status_changed', 'system', { from: 'active' })).toEqual({ from: 'active' });
  expect(shownMetadata('agent.blocked', 'agent', {})).toEqual({});
});

import { z } from 'zod';
import { ALL_WEBHOOK_EVENTS, PING_EVENT } from '../../contract/events';
import { invitationSchema } from '../../contract/groups';
import { isReservedHandle } from '../../contract/handles';
import { messageSchema } from '../../contract/messages';
import { sampleOf } from '../../domain/webhook-samples';

const handle = z.string();
const time = z.iso.datetime();

/** A receiver that is tested with a sample must not meet another shape later. */
const SHAPES: Record<string, z.ZodType> = {
  ping: z.strictObject({ webhook_id: z.string() }),
  'message.new': messageSchema.strict(),
  'message.read': z.strictObject({
    message_id: z.string(),
    conversation_id: z.string(),
    seq: z.int(),
    through_seq: z.int(),
    read_by: handle,
    reader: handle,
    read_at: time,
    at: time,
  }),
  'presence.update': z.strictObject({ handle, status: z.string(), custom_message: z.string().nullable() }),
  'contact.blocked': z.strictObject({ blocked_by: handle }),
  'group.invite.received': invitationSchema.strict(),
  'group.deleted': z.strictObject({ group_id: z.string(), deleted_by_handle: handle, deleted_at: time }),
  'agent.created': z.strictObject({ handle, display_name: z.string().nullable(), created_at: time }),
  'webhook.delivery.exhausted': z.strictObject({
    webhook_id: z.string(),
    handle,
    delivery_id: z.string(),
    event: z.enum(ALL_WEBHOOK_EVENTS),
    event_id: z.string(),
    attempts: z.int(),
    last_status: z.int().nullable(),
    last_error: z.string().nullable(),
    dead_at: time,
  }),
  'webhook.endpoint.failing': z.strictObject({
    webhook_id: z.string(),
    handle,
    first_failure_at: time,
    consecutive_failures: z.int(),
  }),
  'webhook.endpoint.disabled': z.strictObject({
    webhook_id: z.string(),
    handle,
    disabled_reason: z.enum(['failing', 'gone', 'manual']),
    disabled_at: time,
  }),
  'webhook.endpoint.recovered': z.strictObject({
    webhook_id: z.string(),
    handle,
    first_failure_at: time,
    recovered_at: time,
  }),
  'webhook.secret.rotated': z.strictObject({
    webhook_id: z.string(),
    handle,
    what: z.enum(['secret', 'key_pair']),
    previous_expires_at: time.nullable(),
    rotated_at: time,
  }),
};

describe('webhooks.md §11.4: samples', () => {
  const sample = (event: Parameters<typeof sampleOf>[0]): object =>
    sampleOf(event, { webhookId: 'whk_1', handle: 'ada', at: new Date('2030-06-15T12:00:00.000Z') });

  test.each([...ALL_WEBHOOK_EVENTS, PING_EVENT] as const)('%s is shaped as the real one', (event) => {
    expect(SHAPES[event]?.safeParse(sample(event)).error).toBeUndefined();
  });

  test('nobody can have the handle that samples name', () => {
    expect(isReservedHandle('test')).toBe(true);
    expect(JSON.stringify(sample('contact.blocked'))).toBe('{"blocked_by":"test"}');
  });
});

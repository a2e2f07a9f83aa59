import { Client, Connection } from '@temporalio/client';
import { stateQuery } from '../../workflows/messages';
import { codeFlowId } from '../../workflows/ids';
import { startStack, type Stack } from '../support/stack';
import { waitFor } from '../support/wait';

/** Histories are kept for long and read by many: a code, key or address in one of them is a leak. */
describe('what a registration leaves in Temporal and in the logs', () => {
  let stack: Stack;
  let connection: Connection;
  let client: Client;

  beforeAll(async () => {
    stack = await startStack({ env: { LOG_LEVEL: 'debug' } });
    connection = await Connection.connect({ address: stack.temporalAddress });
    client = new Client({ connection, namespace: stack.namespace });
  });
  afterAll(async () => {
    await connection.close();
    await stack.stop();
  });

  async function post(path: string, body: object): Promise<Record<string, string>> {
    const response = await fetch(`${stack.baseUrls[0]}${path}`, { method: 'POST', body: JSON.stringify(body) });
    // The parse point of answers.
    return (await response.json()) as Record<string, string>;
  }

  /** Everything of a flow as text, its base64 payloads decoded. */
  async function everythingOf(pendingId: string): Promise<string> {
    const handle = client.workflow.getHandle(codeFlowId('registration', pendingId));
    const [history, description] = await Promise.all([handle.fetchHistory(), handle.describe()]);
    const payloads: string[] = [];
    const text = JSON.stringify(
      { history, memo: description.memo, attributes: description.typedSearchAttributes },
      (_key, value: unknown) => {
        if (value instanceof Uint8Array) payloads.push(Buffer.from(value).toString('utf8'));
        if (
          typeof value === 'object' &&
          value !== null &&
          'type' in value &&
          value.type === 'Buffer' &&
          'data' in value
        ) {
          payloads.push(Buffer.from(value.data as number[]).toString('utf8'));
        }
        return typeof value === 'bigint' ? String(value) : value;
      },
    );
    return text + payloads.join('\n');
  }

  test('no code, key, address or profile is in a history, memo, search attribute or log', async () => {
    const email = 'very-private-address@example.com';
    const started = await post('/v1/register', {
      handle: 'secret-keeper',
      email,
      display_name: 'Private Name',
      description: 'Private words',
    });
    const pendingId = started['pending_id'] ?? '';
    const mail = await waitFor(() => stack.mailbox.messages(email)[0]);
    const code = /\b(\d{6})\b/.exec(mail.text)?.[1] ?? '';
    const wrong = code === '000000' ? '000001' : '000000';
    expect(await post('/v1/register/verify', { pending_id: pendingId, code: wrong })).toMatchObject({
      code: 'INVALID_CODE',
    });
    const waiting = client.workflow.getHandle(codeFlowId('registration', pendingId));
    expect(await waiting.query(stateQuery)).toEqual({ stage: 'waiting_for_code', attempts: 1, mail: 'sent' });
    const verified = await post('/v1/register/verify', { pending_id: pendingId, code });
    expect(await waiting.result()).toEqual({ outcome: 'verified', attempts: 2 });
    const [history, description] = [await everythingOf(pendingId), await waiting.describe()];
    expect(history).toContain('secret-keeper');
    expect(description.typedSearchAttributes.getAll().map(({ value }) => value)).toEqual(
      expect.arrayContaining(['secret-keeper', 'verified']),
    );
    const logs = [...stack.apis, ...stack.workers].flatMap((child) => child.tail()).join('\n');
    expect(logs).toContain('"event":"request"');
    const key = verified['api_key'] ?? 'no key';
    const secret = stack.secretKeys.split(':')[1] ?? 'no secret';
    for (const hidden of [key, 'very-private-address', 'Private Name', 'Private words', secret]) {
      expect(history).not.toContain(hidden);
      expect(logs).not.toContain(hidden);
    }
    // Six digits can stand in a timestamp by chance: the code counts only where it stands alone.
    for (const digits of [code, wrong]) {
      expect(history).not.toMatch(new RegExp(`"${digits}"`));
      expect(logs).not.toMatch(new RegExp(`"${digits}"`));
    }
  });
});

import { paidTurnId } from '../../workflows/messages/paid-turn';
import { turnId } from '../../workflows/messages/turn';
import { call } from '../support/agents';
import { signInUser, startEcho } from '../support/gateway';
import {
  createPayer,
  decode,
  fund,
  offerPaidChat,
  payWith,
  PRICE,
  sayPaid,
  signPayment,
  termsOf,
  type Payer,
  type Signing,
} from '../support/payers';
import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { use } from '../support/use';
import { waitFor } from '../support/wait';

describe('paid chat', () => {
  const { stack, database, client, url } = useStack({ apis: 2, env: { X402_FACILITATOR: 'local' } });
  const echo = use(
    () => startEcho(database, url()),
    (agent) => agent.disconnect(),
  );
  const offered = use(() => offerPaidChat(stack, echo));

  /** A payer with a dollar. */
  async function richPayer(): Promise<Payer> {
    const payer = createPayer();
    await fund(url(), payer);
    return payer;
  }
  const balanceOf = async (address: string): Promise<bigint> => {
    const _id = [PRICE.network, PRICE.asset, address].join('|').toLowerCase();
    return BigInt((await database.facilitatorBalances.findOne({ _id }))?.amount ?? '0');
  };
  async function paymentBy(payer: Payer, version: 1 | 2, signing: Partial<Signing> = {}) {
    return signPayment(payer, version, { terms: (await termsOf(url(), echo))[version], ...signing });
  }
  const heard = (text: string): number => echo.received.filter(({ content }) => content.text === text).length;

  describe.each([1, 2] as const)('version %i', (version) => {
    const header = version === 1 ? 'x-payment-response' : 'payment-response';
    const network = version === 1 ? 'base-sepolia' : PRICE.network;

    test(`gateway#10: the published client of version ${version} pays once and gets its answer`, async () => {
      const payer = await richPayer();
      const before = await balanceOf(offered.payTo);
      const message = `Good morning over version ${version}`;
      const { status, body, headers } = await payWith(payer, version, url(), echo, { message });
      expect([status, body]).toEqual([
        200,
        {
          response: `You said: ${message}`,
          execution_id: headers.get('x-execution-id'),
          session_id: headers.get('x-session-id'),
          status: 'success',
          payment: {
            settled: true,
            transaction: expect.stringMatching(/^0x[0-9a-f]{64}$/),
            network,
            payer: payer.address,
            amount: PRICE.amount,
          },
        },
      ]);
      const { transaction } = body.payment;
      expect(decode(headers.get(header))).toEqual({
        success: true,
        transaction,
        network,
        payer: payer.address,
        amount: PRICE.amount,
      });
      expect([await balanceOf(payer.address), (await balanceOf(offered.payTo)) - before]).toEqual([990_000n, 10_000n]);
      expect(await client.workflow.getHandle(paidTurnId(body.execution_id)).result()).toEqual({ state: 'settled' });
      const path = `/api/agents/${echo.handle}`;
      const log = await offered.owner.call('GET', `${path}/payments/log`);
      expect(log.body[0]).toMatchObject({ status: 'settled', settled: true, transaction, payer: payer.address });
      const seen = await offered.owner.call('GET', `${path}/executions/${body.execution_id}`);
      expect(seen.body).toMatchObject({ triggered_by: 'paid', response: body.response, payment: log.body[0] });
      const session = await offered.owner.call('GET', `${path}/chat/sessions/${body.session_id}`);
      expect(session.body.session).toMatchObject({ kind: 'paid', user_email: null, message_count: 2 });
      expect(echo.received.at(-1)?.metadata).toMatchObject({
        gateway: { channel: 'paid', user: { kind: 'payer', is_owner: false, verified_email: null } },
      });
    });

    test(`gateway#10: what is wrong with a payment of version ${version} is answered 402, and nothing happens`, async () => {
      const payer = await richPayer();
      const soon = Math.floor(Date.now() / 1_000);
      const stranger = createPayer().account.address;
      const wrong: [string, Partial<Signing>][] = [
        ['invalid_exact_evm_payload_authorization_value_mismatch', { signed: { value: '9999' } }],
        ['invalid_exact_evm_payload_recipient_mismatch', { signed: { to: stranger } }],
        ['invalid_exact_evm_payload_authorization_valid_before', { signed: { validBefore: String(soon + 60) } }],
        ['invalid_exact_evm_payload_authorization_valid_after', { signed: { validAfter: String(soon + 60) } }],
        ['invalid_exact_evm_payload_signature', { shown: { from: stranger } }],
        ['invalid_exact_evm_payload_signature', { shown: { nonce: `0x${'0f'.repeat(32)}` } }],
        ['invalid_network', { network: version === 1 ? 'base' : 'eip155:8453' }],
      ];
      if (version === 2) wrong.push(['invalid_payment_requirements', { accepted: { amount: '1' } }]);
      for (const [reason, signing] of wrong) {
        const { status, body, headers } = await sayPaid(url(), echo, 'cheap', await paymentBy(payer, version, signing));
        expect([status, body.code, body.error]).toEqual([402, 'PAYMENT_REQUIRED', reason]);
        expect(decode(headers.get('payment-required'))).toEqual(body.payment_required);
      }
      const poor = await sayPaid(url(), echo, 'cheap', await paymentBy(createPayer(), version));
      expect([poor.status, poor.body.error]).toEqual([402, 'insufficient_funds']);
      expect([heard('cheap'), await balanceOf(payer.address)]).toEqual([0, 1_000_000n]);
      expect(await database.payments.countDocuments({ payer: payer.address })).toBe(0);
    });

    test(`gateway#10: the same payment of version ${version} gets the same answer, from any process`, async () => {
      const payer = await richPayer();
      const payment = await paymentBy(payer, version);
      const message = `once by ${version}`;
      const first = await sayPaid(url(), echo, message, payment);
      const again = await sayPaid(url(1), echo, message, payment);
      expect([first.status, again.status, again.body]).toEqual([200, 200, first.body]);
      expect(again.headers.get(header)).toBe(first.headers.get(header));
      const replays = [first, again].map(({ headers }) => headers.get('x-idempotent-replay'));
      expect(replays).toEqual([null, 'true']);
      const other = await sayPaid(url(), echo, 'something else', payment);
      expect([other.status, other.body.code]).toEqual([409, 'PAYMENT_INVALID']);
      expect([heard(message), heard('something else'), await balanceOf(payer.address)]).toEqual([1, 0, 990_000n]);
    });
  });

  test('gateway#10: a request without a payment is told what to pay in both versions at once', async () => {
    const { status, body, headers } = await sayPaid(url(), echo, 'What do you cost?');
    const url_ = expect.stringMatching(`/api/paid/${echo.handle}/chat$`) as string;
    expect([status, body]).toMatchObject([
      402,
      {
        x402Version: 1,
        error: 'X-PAYMENT header is required',
        accepts: [{ scheme: 'exact', network: 'base-sepolia', maxAmountRequired: '10000', maxTimeoutSeconds: 180 }],
        payment_required: {
          x402Version: 2,
          resource: { url: url_ },
          accepts: [{ scheme: 'exact', network: PRICE.network, amount: '10000', payTo: offered.payTo }],
        },
        code: 'PAYMENT_REQUIRED',
        detail: body.message,
      },
    ]);
    expect(decode(headers.get('payment-required'))).toEqual(body.payment_required);
    const info = await call(url(), 'GET', `/api/paid/${echo.handle}/info`);
    expect(info.body).toEqual({
      agent_name: echo.handle,
      enabled: true,
      price: PRICE,
      timeout_seconds: 120,
      payment_required: body.payment_required,
      payment_required_v1: { x402Version: 1, error: body.error, accepts: body.accepts },
    });
  });

  test('gateway#10: a header that is none is 400, whatever else it is', async () => {
    for (const header of ['x-payment', 'payment-signature']) {
      for (const value of ['nonsense!', Buffer.from('{"x402Version":1}').toString('base64')]) {
        const { status, body } = await sayPaid(url(), echo, 'Hello', { [header]: value });
        expect([status, body.code]).toEqual([400, 'PAYMENT_INVALID']);
      }
    }
    for (const [body, expected] of [
      [{ message: ' ' }, 400],
      [{}, 400],
      [{ message: 'x'.repeat(8_193) }, 413],
    ] as const) {
      expect((await sayPaid(url(), echo, body)).status).toBe(expected);
    }
  });

  test('gateway#10: of one payment sent many times at once one turn comes, and one charge', async () => {
    const payer = await richPayer();
    const payment = await paymentBy(payer, 2);
    const sent = Array.from({ length: 8 }, (_, index) => sayPaid(url(index % 2), echo, 'all at once', payment));
    const answers = await Promise.all(sent);
    const others = answers.filter(({ status }) => status !== 200);
    expect(others.every(({ status, body }) => status === 409 && body.code === 'PAYMENT_IN_PROGRESS')).toBe(true);
    expect(answers.length - others.length).toBeGreaterThan(0);
    expect([heard('all at once'), await balanceOf(payer.address)]).toEqual([1, 990_000n]);
    expect((await sayPaid(url(), echo, 'all at once', payment)).body.response).toBe('You said: all at once');
  });

  test('gateway#10: a payment that has a name pays once, however often it is signed', async () => {
    const payer = await richPayer();
    const named = () =>
      paymentBy(payer, 2, { extensions: { 'payment-identifier': { info: { id: 'order-4711-of-today' } } } });
    const first = await sayPaid(url(), echo, 'by name', await named());
    const again = await sayPaid(url(1), echo, 'by name', await named());
    expect([first.status, again.status, again.body]).toEqual([200, 200, first.body]);
    expect((await sayPaid(url(), echo, 'by another name', await named())).body.code).toBe('PAYMENT_INVALID');
    expect([heard('by name'), await balanceOf(payer.address)]).toEqual([1, 990_000n]);
  });

  test('gateway#10: a payer goes on in its own session, and finds nobody else’s', async () => {
    const [payer, stranger] = [await richPayer(), await richPayer()];
    const first = await sayPaid(url(), echo, 'first', await paymentBy(payer, 2));
    const { session_id } = first.body;
    const foreign = await sayPaid(url(), echo, { message: 'mine?', session_id }, await paymentBy(stranger, 2));
    expect([foreign.status, foreign.body.code]).toEqual([404, 'SESSION_NOT_FOUND']);
    const second = await sayPaid(url(), echo, { message: 'second', session_id }, await paymentBy(payer, 1));
    expect([second.status, second.body.session_id]).toEqual([200, session_id]);
    const other = await sayPaid(url(), echo, 'third', await paymentBy(payer, 2));
    expect(other.body.session_id).not.toBe(session_id);
    expect([heard('mine?'), await balanceOf(stranger.address)]).toEqual([0, 1_000_000n]);
  });

  test('gateway#10: a turn that fails, is cancelled or runs out of time costs nothing', async () => {
    const agent = await SdkAgent.create(database, url());
    await agent.connect();
    const { owner } = await offerPaidChat(stack, agent, { timeout_seconds: 10 });
    const payer = await richPayer();
    const { 2: terms } = await termsOf(url(), agent);
    const payment = await signPayment(payer, 2, { terms, signed: { validBefore: String(2 ** 40) } });
    const ways: [number, string, string, (asked: (typeof agent.received)[number], id: string) => Promise<unknown>][] = [
      [
        502,
        'AGENT_ERROR',
        'agent_error',
        ({ sender }) =>
          agent.client.sendMessage({
            to: sender,
            content: { text: 'no' },
            metadata: { gateway: { error: { code: 'broken', message: 'I cannot' } } },
          }),
      ],
      [
        409,
        'TURN_CANCELLED',
        'cancelled',
        (_, id) => owner.call('POST', `/api/agents/${agent.handle}/executions/${id}/terminate`),
      ],
      [504, 'TURN_TIMEOUT', 'timeout', () => Promise.resolve()],
    ];
    for (const [index, [status, code, reason, end]] of ways.entries()) {
      // The same payment each time: nothing was paid with it.
      const waiting = sayPaid(url(), agent, 'Will you?', payment);
      const asked = await waitFor(() => agent.received[index]);
      const { _id: id } = await waitFor(() =>
        database.gatewayExecutions.findOne({ agentId: agent.id, status: 'running' }),
      );
      await end(asked, id);
      const { body, ...answer } = await waiting;
      expect([answer.status, body.code, body.payment]).toEqual([status, code, { settled: false, reason }]);
      expect(body.response).toBeUndefined();
      const flow = client.workflow.getHandle(paidTurnId(id));
      expect(await waitFor(() => flow.result())).toEqual({ state: 'released' });
    }
    expect(await balanceOf(payer.address)).toBe(1_000_000n);
    const log = await owner.call('GET', `/api/agents/${agent.handle}/payments/log`);
    expect(log.body.map(({ status }: { status: string }) => status)).toEqual(['released', 'released', 'released']);
    agent.disconnect();
  });

  test('gateway.md §6.3: agents that nobody can pay are as unknown as those that never were', async () => {
    const { owner } = offered;
    const agent = await SdkAgent.create(database, url());
    for (const path of ['chat', 'info']) {
      const method = path === 'chat' ? 'POST' : 'GET';
      const body = path === 'chat' ? { message: 'Hello' } : undefined;
      const answers = await Promise.all(
        [agent.handle, 'nobody-is-here', agent.id].map((name) =>
          call(url(), method, `/api/paid/${name}/${path}`, { body }),
        ),
      );
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      expect(answers[0]?.body.code).toBe('AGENT_NOT_FOUND');
    }
    const paths = [`/api/agents/${agent.handle}/payments`, `/api/agents/${agent.handle}/payments/log`];
    for (const path of paths) expect((await owner.call('GET', path)).body.code).toBe('AGENT_NOT_FOUND');
  });

  test('gateway.md §6.3: an owner switches payments off and on again, and nobody else does', async () => {
    const agent = await startEcho(database, url());
    const { owner, payTo } = await offerPaidChat(stack, agent);
    const path = `/api/agents/${agent.handle}/payments`;
    const settings = { enabled: true, price: PRICE, pay_to: payTo, description: null, timeout_seconds: 120 };
    expect((await owner.call('GET', path)).body).toEqual(settings);
    const off = await owner.call('PUT', path, { body: { enabled: false } });
    expect(off.body).toEqual({ ...settings, enabled: false });
    expect((await sayPaid(url(), agent, 'Hello')).status).toBe(404);
    for (const wrong of [{ pay_to: 'me' }, { price: { ...PRICE, amount: '0.01' } }, { timeout_seconds: 9 }]) {
      const body = { enabled: true, price: PRICE, pay_to: payTo, ...wrong };
      expect((await owner.call('PUT', path, { body })).body.code).toBe('VALIDATION_ERROR');
    }
    const key = await owner.call('POST', '/api/keys', { body: { name: 'app' } });
    const withKey = await call(url(), 'PUT', path, { key: key.body.key, body: { enabled: false } });
    expect([withKey.status, withKey.body.code]).toEqual([403, 'FORBIDDEN']);
    const stranger = await signInUser(stack);
    expect((await stranger.call('PUT', path, { body: { enabled: false } })).body.code).toBe('AGENT_NOT_FOUND');
    await owner.call('PUT', path, { body: { ...settings, enabled: true } });
    // The offer was its owner's: it ends with the claim.
    await owner.owner.call('DELETE', `/dashboard/agents/${agent.handle}`);
    expect((await sayPaid(url(), agent, 'Hello')).status).toBe(404);
    agent.disconnect();
  });

  test('gateway.md §6.3: pages of any origin may pay, and read what became of it', async () => {
    const preflight = await fetch(`${url()}/api/paid/${echo.handle}/chat`, {
      method: 'OPTIONS',
      headers: { origin: 'https://shop.example', 'access-control-request-method': 'POST' },
    });
    const allowed = preflight.headers.get('access-control-allow-headers')?.split(', ');
    expect(allowed).toEqual(
      expect.arrayContaining(['PAYMENT-SIGNATURE', 'X-PAYMENT', 'Access-Control-Expose-Headers']),
    );
    const { headers } = await sayPaid(url(), echo, 'Hello', { origin: 'https://shop.example' });
    expect([headers.get('access-control-allow-origin'), headers.get('access-control-allow-credentials')]).toEqual([
      '*',
      null,
    ]);
    const exposed = headers.get('access-control-expose-headers')?.split(', ');
    const named = ['PAYMENT-REQUIRED', 'PAYMENT-RESPONSE', 'X-PAYMENT-RESPONSE', 'X-Execution-Id'];
    expect(exposed).toEqual(expect.arrayContaining(named));
  });

  test('gateway#10: what moves the money and what was said stand in no history, and the former in no row', async () => {
    const payer = await richPayer();
    const payment = await paymentBy(payer, 2);
    const { authorization, signature } = decode(payment['payment-signature'] ?? '').payload;
    const waiting = sayPaid(url(), echo, 'a secret of the payer', payment);
    const row = await waitFor(() => database.payments.findOne({ payer: payer.address }));
    expect(JSON.stringify(row)).not.toContain(signature.slice(2));
    const { body } = await waiting;
    const settled = await database.payments.findOne({ payer: payer.address });
    expect([settled?.status, settled?.sealed]).toEqual(['settled', undefined]);
    for (const id of [paidTurnId(body.execution_id), turnId(body.execution_id)]) {
      const { events } = await client.workflow.getHandle(id).fetchHistory();
      const history = JSON.stringify(events, (_, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value,
      );
      for (const secret of [
        signature.slice(2),
        authorization.nonce.slice(2),
        payer.address.slice(2),
        'a secret of the payer',
      ]) {
        expect([id, history.toLowerCase().includes(secret.toLowerCase())]).toEqual([id, false]);
      }
    }
  });
});

describe('paid chat of servers that take no payments', () => {
  const { stack, database, url } = useStack({ workers: 0 });

  test('gateway.md §6.3: nobody can ask for money, and the facilitator is not there', async () => {
    const agent = await SdkAgent.create(database, url());
    await expect(offerPaidChat(stack, agent)).rejects.toThrow(/PAYMENTS_NOT_CONFIGURED/);
    expect((await sayPaid(url(), agent, 'Hello')).body.code).toBe('AGENT_NOT_FOUND');
    expect((await call(url(), 'GET', '/x402/facilitator/supported')).status).toBe(404);
  });
});

describe('the window of unpaid requests', () => {
  const { stack, database, url } = useStack({ workers: 0, env: { X402_FACILITATOR: 'local', RATE_LIMITS: 'on' } });

  test('gateway.md §13: an address is asked for money thirty times a minute, then told to wait', async () => {
    const agent = await SdkAgent.create(database, url());
    await offerPaidChat(stack, agent);
    const statuses: number[] = [];
    // Over the end of a minute the window begins anew: two of them are enough to see one full.
    for (let count = 0; count < 62 && !statuses.includes(429); count += 1) {
      statuses.push((await sayPaid(url(), agent, 'Again')).status);
    }
    expect([statuses.at(-1), statuses.length > 30, new Set(statuses)]).toEqual([429, true, new Set([402, 429])]);
  });
});

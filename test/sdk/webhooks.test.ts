import { SdkAgent } from '../support/sdk';
import { useStack } from '../support/use-stack';
import { LOCAL_RECEIVERS } from '../support/receiver';

describe('webhooks through the published TypeScript SDK', () => {
  const { database, url } = useStack({ workers: 0, env: LOCAL_RECEIVERS });

  test('webhooks#1: create, list, get and delete answer as the SDK declares them', async () => {
    const ada = await SdkAgent.create(database, url());
    const bob = await SdkAgent.create(database, url());
    const events = ['message.new', 'presence.update'] as const;
    const wanted = { url: 'http://localhost:9000/hooks?of=ada', events: [...events] };
    const created = await ada.client.createWebhook(wanted);
    expect(created).toMatchObject({ ...wanted, active: true, secret: expect.stringMatching(/^[0-9a-f]{64}$/) });
    // The SDK's readme passes a secret, its types know none.
    const secret = 'a secret of the receiver itself';
    expect(await ada.client.createWebhook({ ...wanted, ...{ secret } })).toMatchObject({ secret });
    const { id, created_at } = created;
    const shown = { id, ...wanted, active: true, created_at };
    // What the server shows besides, clients of this version pass over.
    const full = await ada.client.getWebhook(id);
    expect(full).toMatchObject(shown);
    const { webhooks } = await ada.client.listWebhooks();
    expect([webhooks.length, webhooks[0]]).toEqual([2, full]);
    await expect(bob.client.getWebhook(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await ada.client.deleteWebhook(id);
    await expect(ada.client.deleteWebhook(id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await ada.client.listWebhooks()).webhooks).toHaveLength(1);
    await expect(ada.client.createWebhook({ ...wanted, url: 'ftp://localhost' })).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
      details: { fieldErrors: { url: [expect.any(String)] } },
    });
  });
});

import { createTransport } from 'nodemailer';
import { waitFor } from '../support/wait';
import { useStack } from '../support/use-stack';

describe('a stack of a test', () => {
  const { stack } = useStack({ apis: 2 });

  test('several api processes answer on ports of their own', async () => {
    expect(new Set(stack.baseUrls).size).toBe(2);
    for (const url of stack.baseUrls) expect((await fetch(`${url}/v1/health`)).status).toBe(200);
  });

  test('a killed process is gone, and another can take its place', async () => {
    const [first] = stack.apis;
    if (first === undefined) throw new Error('no api');
    await stack.kill(first);
    expect(first.isRunning()).toBe(false);
    await expect(fetch(first.baseUrl)).rejects.toThrow();
    const next = await stack.startApi();
    expect((await fetch(`${next.baseUrl}/v1/health`)).status).toBe(200);
  });

  test('the mailbox shows what was mailed, newest first, and refuses on request', async () => {
    const transport = createTransport(stack.mailbox.smtpUrl);
    const send = (subject: string) =>
      transport.sendMail({ from: 'a@example.org', to: 'Box@example.org', subject, text: 'Code 123456' });
    await send('one');
    await send('two');
    const [newest] = await waitFor(() => {
      const mails = stack.mailbox.messages('box@example.org');
      return mails.length === 2 ? mails : undefined;
    });
    expect(newest).toMatchObject({ to: 'box@example.org', subject: 'two', text: expect.stringContaining('123456') });
    stack.mailbox.refuse(true);
    await expect(send('three')).rejects.toMatchObject({ responseCode: 451 });
    stack.mailbox.refuse(false);
    await send('four');
    transport.close();
  });

  test('a start that fails says what the process printed', async () => {
    await expect(stack.startApi({ RATE_LIMITS: 'perhaps' })).rejects.toThrow(/RATE_LIMITS/);
  });
});

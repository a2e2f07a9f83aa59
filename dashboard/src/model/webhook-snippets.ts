/** The header that every request to an endpoint is signed in (docs/contract/webhooks.md §4). */
export const SIGNATURE_HEADER = 'Agentchat-Signature';

export const SNIPPETS = [
  { language: 'typescript', text: 'TypeScript' },
  { language: 'python', text: 'Python' },
] as const;

export type Language = (typeof SNIPPETS)[number]['language'];

/** How the receiver of an endpoint verifies what comes, with the published client of a language. */
export function snippetOf(language: Language, url: string): string {
  const path = JSON.stringify(pathOf(url));
  return language === 'typescript' ? typescript(path) : python(path);
}

function pathOf(url: string): string {
  try {
    return new URL(url).pathname;
  } catch {
    return '/';
  }
}

const typescript = (path: string): string => `import express from 'express'
import { verifyWebhook } from 'agentchatme'

const app = express()

// The raw bytes: a JSON parser in front would change them.
app.post(${path}, express.raw({ type: '*/*' }), async (request, response) => {
  try {
    const event = await verifyWebhook({
      payload: request.body,
      signature: request.header('${SIGNATURE_HEADER}'),
      secret: process.env.AGENTCHAT_WEBHOOK_SECRET ?? '',
    })
    response.status(200).end() // within 10 seconds; work afterwards
    console.log(event.event, event.data)
  } catch {
    response.status(400).end()
  }
})`;

const python = (path: string): string => `import os

from agentchatme import VerifyWebhookOptions, WebhookVerificationError, verify_webhook
from flask import Flask, request

app = Flask(__name__)


@app.post(${path})
def receive():
    try:
        # The raw bytes: a JSON parser in front would change them.
        event = verify_webhook(
            VerifyWebhookOptions(
                payload=request.get_data(),
                signature=request.headers.get("${SIGNATURE_HEADER}"),
                secret=os.environ["AGENTCHAT_WEBHOOK_SECRET"],
            )
        )
    except WebhookVerificationError:
        return "", 400
    print(event)  # answer within 10 seconds; work afterwards
    return "", 200`;

import { HANDLE_LENGTH_MAX, HANDLE_LENGTH_MIN } from './limits';

/** conventions.md §7: starts with a letter; lowercase letters, digits, single inner hyphens. */
const HANDLE_PATTERN = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;

/** True when `handle` could be some agent's handle, taken literally. */
export function isHandle(handle: string): boolean {
  return handle.length >= HANDLE_LENGTH_MIN && handle.length <= HANDLE_LENGTH_MAX && HANDLE_PATTERN.test(handle);
}

/** A handle as a caller may type it (`@Alice`) in its stored form; one leading `@` is dropped, not two. */
export function normaliseHandle(typed: string): string {
  return (typed.startsWith('@') ? typed.slice(1) : typed).toLowerCase();
}

/** Handles that begin so are those of the gateway's guests, and of nobody else (gateway.md §1.1). */
export const GUEST_PREFIX = 'guest-';

/** True for the handle of a guest, taken literally. */
export function isGuestHandle(handle: string): boolean {
  return handle.startsWith(GUEST_PREFIX);
}

/** True when nobody may register `handle` although it is well-formed. */
export function isReservedHandle(handle: string): boolean {
  return RESERVED.has(handle) || isGuestHandle(handle);
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

/** conventions.md §7, in its order: path segments, trust words, our own names, literals, often impersonated names. */
const RESERVED = new Set([
  ...words(`api apis app apps web www dashboard console panel register login logout signin signup auth oauth sso otp
    verify recover recovery reset refresh rotate-key agent agents message messages conversation conversations contact
    contacts group groups presence mute mutes webhook webhooks directory search upload uploads download attachment
    attachments avatar avatars metric metrics openapi docs health ping ready sync ack invite invites member members
    participant participants promote demote leave pause unpause claim release bootstrap ticket read hide block report
    batch reply active internal settings config account profile user users owner owners self you inbox events activity
    static assets cdn media public files billing payments`),
  ...words(`admin administrator root sudo superuser mod moderator system support help helpdesk official verified staff
    team operator ops security abuse postmaster webmaster hostmaster noreply no-reply info legal privacy terms about
    press status trust bot robot`),
  ...words('agentchat agentchatme agent-chat chatfather'),
  ...words(`null undefined none nil void true false nan default unknown anonymous guest everyone all nobody error test
    testing debug dev prod staging`),
  ...words(`openai chatgpt gpt anthropic claude google gemini deepmind bard meta llama mistral cohere xai grok deepseek
    qwen alibaba baidu ernie huggingface perplexity microsoft copilot bing azure aws amazon bedrock nvidia apple siri
    alexa ibm watson oracle salesforce slack discord telegram whatsapp signal wechat messenger teams zoom github gitlab
    stripe paypal visa mastercard cloudflare vercel netlify openclaw hermes temporal mongodb`),
]);

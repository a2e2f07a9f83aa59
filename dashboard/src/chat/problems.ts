import type { Refusal } from './link-client';

const TEXTS: Partial<Record<string, string>> = {
  OFFLINE: 'There is no connection. Your message is still here: send it again when you are back.',
  CONTENT_TOO_LARGE: 'This message is too long. Please shorten it.',
  AGENT_UNAVAILABLE: 'The agent is taking a break. Please try again later.',
  AGENT_SUSPENDED: 'The agent cannot be reached at the moment.',
  AGENT_NOT_FOUND: 'The agent is not there any more.',
  AGENT_ERROR: 'The agent could not answer this. Please try again.',
  BLOCKED: 'The agent has ended this conversation.',
  TURN_CANCELLED: 'You stopped this answer.',
  TURN_QUEUE_FULL: 'Several messages are waiting for an answer already. Please wait for one of them.',
  TURN_TIMEOUT: 'The agent has not answered in time. Please try again.',
  RECIPIENT_BACKLOGGED: 'The agent has too much to do at the moment. Please try again later.',
  UNAUTHORIZED: 'Please confirm your mail address again.',
  INVALID_CODE: 'This code is not correct.',
  OTP_ATTEMPTS_EXHAUSTED: 'Too many tries. Please ask for a new code.',
  OTP_FAILED: 'The code could not be mailed. Please try again.',
};
const UNKNOWN = 'Something went wrong. Please try again.';

/** A refusal in words for whoever reads the page. */
export function wordsFor({ code, retryAfterSeconds }: Pick<Refusal, 'code' | 'retryAfterSeconds'>): string {
  if (code === 'RATE_LIMITED') return `That was a lot at once. Please try again ${inWords(retryAfterSeconds)}.`;
  if (code === 'OTP_COOLDOWN' || code === 'OTP_HOURLY_CAP') {
    return `A code was sent a moment ago. You can ask for another one ${inWords(retryAfterSeconds)}.`;
  }
  return TEXTS[code] ?? UNKNOWN;
}

function inWords(seconds: number | null): string {
  if (seconds === null) return 'in a moment';
  if (seconds < 90) return `in ${seconds} second${seconds === 1 ? '' : 's'}`;
  return `in ${Math.ceil(seconds / 60)} minutes`;
}

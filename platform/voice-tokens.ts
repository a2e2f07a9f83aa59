import { createHash, randomBytes } from 'node:crypto';

/** A fresh token of a caller's voice socket (gateway.md §7). Shown once, never stored. */
export const newVoiceToken = (): string => randomBytes(32).toString('base64url');

/** What is stored of it: SHA-256 as 64 lowercase hex. */
export const hashVoiceToken = (token: string): string => createHash('sha256').update(token).digest('hex');

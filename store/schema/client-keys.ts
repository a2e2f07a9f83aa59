import { createHash } from 'node:crypto';
import { Binary } from 'mongodb';

/**
 * What makes (sender, client_msg_id) unique: a hash over the sender and the id's UTF-16 units, so that ids which BSON
 * strings cannot tell apart (lone surrogates) stay different.
 */
export function clientKey(senderId: string, clientMsgId: string): Binary {
  const hash = createHash('sha256').update(senderId).update('\0').update(Buffer.from(clientMsgId, 'utf16le'));
  return new Binary(hash.digest().subarray(0, 16));
}

import type { OwnerNote } from '../../platform/bus';
import type { Message } from '../schema/collections/messages';
import type { SendPlan } from './plan';
import type { BatchState } from './send-state';

/** Somebody's agent, if it is: what the guard documents of a commit say of it. */
type Watchable = { ownerId?: string | null } | null;

/**
 * Notes for the dashboard of the sender's owner. Known for free: the guards that tell it are written by the same commit,
 * so a release or claim is before it, or it decides anew.
 */
export function noteSent(plan: SendPlan, message: Message, state: BatchState): void {
  const { senderId } = message;
  // Of who acts in a group only the inbox is at hand, of who writes a direct message only the sender.
  note(plan, state.guards.sender(senderId) ?? state.guards.inboxIn(senderId), {
    message,
    agentId: senderId,
    position: null,
  });
}

/** The same for the owner of a recipient, whose envelope is at `position`. */
export function noteReceived(
  plan: SendPlan,
  inbox: Watchable,
  received: { message: Message; agentId: string; position: number },
): void {
  note(plan, inbox, received);
}

function note(
  plan: SendPlan,
  watchable: Watchable,
  { message, agentId, position }: { message: Message; agentId: string; position: number | null },
): void {
  const ownerId = watchable?.ownerId ?? null;
  if (ownerId !== null) plan.ownerNotes.push({ kind: 'message', ownerId, agentId, messageId: message._id, position });
}

/** A hint for the owner of an agent whose lists the commit changes without a message to it. */
export function watchChanged(
  plan: SendPlan,
  watchable: Watchable,
  change: Omit<Extract<OwnerNote, { kind: 'owner' }>, 'kind' | 'ownerId'>,
): void {
  const ownerId = watchable?.ownerId ?? null;
  if (ownerId !== null) plan.ownerNotes.push({ kind: 'owner', ownerId, ...change });
}

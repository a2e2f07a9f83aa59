import type { TurnSlots } from './wire';

/** docs/contract/gateway.md §9.2. */
export const TURN_SLOTS_MAX = 64;

/** What was typed as a number of turns, or null. */
export function turnSlotsOf(text: string): number | null {
  const count = /^\d{1,3}$/.test(text.trim()) ? Number(text) : 0;
  return count >= 1 && count <= TURN_SLOTS_MAX ? count : null;
}

/** What the agent is busy with: `3 running, 2 chats and 1 task waiting` */
export function busyText({ running, waiting: { chats, tasks } }: TurnSlots): string {
  if (running === 0 && chats + tasks === 0) return 'None is running now.';
  const parts = [
    ...(chats === 0 ? [] : [chats === 1 ? '1 chat' : `${chats} chats`]),
    ...(tasks === 0 ? [] : [tasks === 1 ? '1 task' : `${tasks} tasks`]),
  ];
  return parts.length === 0 ? `${running} running now.` : `${running} running now, ${parts.join(' and ')} waiting.`;
}

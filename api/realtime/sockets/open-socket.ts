import type { Registered } from '../../../store/nodes/connections';
import type { Agent } from '../../../store/schema/collections/agents';
import type { LiveSocket } from '../presence/presence';
import type { Pump } from '../pumps/pump';

/** What a live socket keeps of its agent's row. */
export type SocketAgent = Pick<Agent, '_id' | 'handle' | 'keyVersion' | 'inboxSalt'>;

/** An agent's socket, as whoever has many of them sees it. */
export interface OpenSocket {
  /** Null until it is live. */
  readonly agent: SocketAgent | null;
  readonly pump: Pump | null;
  /** Its client has said that it knows the chat gateway. */
  readonly knowsGateway: boolean;
  /** This socket as the registry knows it; null when it has no place there. */
  registered(): Registered | null;
  /** This socket as proof of life of its agent, if something came from the peer since `sinceMs`. */
  liveSocket(sinceMs: number): LiveSocket | null;
  /** Called every few seconds: pings every `pingMs`, closes who did not answer for as long. */
  beat(nowMs: number, pingMs: number): void;
  close(code: number, reason: string): void;
  /** Gives up its place; resolves when that is written down. */
  leave(): Promise<void>;
}

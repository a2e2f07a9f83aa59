/** From where texts are sent: a client that has signed in. */
export interface Sender {
  /** Resolves when the server has accepted the text. */
  send(text: string): Promise<void>;
  close(): void;
}

/** A client that is connected and acknowledges what it gets. */
export interface Listener {
  close(): void;
}

/** Called with each text that arrives. */
export type OnText = (text: string) => void;

/** One of the servers under comparison, with its conversations and its group. */
export interface Side {
  readonly name: string;
  /** What it has promised when it has accepted a text. */
  readonly promise: string;
  /** The first processes of its trees. A send's processor time is that of `path`; `beside` belongs to the server too. */
  readonly processes: { path: number[]; beside: number[] };
  readonly versions: Readonly<Record<string, string>>;
  /** Connects the one who is written to in that conversation. */
  openRecipient(conversation: number, onText: OnText): Promise<Listener>;
  openSender(conversation: number): Promise<Sender>;
  /** Connects a member of the group; texts that it sends go to the group. */
  openMember(member: number, onText: OnText): Promise<Sender>;
  /** Whether a member's own texts come back to it. */
  readonly hasEcho: boolean;
  /** Empties what a run left for members who are away, and writes out what its database has not written yet. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

/** How many of everything there are on each side. */
export interface Sizes {
  conversations: number;
  groupMembers: number;
  connectedMembers: number;
}

/** The numbers of voice, as contract/limits.ts has those of everything else. Import-free, so that rules can use it. */

/** gateway.md §7, §10: for how long people talk, and how long an agent may take to come. */
export const VOICE_SECONDS = { default: 300, min: 30, max: 1_800 } as const;
export const VOICE_CONNECT_MS = 30_000;
/** gateway.md §7: how long the token of a caller's socket is good for, and an agent's socket may take to say hello. */
export const VOICE_TOKEN_MS = 60_000;
export const VOICE_HELLO_MS = 10_000;
/** gateway.md §7: how long a side that has lost its socket may take to come back. */
export const VOICE_RECONNECT_MS = 15_000;
/** gateway.md §7: how long nobody may say anything, and how long before its end a talk says so. */
export const VOICE_IDLE_MS = 120_000;
export const VOICE_ENDING_MS = 30_000;
/** gateway.md §7: bytes of audio in a frame, and of a frame of text. */
export const VOICE_AUDIO_BYTES_MAX = 65_536;
export const VOICE_TEXT_FRAME_BYTES_MAX = 98_304;
/** gateway.md §7: what one side may send, sustained; twice as much at once. */
export const VOICE_FRAMES_PER_SECOND = 100;
export const VOICE_BYTES_PER_SECOND = 262_144;
/** gateway.md §7: what waits for a side that does not read: audio by time and bytes, and all that its socket buffers. */
export const VOICE_QUEUE = { msMax: 2_000, bytesMax: 524_288 } as const;
export const VOICE_BUFFER_BYTES_MAX = 1_048_576;
/** gateway.md §7: how often sockets are pinged, and how long an answer may take. */
export const VOICE_PING_MS = 30_000;
export const VOICE_PONG_MS = 10_000;
/** gateway.md §7: how long a repeated stop has the same answer. */
export const VOICE_KEEP_MS = 3_600_000;
/** UTF-8 bytes of a line of a transcript in one message: however it is escaped, it fits. */
export const VOICE_LINE_BYTES_MAX = 4_096;
/** Lines that the answer of a stop shows, the last ones. */
export const VOICE_LINES_SHOWN_MAX = 5_000;
/** Names of voices, codecs in a list, and why an agent does not want to talk. */
export const VOICE_NAME_LENGTH_MAX = 100;
export const VOICE_CODECS_MAX = 16;
export const VOICE_REASON_LENGTH_MAX = 200;

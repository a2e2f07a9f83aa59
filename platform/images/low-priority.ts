import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** The lowest: pictures give way to everything else, and get a sixtieth of a usual process's share under full load. */
const NICENESS = 19;

// Imported before anything else: Linux gives a priority to a thread, and later threads inherit it from their maker.
setPriority(NICENESS);
try {
  // Where Linux groups processes by session, a priority counts within the group only: the group gets it, too. This
  // process leads a session of its own. Not there on other systems, and on Linux only where grouping is on.
  writeFileSync('/proc/self/autogroup', String(NICENESS));
} catch {
  // The priority of the threads is all there is then.
}

import type { BlobStore } from '../../../platform/blobs/blob-store';
import type { Config } from '../../../platform/config';
import type { AgentReader } from '../../../store/agents/agents';
import type { Database } from '../../../store/schema/database';
import type { Commands } from '../../commands/commands';
import type { RateLimiter } from '../../http/rate-limiter';
import type { AnswerFiles } from '../../turns/answer-files';
import type { TurnReads } from '../../turns/read-turns';
import type { Turns } from '../../turns/turns';

/** What the routes of the chat gateway need. */
export interface GatewayDeps {
  database: Database;
  agents: AgentReader;
  commands: Commands;
  limiter: RateLimiter;
  turns: Turns;
  reads: TurnReads;
  filesOf: AnswerFiles;
  blobs: BlobStore;
  config: Config;
}

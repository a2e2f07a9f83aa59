import { createAccessTokens } from '../../platform/access-tokens';
import type { Config } from '../../platform/config';
import { ownSocketUrl } from '../../platform/own-url';
import { createUrlSigner } from '../../platform/signed-urls';
import { findPrincipal } from '../gates/require-principal';
import type { AgentSocket } from '../realtime/wire/socket';
import { openVoiceDoor, type DoorsDeps, type VoiceTarget } from './doors';
import { readOrder } from './relay';

/** What the server of sockets knows of talks. */
export interface VoiceEntrance {
  /** What another process asks of this one as the home of a talk; null: it is none of its. */
  readOrder(path: string, query: string): VoiceTarget | null;
  /** @param hold counts a socket of a stranger; returns what lets go of it */
  letIn(socket: AgentSocket, target: VoiceTarget, hold: () => () => void): void;
  /** Where this process listens from now on. */
  listensOn(host: string, port: number): void;
}

export function createVoiceEntrance(
  deps: Omit<DoorsDeps, 'findPrincipal'> & { config: Config; nodeId: string },
): VoiceEntrance {
  const { config, nodeId, voices, database, clock } = deps;
  const accessTokens = createAccessTokens(config.SECRET_KEYS);
  const signer = createUrlSigner(config.SECRET_KEYS);
  const doors = { ...deps, findPrincipal: (token: string) => findPrincipal({ database, clock, accessTokens }, token) };
  return {
    readOrder: (path, query) => {
      const found = readOrder({ path, query }, { nodeId, signer, now: clock.now() });
      return found === null || !voices.isHome(found.voiceId) ? null : { kind: 'relay', ...found };
    },
    // One that is passed on was counted where it came in.
    letIn: (socket, target, hold) =>
      void openVoiceDoor(doors, socket, target, target.kind === 'relay' ? () => undefined : hold()),
    listensOn: (host, port) => voices.listensAt(config.NODE_URL ?? ownSocketUrl(host, port)),
  };
}

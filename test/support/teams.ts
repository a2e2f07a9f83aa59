import type { CallAnswer } from './agents';
import { startEcho, type GatewayUser } from './gateway';
import { SdkAgent } from './sdk';
import type { UsedStack } from './use-stack';

/** A team of a user, made of these agents in their order. */
export async function makeTeam(user: GatewayUser, agents: { handle: string }[], more: object = {}) {
  const agent_ids = agents.map(({ handle }) => handle);
  const { body } = await user.call('POST', '/teams', { body: { name: 'Crew', agent_ids, ...more } });
  const id = body.id as string;
  return {
    id,
    chat: (message: string, options: object = {}, node = 0): Promise<CallAnswer> =>
      user.call('POST', `/teams/${id}/chat`, { body: { message, ...options }, node }),
  };
}

/** Agents of the tests of the surrounding block. They hang up also when a test fails: open sockets keep a run alive. */
export function useCrew({ database, url }: Pick<UsedStack, 'database' | 'url'>) {
  const connected: SdkAgent[] = [];
  afterEach(() => connected.splice(0).forEach((agent) => agent.disconnect()));
  const keep = (agent: SdkAgent): SdkAgent => {
    connected.push(agent);
    return agent;
  };
  return {
    keep,
    /** One that answers whoever writes to it. */
    echo: async (textOf?: (text: string) => string, node = 0) => keep(await startEcho(database, url(node), textOf)),
    /** One that is there and says nothing. */
    silent: async (node = 0) => {
      const agent = keep(await SdkAgent.create(database, url(node)));
      await agent.connect();
      return agent;
    },
  };
}

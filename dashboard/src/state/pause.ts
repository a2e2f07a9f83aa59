import type { ApiError } from '../net/api';
import { useAction } from './action';
import type { ClaimedAgent, PauseMode } from '../model/wire';
import { useSession } from './session';

/** Changes an agent's pause; the list of agents shows it as soon as it is in force. */
export function usePause({ handle }: Pick<ClaimedAgent, 'handle'>): {
  isBusy: boolean;
  error: ApiError | null;
  choose: (mode: PauseMode) => void;
} {
  const { calls, setAgents } = useSession();
  const { isBusy, error, run } = useAction();
  const choose = (mode: PauseMode): void =>
    run(async () => {
      await calls.setPause(handle, mode);
      setAgents((agents) =>
        agents.map((agent) => (agent.handle === handle ? { ...agent, paused_by_owner: mode } : agent)),
      );
    });
  return { isBusy, error, choose };
}

import { teamTurnId } from '../../workflows/messages/team-turn';
import { turnId } from '../../workflows/messages/turn';
import { saveHistory } from '../support/histories';
import { useSkippedTime } from '../support/skipped-time';
import { useTeamRig, type RigTeamTurn } from '../support/team-rig';
import { waitFor } from '../support/wait';

/** Records what the flow of a team's turn does; run by `npm run histories`. */
describe('histories of turns of teams', () => {
  const time = useSkippedTime();
  const rig = useTeamRig(time);

  test('team-turn: summed up after two rounds, partial with a stand-in, all silent, waiting, cancelled', async () => {
    await time.withWorker(rig.activities, async () => {
      const save = (turn: RigTeamTurn, behaviour: string) =>
        saveHistory(time.server, teamTurnId(turn.id), `team-turn/${behaviour}`);
      const untilEnded = ({ flow }: RigTeamTurn) =>
        waitFor(async () => (await flow.describe()).status.name !== 'RUNNING', { describe: 'the end of the flow' });

      const untilPartsEnded = async (turn: RigTeamTurn) => {
        for (const { _id } of await rig.parts(turn)) await time.client.workflow.getHandle(turnId(_id)).result();
      };

      const first = await rig.ask('first', { rounds: 2, summarizer: 0 });
      const waiting = await rig.ask('second', { mode: 'parallel' });
      for (const count of [3, 6, 7]) {
        const parts = (await rig.untilAsked(first, count)).filter(({ status }) => status !== 'completed');
        for (const part of parts) await rig.answer(part, 'an answer');
      }
      await untilEnded(first);
      await save(first, 'summed-up');
      for (const part of await rig.untilAsked(waiting, 3)) await rig.answer(part, 'an answer');
      await untilEnded(waiting);
      await save(waiting, 'waited');

      const partial = await rig.ask('third', { mode: 'sequential', summarizer: 2, waitMs: 60_000 });
      await rig.answer((await rig.untilAsked(partial, 1))[0], 'the only answer');
      expect(await partial.flow.result()).toMatchObject({ status: 'completed' });
      await save(partial, 'partial');
      await untilPartsEnded(partial);

      const silent = await rig.ask('fourth', { waitMs: 50_000 });
      expect(await silent.flow.result()).toMatchObject({ status: 'failed' });
      await save(silent, 'silent');
      await untilPartsEnded(silent);

      const cancelled = await rig.ask('fifth');
      await rig.untilAsked(cancelled, 3);
      await cancelled.flow.cancel();
      await untilEnded(cancelled);
      await save(cancelled, 'cancelled');
    });
  });
});

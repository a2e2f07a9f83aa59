import fc from 'fast-check';
import { CODE_ATTEMPTS_MAX } from '../../contract/limits';
import { countTry, newCodeFlow, outcomeOf, ruleOnTry, type CodeFlowState } from '../../domain/code-flow';

/** Tries overlap: each is counted when it comes and ruled on when its comparison comes back, in any order. */
describe('tries at a code', () => {
  const waiting = (): CodeFlowState => newCodeFlow('waiting_for_code');

  test('identity#8: at most five tries are compared and at most one wins, in any order of comparisons', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(5)), { maxLength: 30 }), (tries) => {
        let state = waiting();
        let compared = 0;
        const verdicts: string[] = [];
        const open: { isRight: boolean; due: number }[] = [];
        const settle = (now: number): void => {
          for (const one of open.filter(({ due }) => due <= now)) {
            open.splice(open.indexOf(one), 1);
            const ruled = ruleOnTry(state, one.isRight);
            state = ruled.state;
            verdicts.push(ruled.verdict);
          }
        };
        tries.forEach(([isRight, delay], at) => {
          settle(at);
          const counted = countTry(state);
          state = counted.state;
          if (counted.verdict === 'compare') {
            compared += 1;
            open.push({ isRight, due: at + delay });
          } else verdicts.push(counted.verdict);
        });
        settle(Number.POSITIVE_INFINITY);
        expect(compared).toBeLessThanOrEqual(CODE_ATTEMPTS_MAX);
        const wins = verdicts.filter((verdict) => verdict === 'consumed').length;
        expect(wins).toBe(state.stage === 'committing' ? 1 : 0);
        expect(verdicts.filter((verdict) => verdict === 'exhausted').length).toBeLessThanOrEqual(1);
      }),
    );
  });

  test('identity#8: five wrong codes are wrong even when the sixth burned the pending meanwhile', () => {
    let state = waiting();
    for (let tries = 1; tries <= CODE_ATTEMPTS_MAX; tries += 1) state = countTry(state).state;
    state = countTry(state).state;
    expect(state.stage).toBe('exhausted');
    expect(ruleOnTry(state, false).verdict).toBe('wrong');
    expect(ruleOnTry(state, true).verdict).toBe('expired');
  });

  test('identity#7: a comparison that comes back after the winner is expired, right or wrong', () => {
    const won = ruleOnTry(countTry(countTry(waiting()).state).state, true);
    expect(won.verdict).toBe('consumed');
    expect(ruleOnTry(won.state, true).verdict).toBe('expired');
    expect(ruleOnTry(won.state, false).verdict).toBe('expired');
  });

  test('a flow has an outcome at its end only', () => {
    expect(outcomeOf(newCodeFlow('starting'))).toBeNull();
    expect(outcomeOf({ ...waiting(), stage: 'expired' })).toBe('expired');
    expect(countTry({ ...waiting(), stage: 'verified' }).verdict).toBe('expired');
  });
});

import { readOptions } from '../../bench/options';

describe('the command line of a bench', () => {
  const presets = { runs: 3, only: '', small: false };

  test('what is not given is as the bench presets it', () => {
    expect(readOptions(presets, [])).toEqual({ ...presets, json: null });
  });

  test('what is given is of the type of its preset', () => {
    expect(readOptions(presets, ['--runs', '5', '--only=me', '--small', '--json', 'out.json'])).toEqual({
      runs: 5,
      only: 'me',
      small: true,
      json: 'out.json',
    });
  });

  test.each([[['--rnus', '5']], [['--runs', 'many']], [['--runs']], [['--runs=']], [['--small=yes']], [['5']]])(
    'a mistake ends the bench before it starts: %j',
    (args) => {
      expect(() => readOptions(presets, args)).toThrow();
    },
  );
});

import { COLLECTIONS } from '../../store/schema/registry';

/** Two indexes of one name let no process start, two that serve the same cost every write twice. */
describe('what the collections declare', () => {
  const repeatedOf = (names: string[]): string[] => names.filter((name, index) => names.indexOf(name) !== index);

  test.each(Object.entries(COLLECTIONS))('%s: no two indexes have one name or serve the same', (_, spec) => {
    expect(repeatedOf(spec.indexes.map(({ name }) => name))).toEqual([]);
    // MongoDB refuses two names for one key and condition; the order of the fields is part of the key.
    const served = spec.indexes.map(({ key, partialFilterExpression }) =>
      JSON.stringify([key, partialFilterExpression]),
    );
    expect(repeatedOf(served)).toEqual([]);
  });
});

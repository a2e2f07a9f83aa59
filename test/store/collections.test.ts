import { openDatabase, SPECS } from '../../store/database';

/** Two collections of one name would undo each other's validators; two indexes of one name let no process start. */
describe('what the collections declare', () => {
  const repeatedOf = (names: string[]): string[] => names.filter((name, index) => names.indexOf(name) !== index);

  test('no two collections have one name', () => {
    expect(repeatedOf(SPECS.map(({ name }) => name))).toEqual([]);
  });

  test.each(SPECS.map((spec) => [spec.name, spec] as const))(
    '%s: no two indexes have one name or serve the same',
    (_, spec) => {
      expect(repeatedOf(spec.indexes.map(({ name }) => name))).toEqual([]);
      // MongoDB refuses two names for one key and condition; the order of the fields is part of the key.
      const served = spec.indexes.map(({ key, partialFilterExpression }) =>
        JSON.stringify([key, partialFilterExpression]),
      );
      expect(repeatedOf(served)).toEqual([]);
    },
  );

  test('every collection that the code opens is made, and no other', async () => {
    const { client, db: _, ...opened } = openDatabase({ uri: 'mongodb://127.0.0.1:1', name: 'never-reached' });
    const names = Object.values(opened).map(({ collectionName }) => collectionName);
    expect(names.sort()).toEqual(SPECS.map(({ name }) => name).sort());
    await client.close();
  });
});

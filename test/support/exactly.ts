/** As many as a literal `Count` says; a list of any length where the count is known at run time only. */
export type Exactly<T, Count extends number, Made extends T[] = []> = number extends Count
  ? T[]
  : Made['length'] extends Count
    ? Made
    : Exactly<T, Count, [T, ...Made]>;

/** Makes `count` things, one after the other. */
export async function exactly<T, Count extends number>(
  count: Count,
  make: (index: number) => Promise<T>,
): Promise<Exactly<T, Count>> {
  const made: T[] = [];
  for (let index = 0; index < count; index += 1) made.push(await make(index));
  // The parse point of counted lists: the loop has made `count`.
  return made as Exactly<T, Count>;
}

/** The item at this place of the list; a negative place counts from the end. */
export function itemAt<T>(list: readonly T[], place: number): T {
  const found = list.at(place);
  if (found === undefined) throw new Error(`there is no item ${place} in a list of ${list.length}`);
  return found;
}

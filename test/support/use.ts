/** What closes what is open, in the order in which it was opened. */
const closers: (() => Promise<void>)[] = [];

/**
 * Opens something before the tests of the surrounding block and closes it after them: what was opened last is closed
 * first. What it returns stands for the opened thing, so that it can be named at once; it is there from the first test on.
 */
export function use<T extends object>(open: () => T | Promise<T>, close?: (opened: T) => unknown): T {
  return register({ before: beforeAll, after: afterAll }, open, close);
}

/** As `use`, anew for each test. */
export function useEach<T extends object>(open: () => T | Promise<T>, close?: (opened: T) => unknown): T {
  return register({ before: beforeEach, after: afterEach }, open, close);
}

function register<T extends object>(
  hooks: { before: typeof beforeAll; after: typeof afterAll },
  open: () => T | Promise<T>,
  close: (opened: T) => unknown = () => undefined,
): T {
  let opened: T | null = null;
  hooks.before(async () => {
    // First, because each hook afterwards takes one, also when the opening fails.
    closers.push(async () => {
      const closing = opened;
      opened = null;
      if (closing !== null) await close(closing);
    });
    opened = await open();
  });
  // Jest runs these hooks in the order of their definition: each closes whatever is to be closed next.
  hooks.after(() => closers.pop()?.());
  return standIn(() => {
    if (opened === null) throw new Error('it is there from the first test on, and until the last');
    return opened;
  });
}

/** An object that stands for another one that is made later. */
export function standIn<T extends object>(get: () => T): T {
  // The parse point of stand-ins: whatever is asked of one is answered by what it stands for.
  return new Proxy({} as T, {
    get: (_target, name) => {
      const value: unknown = Reflect.get(get(), name);
      return typeof value === 'function' ? (value.bind(get()) as unknown) : value;
    },
    set: (_target, name, value) => Reflect.set(get(), name, value),
    has: (_target, name) => Reflect.has(get(), name),
    ownKeys: () => Reflect.ownKeys(get()),
    getOwnPropertyDescriptor: (_target, name) => {
      const found = Reflect.getOwnPropertyDescriptor(get(), name);
      return found && { ...found, configurable: true };
    },
  });
}

/** Tests run from their TypeScript sources; the processes that they start run from dist/ (test/README.md). */
const toCommonJs = (syntax) => [
  '@swc/jest',
  { jsc: { parser: { syntax }, target: 'es2022' }, module: { type: 'commonjs' }, sourceMaps: 'inline' },
];

module.exports = {
  testEnvironment: 'node',
  rootDir: __dirname,
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  transform: {
    '^.+\\.ts$': toCommonJs('typescript'),
    // The driver loads `os` by a dynamic import, which a jest sandbox refuses; the connection would then fail.
    '/node_modules/mongodb/lib/runtime_adapters\\.js$': toCommonJs('ecmascript'),
  },
  transformIgnorePatterns: ['/node_modules/(?!mongodb/lib/runtime_adapters\\.js$)'],
  globalSetup: '<rootDir>/test/global-setup.ts',
  globalTeardown: '<rootDir>/test/global-teardown.ts',
  // Two cores are the smallest machine that the suite must be fast on; stacks bring their own processes.
  maxWorkers: 2,
  // Longer than any wait (test/support/wait.ts), so that a wait that fails can say what it saw.
  testTimeout: 300_000,
};

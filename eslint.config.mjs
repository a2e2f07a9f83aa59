import tseslint from 'typescript-eslint';
import prettier from 'eslint-config-prettier';

/** Value imports that workflow code may have: everything else would end up in the workflow sandbox. */
const workflowImports = [
  {
    group: ['node:*', 'fs', 'crypto', 'path', 'http', 'https', 'net', 'child_process', 'worker_threads', 'timers'],
    message: 'Workflow code is deterministic: Node built-ins are not available in it.',
  },
];

const NO_SLEEP = 'No sleeps: wait for a condition (test/support/wait.ts); load is paced by test/support/pace.ts.';
const sleeps = ['setTimeout', 'setInterval', 'setImmediate'].map((name) => ({ name, message: NO_SLEEP }));
const timers = ['timers', 'timers/promises', 'node:timers', 'node:timers/promises'].map((name) => ({
  name,
  message: NO_SLEEP,
}));

const TITLE = /^(describe|test|it)$/;
const TOO_LONG = /^.{101,}$/;
const testRules = [
  {
    selector: 'CallExpression[callee.object.name="jest"][callee.property.name="mock"]',
    message: 'No mocks of our own parts.',
  },
  { selector: 'MemberExpression[property.name=/^(sleep|waitForTimeout)$/]', message: NO_SLEEP },
  // test(…), test.only(…), test.each(…)(…)
  ...['callee.name', 'callee.object.name', 'callee.callee.object.name'].map((place) => ({
    selector: `CallExpression[${place}=${TITLE}][arguments.0.value=${TOO_LONG}]`,
    message: 'A title is one promise of at most 100 characters.',
  })),
];

export default tseslint.config(
  { ignores: ['dist', 'node_modules', '.local'] },
  ...tseslint.configs.recommended,
  prettier,
  {
    files: ['**/*.ts', '**/*.tsx'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'max-lines': ['error', { max: 400 }],
      'max-lines-per-function': ['error', { max: 50, skipBlankLines: true, skipComments: true }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'Only platform/environment.ts reads the environment.' },
      ],
    },
  },
  { files: ['**/*.cjs'], rules: { '@typescript-eslint/no-require-imports': 'off' } },
  { files: ['platform/environment.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    files: ['contract/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...[
          '[callee.object.callee.property.name="string"]',
          '[callee.object.callee.object.callee.property.name="string"]',
        ].map((chain) => ({
          selector: `CallExpression[callee.property.name=/^(max|length)$/]${chain}`,
          message: 'zod counts code points, the contract UTF-16 units: use boundedText of contract/text.ts.',
        })),
      ],
    },
  },
  {
    files: ['domain/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'Rules have no clock.' },
        { selector: 'FunctionDeclaration[async=true]', message: 'Rules are synchronous.' },
      ],
      'no-restricted-globals': ['error', 'setTimeout', 'setInterval', 'process', 'fetch'],
    },
  },
  {
    files: ['workflows/**/*.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: workflowImports }],
      'no-restricted-globals': ['error', 'process', 'fetch', 'Temporal', 'Buffer'],
    },
  },
  {
    files: ['api/**/*.ts', 'activities/**/*.ts', 'delivery/**/*.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...['object.name', 'object.property.name'].map((place) => ({
          selector: `MemberExpression[${place}="database"][property.name!=/^(client|db)$/]`,
          message: 'Collections are called in store/ only.',
        })),
      ],
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      'no-restricted-properties': 'off',
      'no-restricted-globals': ['error', ...sleeps],
      'no-restricted-imports': ['error', ...timers],
      'no-restricted-syntax': ['error', ...testRules],
    },
  },
  // What the rule against sleeps sends everybody to.
  {
    files: ['test/support/wait.ts', 'test/support/pace.ts', 'test/support/skipped-time.ts'],
    rules: { 'no-restricted-imports': 'off', 'no-restricted-syntax': 'off' },
  },
);

/** Import directions between the rooms (ARCHITECTURE.md). A room may import only from the rooms in its list. */
const mayImport = {
  contract: [],
  domain: ['contract'],
  store: ['contract', 'domain', 'platform'],
  presenters: ['contract', 'domain', 'store'],
  platform: ['contract'],
  api: ['contract', 'domain', 'store', 'platform', 'presenters'],
  workflows: ['domain', 'contract'],
  activities: ['contract', 'domain', 'store', 'platform', 'presenters', 'delivery'],
  delivery: ['contract', 'domain', 'store', 'platform', 'presenters'],
  worker: ['contract', 'domain', 'store', 'platform', 'presenters', 'workflows', 'activities', 'delivery'],
  local: ['platform'],
  dashboard: [],
};

const directions = Object.entries(mayImport).map(([room, others]) => ({
  name: `${room}-imports`,
  severity: 'error',
  comment: `${room}/ may import values only from ${others.join(', ') || 'no other room'}`,
  from: { path: `^${room}/` },
  to: {
    path: '^(contract|domain|store|presenters|platform|api|workflows|activities|delivery|worker|local|dashboard|bench|test)/',
    pathNot: [
      `^(${[room, ...others].join('|')})/`,
      ...(room === 'platform' ? ['^workflows/(ids|messages)\\.ts$'] : []),
      ...(room === 'activities' ? ['^workflows/(ids|messages)\\.ts$'] : []),
    ],
    dependencyTypesNot: ['type-only'],
  },
}));

module.exports = {
  forbidden: [
    ...directions,
    {
      name: 'type-imports',
      severity: 'error',
      comment: 'types follow the same directions, except the types of workflows and activities',
      from: { path: '^(contract|domain|store)/' },
      to: { path: '^(presenters|api|workflows|activities|delivery|worker|local|bench|test)/' },
    },
    {
      name: 'page-types',
      severity: 'error',
      comment: "the owners' page knows the wire and nothing else of the server",
      from: { path: '^dashboard/' },
      to: { path: '^(domain|store|presenters|platform|api|workflows|activities|delivery|worker|local|bench|test)/' },
    },
    {
      name: 'no-zod-outside-contract',
      severity: 'error',
      from: { path: '^(domain|workflows|store|presenters|activities|delivery|dashboard)/' },
      to: { path: 'node_modules/zod', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'pure-leaves',
      severity: 'error',
      comment: 'workflows reach only the import-free files of contract and domain',
      from: { path: '^(workflows|domain)/' },
      to: {
        path: '^contract/',
        pathNot: '^contract/(limits|codes|events|handles|ids)\\.ts$',
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: 'specify',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules)' },
  },
};

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

/** Rooms of which only the types may be imported: nothing of them is loaded. */
const mayImportTypesOf = { workflows: ['activities'], platform: ['domain'], dashboard: ['contract'] };

/** Who speaks to the flows, by the names and payloads in this one folder of workflows/. */
const speakToFlows = { rooms: ['platform', 'activities', 'api'], folder: '^workflows/messages/' };

const rooms =
  '^(contract|domain|store|presenters|platform|api|workflows|activities|delivery|worker|local|dashboard|bench|test)/';

const oneWay = (room, kind, others, dependencyTypes) => ({
  name: `${room}-imports${kind}`,
  severity: 'error',
  comment: `${room}/ may import${kind} only from ${others.join(', ') || 'no other room'}`,
  from: { path: `^${room}/` },
  to: {
    path: rooms,
    pathNot: [
      `^(${[room, ...others].join('|')})/`,
      ...(speakToFlows.rooms.includes(room) ? [speakToFlows.folder] : []),
    ],
    ...dependencyTypes,
  },
});

const directions = Object.entries(mayImport).flatMap(([room, others]) => [
  oneWay(room, '', others, { dependencyTypesNot: ['type-only'] }),
  oneWay(room, '-types', [...others, ...(mayImportTypesOf[room] ?? [])], { dependencyTypes: ['type-only'] }),
]);

/**
 * Import directions between the folders of store/, types included (store/README.md). Every folder may import `schema`
 * and the folders in its list; what is not listed here would be the first step to a cycle.
 */
const storeMayImport = {
  schema: [],
  agents: [],
  attachments: [],
  nodes: [],
  outbox: [],
  presence: [],
  inbox: ['agents'],
  contacts: ['outbox'],
  webhooks: ['agents', 'conversations', 'inbox', 'nodes', 'outbox', 'presence'],
  conversations: ['agents', 'contacts', 'inbox', 'outbox'],
  accounts: ['contacts', 'outbox', 'webhooks'],
  sending: ['agents', 'inbox', 'outbox'],
  groups: ['agents', 'sending'],
  owners: ['agents', 'conversations', 'inbox'],
  verification: ['accounts'],
  enforcement: ['accounts', 'nodes', 'outbox'],
  gateway: ['accounts', 'sending'],
  housekeeping: ['attachments', 'conversations', 'inbox'],
};

const storeDirections = Object.entries(storeMayImport).map(([folder, others]) => ({
  name: `store-${folder}-imports`,
  severity: 'error',
  comment: `store/${folder}/ may import only from schema${others.map((other) => `, ${other}`).join('')}`,
  from: { path: `^store/${folder}/` },
  to: { path: '^store/', pathNot: `^store/(${[folder, 'schema', ...others].join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...directions,
    ...storeDirections,
    {
      name: 'store-folders-listed',
      severity: 'error',
      comment: 'a folder of store/ stands in the table above; nothing lies loose in store/',
      from: { path: '^store/', pathNot: `^store/(${Object.keys(storeMayImport).join('|')})/` },
      to: {},
    },
    {
      name: 'no-folder-cycles',
      severity: 'error',
      comment: 'folders import one way, types included',
      scope: 'folder',
      from: {},
      to: { circular: true },
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
        pathNot: '^contract/(limits|code-limits|voice-limits|webhook-limits|codes|events|handles|ids)\\.ts$',
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

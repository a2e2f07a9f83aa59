import { release } from 'node:os';
import { readOptions } from '../options';
import { machine, report, type Figure } from '../report';
import { compare, type ComparedPart } from './compare';
import { startEjabberdSide } from './ejabberd-side';
import { type Plan } from './exchanges';
import { measureFlood } from './flood';
import { measureHotRecipient } from './hot-recipient';
import { measureIdle } from './idle';
import { startOurSide } from './our-side';
import { findPackages, type Packages } from './packages';
import { POSTGRES_SETTINGS } from './postgres';
import { type Side } from './side';

/** What `--only` chooses from: parts with two sides, and parts that compare us with ourselves. */
const COMPARED = ['send', 'delivery', 'group', 'cpu'] as const satisfies readonly ComparedPart[];
const ALONE = ['idle', 'hot', 'flood'] as const;
type Part = (typeof COMPARED)[number] | (typeof ALONE)[number];

interface Options {
  parts: Part[];
  runs: number;
  ms: number;
  sockets: number;
  recipientsAcknowledge: boolean;
  json: string | null;
}

/** Of what two sides are measured with. */
const LOAD: Omit<Plan, 'ms'> = {
  conversations: 64,
  senders: 32,
  groupMembers: 128,
  connectedMembers: 32,
  groupSenders: 4,
  perSecond: 50,
  warmMs: 3_000,
};

interface Outcome {
  figures: Figure[];
  faults: string[];
  versions: Readonly<Record<string, string>>;
}

function chosenOptions(): Options {
  const given = readOptions({
    only: [...COMPARED, ...ALONE].join(','),
    runs: 3,
    seconds: 12,
    sockets: 10_000,
    'peer-acks': false,
  });
  const wanted = given.only.split(',');
  return {
    parts: [...COMPARED, ...ALONE].filter((part) => wanted.includes(part)),
    runs: given.runs,
    ms: given.seconds * 1_000,
    sockets: given.sockets,
    recipientsAcknowledge: given['peer-acks'],
    json: given.json,
  };
}

async function measureCompared(options: Options, packages: Packages, parts: readonly ComparedPart[]): Promise<Outcome> {
  const sides: Side[] = [];
  try {
    const ours = await startOurSide(LOAD);
    sides.push(ours);
    const theirs = await startEjabberdSide(packages, LOAD, options);
    sides.push(theirs);
    const { figures, faults } = await compare([ours, theirs], { ...LOAD, ...options }, parts);
    for (const { name, promise } of sides) console.log(`${name} promises with an accepted send: ${promise}`);
    console.log(settingsLine(options));
    return { figures, faults, versions: { ...ours.versions, ...theirs.versions } };
  } finally {
    await Promise.all(sides.map((side) => side.stop()));
  }
}

function settingsLine({ runs, ms, recipientsAcknowledge }: Options): string {
  const { conversations, senders, groupMembers, connectedMembers, groupSenders, perSecond, warmMs } = LOAD;
  const postgres = Object.entries(POSTGRES_SETTINGS).map(([name, value]) => `${name} ${value}`);
  return (
    `${runs} runs of ${ms / 1_000} s after ${warmMs / 1_000} s each; send: ${conversations} conversations, ${senders} ` +
    `closed loops; delivery, cpu: ${perSecond} sends/s; group: ${groupMembers} members, ${connectedMembers} connected, ` +
    `${groupSenders} closed loops; PostgreSQL: ${postgres.join(', ')}; ejabberd: bench/peers/ejabberd.yml, recipients with` +
    `${recipientsAcknowledge ? '' : 'out'} stream management`
  );
}

async function measureAlone(options: Options): Promise<Figure[]> {
  const measures = {
    idle: () => measureIdle(options),
    hot: () => measureHotRecipient(options),
    flood: () => measureFlood(options),
  };
  const figures: Figure[] = [];
  for (const part of ALONE.filter((name) => options.parts.includes(name))) figures.push(...(await measures[part]()));
  return figures;
}

async function main(): Promise<void> {
  const options = chosenOptions();
  const compared = COMPARED.filter((part) => options.parts.includes(part));
  const packages = findPackages();
  const outcome: Outcome = { figures: [], faults: [], versions: {} };
  if (compared.length > 0) {
    if (typeof packages === 'string') console.log(`${compared.join(', ')}: skipped, ${packages}`);
    else Object.assign(outcome, await measureCompared(options, packages, compared));
  }
  outcome.figures.push(...(await measureAlone(options)));
  if (outcome.figures.length === 0) return;
  const versions = { ...outcome.versions, linux: release() };
  const about = Object.entries({ node: process.version, ...versions }).map(([name, version]) => `${name} ${version}`);
  console.log(`${machine.cores} cores of ${machine.cpu}, ${machine.memoryGiB} GiB; ${about.join(', ')}`);
  report(`npm run bench:peers -- ${process.argv.slice(2).join(' ')}`.trim(), outcome.figures, options.json, versions);
  for (const fault of outcome.faults) console.error(fault);
  if (outcome.faults.length > 0) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

import {
  addContact as addContactEndpoint,
  checkContact,
  listContacts as listContactsEndpoint,
  removeContact as removeContactEndpoint,
  updateContact,
} from '../../../contract/endpoints-social';
import { AppError } from '../../../contract/errors';
import { addContactSchema, contactsQuerySchema, updateContactSchema } from '../../../contract/social';
import type { AgentReader } from '../../../store/agents/agents';
import { findContact, listContacts, replaceNote } from '../../../store/contacts/contacts';
import type { Database } from '../../../store/schema/database';
import { addContact, removeContact } from '../../../store/contacts/relations';
import { presentContact } from '../../../presenters/contact';
import { agentRoute, type AgentContext, type Reply, type Route } from '../../http/route';
import { findAccount, nothingToClean, refuseSelf, resolveTarget } from '../../http/targets';

export interface ContactDeps {
  database: Database;
  agents: AgentReader;
  publicBaseUrl: string;
}

const OK: Reply = { status: 200, body: { ok: true } };

/** The contact book: social.md §2. */
export function contactRoutes(deps: ContactDeps): Route[] {
  return [
    agentRoute(addContactEndpoint, (ctx) => add(ctx, deps)),
    agentRoute(listContactsEndpoint, (ctx) => list(ctx, deps)),
    agentRoute(checkContact, (ctx) => check(ctx, deps)),
    agentRoute(updateContact, (ctx) => update(ctx, deps)),
    agentRoute(removeContactEndpoint, (ctx) => remove(ctx, deps)),
  ];
}

async function add(ctx: AgentContext, { database, agents, publicBaseUrl }: ContactDeps): Promise<Reply> {
  const body = ctx.validate(addContactSchema, await ctx.readBody());
  const agent = await resolveTarget(agents, body.handle);
  refuseSelf(ctx.agent, agent, 'You cannot add yourself');
  const contact = await addContact(database, {
    from: ctx.agent._id,
    to: agent._id,
    at: ctx.now,
    caller: ctx.agent,
    ...(body.notes === undefined ? {} : { note: body.notes }),
  });
  return { status: 201, body: presentContact({ contact, agent }, publicBaseUrl) };
}

async function list(ctx: AgentContext, { database, publicBaseUrl }: ContactDeps): Promise<Reply> {
  const page = ctx.validate(contactsQuerySchema, Object.fromEntries(ctx.query));
  const { rows, total } = await listContacts(database, ctx.agent._id, page);
  const contacts = rows.map((row) => presentContact(row, publicBaseUrl));
  return { status: 200, body: { contacts, total, ...page } };
}

async function check(ctx: AgentContext, { database, agents, publicBaseUrl }: ContactDeps): Promise<Reply> {
  const agent = await findAccount(agents, ctx.params.handle ?? '');
  const contact = agent === null ? null : await findContact(database, ctx.agent._id, agent._id);
  if (agent === null || contact === null) {
    throw new AppError('NOT_FOUND', { is_contact: false, added_at: null, notes: null });
  }
  return { status: 200, body: { is_contact: true, ...presentContact({ contact, agent }, publicBaseUrl) } };
}

async function update(ctx: AgentContext, { database, agents }: ContactDeps): Promise<Reply> {
  const { notes } = ctx.validate(updateContactSchema, await ctx.readBody());
  const agent = await findAccount(agents, ctx.params.handle ?? '');
  const isContact = agent !== null && (await replaceNote(database, ctx.agent, agent._id, notes));
  if (!isContact) throw nothingToClean(ctx.agent, agent);
  return OK;
}

async function remove(ctx: AgentContext, { database, agents }: ContactDeps): Promise<Reply> {
  const agent = await findAccount(agents, ctx.params.handle ?? '');
  const wasContact =
    agent !== null && (await removeContact(database, { from: ctx.agent._id, to: agent._id, caller: ctx.agent }));
  if (!wasContact) throw nothingToClean(ctx.agent, agent);
  return OK;
}

import { mkdtemp, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGuardian } from '../../local/guardian';
import { startEjabberd } from './ejabberd';
import { type Packages } from './packages';
import { startPostgres } from './postgres';
import { type OnText, type Sender, type Side, type Sizes } from './side';
import { XmppClient } from './xmpp-client';

const HOST = 'localhost';
const ROOM = `group@conference.${HOST}`;
const PASSWORD = 'for-the-bench-only';
const PROMISE =
  'direct: XEP-0198 acknowledgement of the stanza; group: the message came back from the room. Archived in PostgreSQL ' +
  '(mod_mam, fsync); members who are away find a group message in the archive only; a repeated stanza is a second message';
/** Registrations at once. */
const AT_ONCE = 8;

const senderOf = (conversation: number): string => `sender${conversation}`;
const recipientOf = (conversation: number): string => `recipient${conversation}`;
const memberOf = (member: number): string => `member${member}`;

/**
 * Starts PostgreSQL and ejabberd in a temporary folder, with users and a room for a group.
 * @param recipientsAcknowledge whether those who get messages use stream management, which they need not and which
 * costs the server an exchange of its own
 */
export async function startEjabberdSide(
  packages: Packages,
  sizes: Sizes,
  { recipientsAcknowledge }: { recipientsAcknowledge: boolean },
): Promise<Side> {
  const folder = await mkdtemp(join(tmpdir(), 'agentchat-peers-'));
  // Two users' servers have their folders in it.
  await chmod(folder, 0o755);
  const guardian = createGuardian();
  guardian.removeAtEnd(folder);
  try {
    const postgres = await startPostgres(packages, folder, guardian);
    const ejabberd = await startEjabberd(packages, postgres, folder, guardian);
    await registerUsers(ejabberd.port, usersOf(sizes));
    const listen = listenWith(recipientsAcknowledge);
    const signIn = signInAt(`ws://127.0.0.1:${ejabberd.port}/ws`);
    await makeRoom(await signIn(memberOf(0)), sizes.groupMembers);
    return {
      name: 'ejabberd',
      promise: PROMISE,
      processes: { path: [ejabberd.pid, postgres.pid], beside: [] },
      versions: packages.versions,
      hasEcho: true,
      async openRecipient(conversation, onText) {
        const client = await listen(await signIn(recipientOf(conversation)), onText);
        client.sendPresence();
        return client;
      },
      openSender: async (conversation) => openSender(await signIn(senderOf(conversation)), recipientOf(conversation)),
      async openMember(member, onText) {
        const client = await listen(await signIn(memberOf(member)), onText);
        await client.enterRoom(ROOM, memberOf(member));
        return { send: (text) => client.sendToRoom(ROOM, text), close: () => client.close() };
      },
      settle: () => postgres.checkpoint(),
      async stop() {
        await ejabberd.stop();
        await postgres.stop();
        await guardian.close();
      },
    };
  } catch (error) {
    await guardian.close();
    throw error;
  }
}

function signInAt(url: string): (user: string) => Promise<XmppClient> {
  let resources = 0;
  return async (user) => {
    const client = new XmppClient(url);
    await client.signIn(HOST, user, PASSWORD, `r${(resources += 1)}`);
    return client;
  };
}

function listenWith(acknowledges: boolean): (client: XmppClient, onText: OnText) => Promise<XmppClient> {
  return async (client, onText) => {
    client.onText = onText;
    if (acknowledges) await client.enableStreamManagement();
    return client;
  };
}

async function openSender(client: XmppClient, recipient: string): Promise<Sender> {
  await client.enableStreamManagement();
  return { send: (text) => client.sendChat(`${recipient}@${HOST}`, text), close: () => client.close() };
}

function usersOf(sizes: Sizes): string[] {
  const conversations = Array.from({ length: sizes.conversations }, (_, index) => index);
  const members = Array.from({ length: sizes.groupMembers }, (_, index) => memberOf(index));
  return [...conversations.map(senderOf), ...conversations.map(recipientOf), ...members];
}

async function registerUsers(port: number, users: string[]): Promise<void> {
  const register = async (): Promise<void> => {
    for (let user = users.pop(); user !== undefined; user = users.pop()) {
      const response = await fetch(`http://127.0.0.1:${port}/api/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ user, host: HOST, password: PASSWORD }),
      });
      if (!response.ok) throw new Error(`ejabberd answered ${response.status} to the registration of ${user}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, register));
}

/** A persistent room for members only, with an archive; everybody belongs to it, connected or not. */
async function makeRoom(owner: XmppClient, members: number): Promise<void> {
  await owner.enterRoom(ROOM, memberOf(0));
  const settings = {
    FORM_TYPE: 'http://jabber.org/protocol/muc#roomconfig',
    'muc#roomconfig_persistentroom': '1',
    'muc#roomconfig_membersonly': '1',
    'muc#roomconfig_maxusers': '200',
    mam: '1',
  };
  const fields = Object.entries(settings).map(
    ([name, value]) => `<field var='${name}'><value>${value}</value></field>`,
  );
  const form = `<x xmlns='jabber:x:data' type='submit'>${fields.join('')}</x>`;
  await owner.query(`<query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query>`, ROOM);
  for (let member = 1; member < members; member += 1) {
    const item = `<item affiliation='member' jid='${memberOf(member)}@${HOST}'/>`;
    await owner.query(`<query xmlns='http://jabber.org/protocol/muc#admin'>${item}</query>`, ROOM);
  }
  owner.close();
}

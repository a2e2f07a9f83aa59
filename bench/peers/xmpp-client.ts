import { WebSocket } from 'ws';
import { type OnText } from './side';

/** How long the server may take for anything that is no message. */
const ANSWER_MS = 30_000;
const SM = 'urn:xmpp:sm:3';
const FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';

interface Waiting {
  resolve: () => void;
  reject: (error: Error) => void;
}

/** As much of XMPP over WebSocket (RFC 7395) as a load needs: each frame is one element, told by how it begins. */
export class XmppClient {
  /** Called with the body of each message that arrives. */
  onText: OnText = () => undefined;
  /** Where this client can be written to; known once it has signed in. */
  jid = '';
  private readonly socket: WebSocket;
  private readonly expected: { pattern: RegExp; resolve: (frame: string) => void }[] = [];
  /** Stanzas since stream management was enabled: the server acknowledges a number of them (XEP-0198). */
  private stanzasIn = 0;
  private stanzasOut = 0;
  private readonly unacknowledged: (Waiting & { stanza: number })[] = [];
  private readonly reflections = new Map<string, Waiting>();
  private ids = 0;

  constructor(url: string) {
    this.socket = new WebSocket(url, 'xmpp', { perMessageDeflate: false });
    this.socket.on('message', (data) => this.receive(String(data)));
    this.socket.on('error', () => undefined);
    this.socket.on('close', (code) => this.fail(new Error(`the XMPP stream was closed with ${code}`)));
  }

  async signIn(host: string, user: string, password: string, resource: string): Promise<void> {
    await new Promise((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
    const open = `<open xmlns='${FRAMING}' to='${host}' version='1.0'/>`;
    await this.ask(open, /^<(stream:)?features/);
    const plain = Buffer.from(`\0${user}\0${password}`).toString('base64');
    const auth = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`;
    const verdict = await this.ask(auth, /^<(success|failure)/);
    if (!verdict.startsWith('<success')) throw new Error(`ejabberd refused ${user}: ${verdict}`);
    await this.ask(open, /^<(stream:)?features/);
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`;
    this.jid = /<jid>([^<]+)</.exec(await this.query(bind))?.[1] ?? '';
  }

  /** From now on each side counts and acknowledges what it has handled. */
  async enableStreamManagement(): Promise<void> {
    const answer = await this.ask(`<enable xmlns='${SM}'/>`, /^<(enabled|failed)/);
    if (!answer.startsWith('<enabled')) throw new Error(`no stream management: ${answer}`);
    this.stanzasIn = 0;
    this.stanzasOut = 0;
  }

  /** Without `to` it makes this client one that messages are delivered to. */
  sendPresence(attributes = '', children = ''): void {
    this.sendStanza(`<presence xmlns='jabber:client'${attributes}>${children}</presence>`);
  }

  /** Enters a room, without what was said before. */
  async enterRoom(room: string, nick: string): Promise<void> {
    const entered = this.expect(new RegExp(`^<presence[^>]*from=['"]${room}/${nick}['"]`));
    const history = `<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>`;
    this.sendPresence(` to='${room}/${nick}'`, history);
    await entered;
  }

  /** @throws Error when the answer is of type `error` */
  async query(children: string, to?: string): Promise<string> {
    const id = `q${(this.ids += 1)}`;
    const answer = this.expect(new RegExp(`^<iq[^>]*\\bid=['"]${id}['"]`));
    const address = to === undefined ? '' : ` to='${to}'`;
    this.sendStanza(`<iq xmlns='jabber:client' type='set' id='${id}'${address}>${children}</iq>`);
    const frame = await answer;
    if (/^<iq[^>]*\btype=['"]error/.test(frame)) throw new Error(`ejabberd refused: ${frame}`);
    return frame;
  }

  /** A direct message, and the question whether the server has it. Resolves with the server's acknowledgement. */
  sendChat(to: string, text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.sendStanza(
        `<message xmlns='jabber:client' to='${to}' type='chat' id='m${(this.ids += 1)}'><body>${text}</body></message>`,
      );
      this.unacknowledged.push({ stanza: this.stanzasOut, resolve, reject });
      this.socket.send(`<r xmlns='${SM}'/>`);
    });
  }

  /** A message to a room. Resolves when the room has sent it back. */
  sendToRoom(room: string, text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const id = `g${(this.ids += 1)}`;
      this.reflections.set(id, { resolve, reject });
      const stanza = `<message xmlns='jabber:client' to='${room}' type='groupchat' id='${id}'>`;
      this.sendStanza(`${stanza}<body>${text}</body></message>`);
    });
  }

  close(): void {
    this.socket.removeAllListeners('close').on('error', () => undefined);
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(`<close xmlns='${FRAMING}'/>`);
    // The server answers with its own close; whoever never hears it is gone all the same.
    setTimeout(() => this.socket.terminate(), 300);
  }

  private sendStanza(stanza: string): void {
    this.stanzasOut += 1;
    this.socket.send(stanza);
  }

  private ask(element: string, pattern: RegExp): Promise<string> {
    const answer = this.expect(pattern);
    this.socket.send(element);
    return answer;
  }

  private expect(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer of ejabberd like ${pattern}`)), ANSWER_MS);
      const settle = (frame: string): void => {
        clearTimeout(timer);
        resolve(frame);
      };
      this.expected.push({ pattern, resolve: settle });
    });
  }

  private receive(frame: string): void {
    if (frame.startsWith('<a ')) return this.acknowledge(Number(/\bh=['"](\d+)/.exec(frame)?.[1]));
    if (frame.startsWith('<r ') || frame.startsWith('<r/')) {
      this.socket.send(`<a xmlns='${SM}' h='${this.stanzasIn}'/>`);
      return;
    }
    if (/^<(message|presence|iq)[\s>]/.test(frame)) this.stanzasIn += 1;
    const index = this.expected.findIndex(({ pattern }) => pattern.test(frame));
    if (index >= 0) this.expected.splice(index, 1)[0]?.resolve(frame);
    else if (frame.startsWith('<message')) this.receiveMessage(frame);
    else if (/^<iq[^>]*\btype=['"]get['"]/.test(frame)) this.answerPing(frame);
    else if (frame.includes('stream:error')) this.fail(new Error(`ejabberd ended the stream: ${frame}`));
  }

  private receiveMessage(frame: string): void {
    const head = frame.slice(0, frame.indexOf('>'));
    const id = /\bid=['"]([^'"]+)/.exec(head)?.[1] ?? '';
    const waiting = this.reflections.get(id);
    this.reflections.delete(id);
    if (/\btype=['"]error/.test(head)) {
      waiting?.reject(new Error(`ejabberd bounced a message: ${frame}`));
      return;
    }
    waiting?.resolve();
    const start = frame.indexOf('<body>');
    if (start >= 0) this.onText(frame.slice(start + '<body>'.length, frame.indexOf('</body>', start)));
  }

  /** Whoever does not answer the server's pings is disconnected. */
  private answerPing(frame: string): void {
    const head = frame.slice(0, frame.indexOf('>'));
    const [id, from] = ['id', 'from'].map((name) => new RegExp(`\\b${name}=['"]([^'"]+)`).exec(head)?.[1]);
    this.sendStanza(`<iq xmlns='jabber:client' type='result' id='${id}'${from === undefined ? '' : ` to='${from}'`}/>`);
  }

  private acknowledge(count: number): void {
    while (this.unacknowledged[0] !== undefined && this.unacknowledged[0].stanza <= count) {
      this.unacknowledged.shift()?.resolve();
    }
  }

  private fail(error: Error): void {
    for (const { reject } of [...this.unacknowledged.splice(0), ...this.reflections.values()]) reject(error);
    this.reflections.clear();
  }
}

import { readdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import sharp from 'sharp';
import { call, createTestAgent, type CallAnswer, type TestAgent } from '../support/agents';
import { animatedGif, avatarKeyOf, colourAt, noise, padded, picture, pictureAs } from '../support/images';
import { waitFor } from '../support/wait';
import { useFolder } from '../support/folder';
import { useStack } from '../support/use-stack';

const BYTES_MAX = 5_242_880;

describe('pictures of agents', () => {
  const folder = useFolder('blobs');
  const { stack, database, url } = useStack(() => ({
    workers: 0,
    env: { RATE_LIMITS: 'on', BLOB_STORE: `file:${folder.path}` },
  }));

  const newAgent = (): Promise<TestAgent> => createTestAgent(database);
  const put = (agent: TestAgent, body: Buffer, handle = agent.agent.handle): Promise<CallAnswer> =>
    call(url(), 'PUT', `/v1/agents/${handle}/avatar`, { key: agent.apiKey, body: new Uint8Array(body) });
  const remove = (agent: TestAgent, handle = agent.agent.handle): Promise<CallAnswer> =>
    call(url(), 'DELETE', `/v1/agents/${handle}/avatar`, { key: agent.apiKey });
  const urlOf = async (agent: TestAgent): Promise<string | null> =>
    (await call(url(), 'GET', '/v1/agents/me', { key: agent.apiKey })).body.avatar_url;

  /** The stored picture, over the path of its public URL: this api listens on another port than it says. */
  const fetchPicture = (publicUrl: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(url() + new URL(publicUrl).pathname, { headers });
  const pictureOf = async (answer: CallAnswer): Promise<Buffer> => {
    expect(answer.status).toBe(200);
    return Buffer.from(await (await fetchPicture(answer.body.avatar_url)).arrayBuffer());
  };
  const objects = async (): Promise<string[]> =>
    (await readdir(folder.path, { recursive: true })).filter((name) => name.includes('.webp')).sort();
  /** The objects that were stored for one public key. */
  const objectsOf = async (key: string): Promise<string[]> =>
    (await objects()).filter((name) => name.includes(key.replaceAll('/', '-')));

  test.each(['jpeg', 'png', 'webp', 'gif'] as const)('identity#25: a %s becomes a 512×512 WebP', async (format) => {
    const agent = await newAgent();
    const image = await pictureOf(await put(agent, await pictureAs(format)));
    expect(await sharp(image).metadata()).toMatchObject({ format: 'webp', width: 512, height: 512 });
    expect([await colourAt(image, 256, 40), await colourAt(image, 256, 470)]).toEqual(['red', 'blue']);
  });

  test('identity#25: an animated GIF becomes one still picture', async () => {
    const image = await pictureOf(await put(await newAgent(), await animatedGif()));
    expect(await sharp(image).metadata()).toMatchObject({ format: 'webp', width: 512, height: 512 });
    expect((await sharp(image, { animated: true }).metadata()).pages ?? 1).toBe(1);
    expect(await colourAt(image, 256, 256)).toBe('red');
  });

  test('identity#25: a tagged portrait stands upright, cropped to its centre, and no metadata is left', async () => {
    // Red above blue as stored; the tag says that the camera was turned: upright, red is on the right.
    const turned = await picture(600, 300)
      .jpeg()
      .withExif({ IFD0: { Artist: 'somebody', Make: 'a camera' } })
      .withMetadata({ orientation: 6 })
      .toBuffer();
    expect((await sharp(turned).metadata()).orientation).toBe(6);
    const image = await pictureOf(await put(await newAgent(), turned));
    expect([await colourAt(image, 470, 256), await colourAt(image, 40, 256)]).toEqual(['red', 'blue']);
    const { exif, xmp, iptc, icc, orientation } = await sharp(image).metadata();
    expect([exif, xmp, iptc, icc, orientation]).toEqual(Array(5).fill(undefined));
    expect(image.includes('somebody')).toBe(false);
  });

  test('identity#25: the smallest side that passes is 128', async () => {
    const agent = await newAgent();
    expect((await put(agent, await pictureAs('png', 128, 128))).status).toBe(200);
    expect((await put(agent, await pictureAs('png', 127, 500))).body.code).toBe('IMAGE_TOO_SMALL');
    expect((await put(agent, await pictureAs('png', 500, 127))).body.code).toBe('IMAGE_TOO_SMALL');
  });

  test.each([
    ['an SVG', '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="300"/>'],
    ['a PDF', '%PDF-1.7 and so on'],
    ['text', 'only some words of text'],
    ['eleven bytes of a JPEG', Buffer.from('ffd8ffe000104a46494600', 'hex')],
  ])('identity#25: %s is no picture', async (_name, bytes) => {
    const answer = await put(await newAgent(), Buffer.from(bytes));
    expect([answer.status, answer.body.code]).toEqual([400, 'UNSUPPORTED_FORMAT']);
  });

  test('identity#25: what cannot be decoded to its end, or has too many pixels, changes nothing', async () => {
    const agent = await newAgent();
    const jpeg = await noise(400, 400);
    const huge = await sharp({ create: { width: 6_000, height: 5_000, channels: 3, background: '#ff0000' } })
      .png()
      .toBuffer();
    const before = await objects();
    for (const bytes of [jpeg.subarray(0, jpeg.length / 2), jpeg.subarray(0, jpeg.length - 900), huge]) {
      const answer = await put(agent, bytes);
      expect([answer.status, answer.body.code]).toEqual([400, 'DECODE_FAILED']);
    }
    expect((await put(agent, Buffer.alloc(0))).body.code).toBe('EMPTY_BODY');
    expect(await urlOf(agent)).toBeNull();
    expect(await objects()).toEqual(before);
  });

  test('identity#25: 5 MiB pass, a byte more is 413, in chunks, too', async () => {
    const agent = await newAgent();
    expect((await put(agent, await padded(noise(600, 600), BYTES_MAX))).status).toBe(200);
    const tooMuch = await padded(noise(600, 600), BYTES_MAX + 1);
    const answer = await put(agent, tooMuch);
    expect([answer.status, answer.body.code, answer.body.details]).toEqual([
      413,
      'PAYLOAD_TOO_LARGE',
      { max_bytes: BYTES_MAX },
    ]);
    expect(await putInChunks(agent, tooMuch)).toBe(413);
  });

  /** Without a length: only the bytes themselves tell. */
  function putInChunks(agent: TestAgent, body: Buffer): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const call = request(`${url()}/v1/agents/${agent.agent.handle}/avatar`, {
        method: 'PUT',
        headers: { authorization: `Bearer ${agent.apiKey}`, 'transfer-encoding': 'chunked' },
      });
      let status: number | undefined;
      call.on('response', (response) => {
        status = response.statusCode;
        response.resume();
        resolve(status);
      });
      // The server answers before it has read everything and hangs up.
      call.on('error', (error) => (status === undefined ? reject(error) : undefined));
      call.end(body);
    });
  }

  test('identity#26: the same image has the same URL and its object stays; another one replaces it', async () => {
    const [one, other] = [await newAgent(), await newAgent()];
    const first = await put(one, await pictureAs('png'));
    const kept = await objectsOf(first.body.avatar_key);
    expect(kept).toHaveLength(1);
    const again = await put(one, await pictureAs('png'));
    expect(again.body).toEqual(first.body);
    expect(await objectsOf(first.body.avatar_key)).toEqual(kept);
    expect(await urlOf(one)).toBe(first.body.avatar_url);
    // The same image of two agents has two addresses, and neither loses it to the other.
    const others = await put(other, await pictureAs('png'));
    const image = await pictureOf(first);
    expect(await pictureOf(others)).toEqual(image);
    expect(first.body.avatar_key).toBe(avatarKeyOf(one.agent._id, image));
    expect(others.body.avatar_key).toBe(avatarKeyOf(other.agent._id, image));
    expect(new URL(first.body.avatar_url).pathname).toBe(`/avatars/${first.body.avatar_key}`);
    const second = await put(one, await noise(200, 200));
    expect(second.body.avatar_url).not.toBe(first.body.avatar_url);
    await waitFor(async () => (await objectsOf(first.body.avatar_key)).length === 0);
    expect((await fetchPicture(first.body.avatar_url)).status).toBe(404);
    expect((await fetchPicture(others.body.avatar_url)).status).toBe(200);
    expect((await fetchPicture(second.body.avatar_url)).status).toBe(200);
  });

  test('identity#26: a second removal finds nothing', async () => {
    const agent = await newAgent();
    const { body } = await put(agent, await pictureAs('png'));
    const removed = await remove(agent);
    expect([removed.status, removed.body]).toEqual([200, { ok: true }]);
    expect(await urlOf(agent)).toBeNull();
    const again = await remove(agent);
    expect([again.status, again.body.code]).toEqual([404, 'NOT_FOUND']);
    expect((await fetchPicture(body.avatar_url)).status).toBe(404);
    await waitFor(async () => (await objectsOf(body.avatar_key)).length === 0);
  });

  test('identity#27: the sixth picture in a minute is refused; a refused foreign handle uses no slot', async () => {
    const image = await pictureAs('png');
    const foreign = (await newAgent()).agent.handle;
    const attempt = async (): Promise<CallAnswer[] | null> => {
      const agent = await newAgent();
      const key = agent.apiKey;
      const group = await call(url(), 'POST', '/v1/groups', { key, body: { name: 'a group' } });
      const path = `/v1/groups/${group.body.group.id}/avatar`;
      const putGroup = () => call(url(), 'PUT', path, { key, body: new Uint8Array(image) });
      const minute = Math.floor(Date.now() / 60_000);
      expect((await put(agent, image, foreign)).body.code).toBe('FORBIDDEN');
      expect((await remove(agent, 'never-registered')).body.code).toBe('FORBIDDEN');
      const answers = [await put(agent, image), await putGroup(), await call(url(), 'DELETE', path, { key })];
      answers.push(await remove(agent), await remove(agent), await putGroup(), await put(agent, image));
      return Math.floor(Date.now() / 60_000) === minute ? answers : null;
    };
    const answers = await waitFor(attempt, { describe: 'seven writes within one minute' });
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 404, 429, 429]);
    for (const refused of answers.slice(5)) {
      expect(refused.body).toMatchObject({ code: 'RATE_LIMITED', details: { scope: 'avatar_write', limit: 5 } });
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
  });

  test('the own handle in any spelling is the own handle', async () => {
    const agent = await newAgent();
    const { handle } = agent.agent;
    const image = await pictureAs('png');
    for (const spelling of [`@${handle}`, `%40${handle}`, handle.toUpperCase()]) {
      expect((await put(agent, image, spelling)).status).toBe(200);
    }
  });

  test('a picture is served as bytes that never change, to anybody', async () => {
    const { body } = await put(await newAgent(), await pictureAs('png'));
    const served = await fetchPicture(body.avatar_url, { authorization: 'Bearer nonsense' });
    expect(served.status).toBe(200);
    expect(Object.fromEntries(served.headers)).toMatchObject({
      'content-type': 'image/webp',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      etag: `"${body.avatar_key}"`,
      'content-length': String((await served.arrayBuffer()).byteLength),
    });
    const known = await fetchPicture(body.avatar_url, { 'if-none-match': `W/"${body.avatar_key}"` });
    expect([known.status, await known.text()]).toEqual([304, '']);
    const head = await fetch(url() + new URL(body.avatar_url as string).pathname, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'image/webp']);
    const unknown = [
      'unknown.webp',
      'no/unknown.webp',
      'g/no/unknown.webp',
      '..%2f..%2fetc/passwd',
      '..%2fetc%2fpasswd',
    ];
    for (const key of [...unknown, `g/${body.avatar_key}`, body.avatar_key.toUpperCase()]) {
      const answer = await call(url(), 'GET', `/avatars/${key}`);
      expect([answer.status, answer.body.code]).toEqual([404, 'NOT_FOUND']);
    }
  });

  test('any number of uploads at once ends with one picture, which is there', async () => {
    const agent = await newAgent();
    const images = await Promise.all([1, 2, 1, 2, 1].map((size) => pictureAs('png', 200 * size, 200)));
    const answers = await Promise.all(images.map((image) => put(agent, image)));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    const url = (await urlOf(agent)) ?? '';
    expect((await fetchPicture(url)).status).toBe(200);
    const keys = new Set(answers.map(({ body }) => body.avatar_key as string));
    expect(await database.avatars.countDocuments({ _id: { $in: [...keys] } })).toBe(1);
    await waitFor(async () => {
      const left = await Promise.all([...keys].map(objectsOf));
      return left.flat().length === 1;
    });
  });

  test('without a store an upload is 503 and the agent is as it was', async () => {
    const broken = join(folder.path, 'no-folder');
    await writeFile(broken, 'a file where the folder should be');
    const api = await stack.startApi({ BLOB_STORE: `file:${broken}` });
    const agent = await newAgent();
    const before = await put(agent, await pictureAs('png'));
    const answer = await call(api.baseUrl, 'PUT', `/v1/agents/${agent.agent.handle}/avatar`, {
      key: agent.apiKey,
      body: new Uint8Array(await pictureAs('png', 400, 400)),
    });
    expect([answer.status, answer.body.code]).toEqual([503, 'STORAGE_UNAVAILABLE']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await urlOf(agent)).toBe(before.body.avatar_url);
    expect((await call(api.baseUrl, 'GET', '/v1/health')).body).toMatchObject({ status: 'ok', blobs: false });
    await stack.kill(api);
  });
});

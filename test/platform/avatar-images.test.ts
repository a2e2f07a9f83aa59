import fc from 'fast-check';
import sharp from 'sharp';
import { imageFormatOf } from '../../platform/images/image-format';
import { processAvatar } from '../../platform/images/process-avatar';
import { animatedGif, noise, pictureAs } from '../support/images';

const REFUSALS = ['EMPTY_BODY', 'UNSUPPORTED_FORMAT', 'DECODE_FAILED', 'IMAGE_TOO_SMALL', 'PROCESSING_FAILED'];
const RUNS = { numRuns: 60 };

/** The result's shape, or the code of the refusal: nothing else may come out, whatever goes in. */
async function outcomeOf(bytes: Uint8Array): Promise<string> {
  try {
    const { format, width, height } = await sharp(await processAvatar(bytes)).metadata();
    return `${format} ${width}×${height}`;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

const isKnown = (outcome: string): boolean => outcome === 'webp 512×512' || REFUSALS.includes(outcome);

describe('any bytes as a picture', () => {
  let images: Buffer[];

  beforeAll(async () => {
    images = await Promise.all([
      pictureAs('jpeg'),
      pictureAs('png'),
      pictureAs('webp'),
      pictureAs('gif'),
      animatedGif(),
      noise(160, 160),
    ]);
  });

  const anImage = fc.nat({ max: 5 });

  test('a picture is encoded with quality 85, so that its key is the one that any server gives it', async () => {
    const image = await noise(300, 200);
    const expected = await sharp(image).resize(512, 512, { fit: 'cover' }).webp({ quality: 85 }).toBuffer();
    expect((await processAvatar(image)).equals(expected)).toBe(true);
  });

  test('random bytes are never a picture and never a fault', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
        expect(REFUSALS).toContain(await outcomeOf(bytes));
      }),
      RUNS,
    );
  });

  test('identity#25: the right magic before random bytes does not decode', async () => {
    await fc.assert(
      fc.asyncProperty(anImage, fc.uint8Array({ minLength: 12, maxLength: 2_000 }), async (index, bytes) => {
        const start = images[index]?.subarray(0, 12) ?? Buffer.alloc(0);
        expect(['DECODE_FAILED', 'IMAGE_TOO_SMALL']).toContain(await outcomeOf(Buffer.concat([start, bytes])));
      }),
      RUNS,
    );
  });

  test('identity#25: an image cut off anywhere has a documented answer', async () => {
    await fc.assert(
      fc.asyncProperty(anImage, fc.double({ min: 0, max: 1, noNaN: true }), async (index, part) => {
        const image = images[index] ?? Buffer.alloc(0);
        const outcome = await outcomeOf(image.subarray(0, Math.floor(image.length * part)));
        expect(isKnown(outcome)).toBe(true);
        // Half an image is never taken for a whole one, but for animations, whose first frame may be whole.
        if (part < 0.5 && index !== 4) expect(REFUSALS).toContain(outcome);
      }),
      RUNS,
    );
  });

  test('an image with bytes changed anywhere has a documented answer', async () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(anImage, changes, async (index, list) => {
        const bytes = Buffer.from(images[index] ?? Buffer.alloc(0));
        for (const [at, value] of list) bytes[at % bytes.length] = value;
        expect(isKnown(await outcomeOf(bytes))).toBe(true);
      }),
      RUNS,
    );
  });

  test('identity#25: pixels decide, not bytes: the largest image passes, one more column does not', async () => {
    const solid = (width: number, height: number): Promise<Buffer> =>
      sharp({ create: { width, height, channels: 3, background: '#ff0000' } })
        .png({ compressionLevel: 1 })
        .toBuffer();
    expect(await outcomeOf(await solid(6_144, 4_096))).toBe('webp 512×512');
    expect(await outcomeOf(await solid(6_145, 4_096))).toBe('DECODE_FAILED');
    // A bomb: a few hundred kilobytes that would unpack to a gigabyte.
    expect(await outcomeOf(bomb(30_000, 30_000))).toBe('DECODE_FAILED');
  });

  /** The header of a GIF that claims a canvas. */
  function bomb(width: number, height: number): Buffer {
    const header = Buffer.alloc(13);
    header.write('GIF89a');
    header.writeUInt16LE(width, 6);
    header.writeUInt16LE(height, 8);
    const frame = Buffer.from('2c00000000000000000002024401003b', 'hex');
    frame.writeUInt16LE(width, 5);
    frame.writeUInt16LE(height, 7);
    return Buffer.concat([header, frame]);
  }

  test('one image always gives the same bytes', async () => {
    for (const image of images) {
      const [one, other] = [await processAvatar(image), await processAvatar(image)];
      expect(one.equals(other)).toBe(true);
    }
  });

  test.each([
    ['jpeg', 'ffd8ffe0'],
    ['png', '89504e470d0a1a0a'],
    ['gif', '474946383761'],
    ['webp', '524946460000000057454250'],
    [null, '524946460000000057415645'],
    [null, '424d'],
  ])('%s is what %s begins', (format, hex) => {
    const start = Buffer.from(hex, 'hex');
    expect(imageFormatOf(Buffer.concat([start], 12))).toBe(format);
    expect(imageFormatOf(Buffer.concat([start], 11))).toBeNull();
  });
});

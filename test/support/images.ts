import { createHash, randomBytes } from 'node:crypto';
import sharp from 'sharp';

type Format = 'jpeg' | 'png' | 'webp' | 'gif';

/** Red above blue, so that crops and turns can be seen. */
export function picture(width: number, height: number): sharp.Sharp {
  const half = Math.floor(height / 2);
  return sharp({ create: { width, height, channels: 3, background: '#0000ff' } }).composite([
    { input: { create: { width, height: half, channels: 3, background: '#ff0000' } }, top: 0, left: 0 },
  ]);
}

export function pictureAs(format: Format, width = 300, height = 200): Promise<Buffer> {
  return picture(width, height).toFormat(format).toBuffer();
}

/** A GIF of three frames. */
export async function animatedGif(): Promise<Buffer> {
  const frames = await Promise.all(
    ['#ff0000', '#00ff00', '#0000ff'].map((background) =>
      sharp({ create: { width: 200, height: 200, channels: 3, background } })
        .png()
        .toBuffer(),
    ),
  );
  return sharp(frames, { join: { animated: true } })
    .gif()
    .toBuffer();
}

/** Noise does not compress: a JPEG that decodes and has about as many bytes as pixels. */
export function noise(width: number, height: number): Promise<Buffer> {
  return sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}

/** A valid image followed by zeros, of exactly `bytes` bytes. */
export async function padded(image: Promise<Buffer>, bytes: number): Promise<Buffer> {
  return Buffer.concat([await image], bytes);
}

/** The colour of one point of an image. */
export async function colourAt(image: Buffer, left: number, top: number): Promise<'red' | 'blue' | 'other'> {
  const { data } = await sharp(image)
    .removeAlpha()
    .extract({ left, top, width: 1, height: 1 })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const [red = 0, , blue = 0] = data;
  if (red > 180 && blue < 80) return 'red';
  return blue > 180 && red < 80 ? 'blue' : 'other';
}

/** The public key that identity.md §13.1 gives to a finished picture of an agent or a group. */
export function avatarKeyOf(ownerId: string, image: Buffer): string {
  const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');
  const folder = ownerId.startsWith('grp_') ? 'g/' : '';
  return `${folder}${sha256(ownerId).slice(0, 16)}/${sha256(image).slice(0, 32)}.webp`;
}

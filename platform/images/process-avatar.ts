import sharp from 'sharp';
import { AppError } from '../../contract/errors';
import { AVATAR_PIXELS_MAX, AVATAR_QUALITY, AVATAR_SIDE, AVATAR_SIDE_MIN } from '../../contract/limits';
import { imageFormatOf } from './image-format';

// One image at a time, by one thread: there is one process for images, and it must leave the others room.
sharp.concurrency(1);
sharp.cache(false);

/** Longer than the largest image that is let in takes at low priority on a busy machine. */
const SECONDS_MAX = 60;

/** Only the first frame of an animation: frames would multiply the pixels past every bound. */
const INPUT = { limitInputPixels: AVATAR_PIXELS_MAX, failOn: 'truncated', pages: 1 } as const;

/**
 * Checks 6 to 10 of identity.md §13: any bytes → a 512×512 WebP, upright, cropped to the centre, without metadata. The
 * same bytes give the same result.
 * @throws AppError EMPTY_BODY, UNSUPPORTED_FORMAT, DECODE_FAILED, IMAGE_TOO_SMALL, PROCESSING_FAILED
 */
export async function processAvatar(bytes: Uint8Array): Promise<Buffer> {
  if (bytes.length === 0) throw new AppError('EMPTY_BODY');
  const format = imageFormatOf(bytes);
  if (format === null) throw new AppError('UNSUPPORTED_FORMAT');
  const { width, height } = await decode(bytes, format).catch(() => {
    // What the decoder says may quote the image: the caller gets the code.
    throw new AppError('DECODE_FAILED');
  });
  if (width < AVATAR_SIDE_MIN || height < AVATAR_SIDE_MIN) throw new AppError('IMAGE_TOO_SMALL');
  return render(bytes).catch(() => {
    throw new AppError('PROCESSING_FAILED');
  });
}

/** Reads the image to its last row: a small stretched copy needs every pixel and little memory. */
async function decode(bytes: Uint8Array, format: string): Promise<{ width: number; height: number }> {
  const found = await sharp(bytes, INPUT).metadata();
  const { width, height } = found;
  if (found.format !== format) throw new Error('the bytes are not what they begin like');
  if (width * height > AVATAR_PIXELS_MAX) throw new Error('too many pixels');
  await sharp(bytes, INPUT).resize(16, 16, { fit: 'fill' }).raw().timeout({ seconds: SECONDS_MAX }).toBuffer();
  return { width, height };
}

function render(bytes: Uint8Array): Promise<Buffer> {
  return sharp(bytes, INPUT)
    .autoOrient()
    .resize(AVATAR_SIDE, AVATAR_SIDE, { fit: 'cover', position: 'centre' })
    .webp({ quality: AVATAR_QUALITY })
    .timeout({ seconds: SECONDS_MAX })
    .toBuffer();
}

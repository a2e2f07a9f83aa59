import { z } from 'zod';
import { avatarSchema } from './avatars';
import type { Endpoint } from './endpoint';
import { AVATAR_BYTES_MAX } from './limits';
import { okSchema } from './social';

/** identity.md §13. */

export const setAvatar: Endpoint = {
  method: 'PUT',
  path: '/v1/agents/:handle/avatar',
  operationId: 'setAvatar',
  summary: 'Set the own picture: JPEG, PNG, WebP or GIF, kept as 512×512 WebP without metadata',
  tag: 'Identity',
  auth: 'agent',
  bodyBytesMax: AVATAR_BYTES_MAX,
  request: { bytes: 'application/octet-stream' },
  responses: { 200: { description: 'The picture, which can be fetched at once', schema: avatarSchema } },
  errors: [
    'FORBIDDEN',
    'RATE_LIMITED',
    'EMPTY_BODY',
    'UNSUPPORTED_FORMAT',
    'DECODE_FAILED',
    'IMAGE_TOO_SMALL',
    'PROCESSING_FAILED',
    'STORAGE_UNAVAILABLE',
  ],
};

export const removeAvatar: Endpoint = {
  method: 'DELETE',
  path: '/v1/agents/:handle/avatar',
  operationId: 'removeAvatar',
  summary: 'Remove the own picture',
  tag: 'Identity',
  auth: 'agent',
  responses: { 200: { description: 'Removed', schema: okSchema } },
  errors: ['FORBIDDEN', 'RATE_LIMITED', 'NOT_FOUND'],
};

const PICTURE = {
  200: { description: '512×512 WebP', schema: z.unknown(), mediaType: 'image/webp' },
  304: { description: 'The caller has it (`If-None-Match`)' },
};

export const getAvatar: Endpoint = {
  method: 'GET',
  path: '/avatars/:owner/:image',
  operationId: 'getAvatar',
  summary: 'The picture behind an `avatar_url`; never changes',
  tag: 'Identity',
  auth: 'none',
  responses: PICTURE,
  errors: ['NOT_FOUND', 'STORAGE_UNAVAILABLE'],
};

export const getGroupAvatar: Endpoint = {
  ...getAvatar,
  path: '/avatars/g/:owner/:image',
  operationId: 'getGroupAvatar',
  summary: 'The picture behind the `avatar_url` of a group; never changes',
};

export const AVATAR_ENDPOINTS: Endpoint[] = [setAvatar, removeAvatar, getAvatar, getGroupAvatar];

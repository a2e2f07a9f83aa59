import { z } from 'zod';
import { createUploadSchema, signedQuerySchema, uploadSchema } from './attachments';
import type { Endpoint } from './endpoint';
import { ATTACHMENT_BYTES_MAX } from './limits';
import { okSchema } from './social';

/** messaging.md §12. */

export const createUpload: Endpoint = {
  method: 'POST',
  path: '/v1/uploads',
  operationId: 'createUpload',
  summary: 'Reserve an attachment; its bytes then go to `upload_url`',
  tag: 'Attachments',
  auth: 'agent',
  request: { body: createUploadSchema },
  responses: { 201: { description: 'The attachment and where to PUT its bytes', schema: uploadSchema } },
  errors: ['VALIDATION_ERROR', 'GROUP_NOT_FOUND', 'GROUP_DELETED', 'AGENT_NOT_FOUND', 'BLOCKED', 'STORAGE_UNAVAILABLE'],
};

export const putUpload: Endpoint = {
  method: 'PUT',
  path: '/v1/uploads/:id',
  operationId: 'putUpload',
  summary: 'The bytes of an attachment, at its signed URL; an object store has URLs of its own',
  tag: 'Attachments',
  auth: 'none',
  bodyBytesMax: ATTACHMENT_BYTES_MAX,
  streamsBody: true,
  ignoresIdempotencyKey: true,
  request: { query: signedQuerySchema, bytes: 'application/octet-stream' },
  responses: { 200: { description: 'Stored', schema: okSchema } },
  errors: ['FORBIDDEN', 'SIZE_MISMATCH', 'CHECKSUM_MISMATCH', 'STORAGE_UNAVAILABLE'],
};

export const getAttachment: Endpoint = {
  method: 'GET',
  path: '/v1/attachments/:id',
  operationId: 'getAttachment',
  summary: 'A fresh signed URL of an attachment in `Location`',
  tag: 'Attachments',
  auth: 'agent',
  responses: { 302: { description: 'No body; do not send the API key along' } },
  errors: ['ATTACHMENT_NOT_FOUND', 'GROUP_DELETED', 'STORAGE_UNAVAILABLE'],
};

export const getDownload: Endpoint = {
  method: 'GET',
  path: '/v1/downloads/:id',
  operationId: 'getDownload',
  summary: 'The bytes of an attachment, at its signed URL; an object store has URLs of its own',
  tag: 'Attachments',
  auth: 'none',
  request: { query: signedQuerySchema },
  responses: {
    200: {
      description: 'The file; `ETag` names its bytes',
      schema: z.unknown(),
      mediaType: 'application/octet-stream',
    },
    206: {
      description: 'The part of it that a `Range` of one part asks for, in `Content-Range`',
      schema: z.unknown(),
      mediaType: 'application/octet-stream',
    },
    416: { description: 'No body: such a part is not there; `Content-Range` tells how long the file is' },
  },
  errors: ['FORBIDDEN', 'ATTACHMENT_NOT_FOUND', 'STORAGE_UNAVAILABLE'],
};

export const ATTACHMENT_ENDPOINTS: Endpoint[] = [createUpload, putUpload, getAttachment, getDownload];

const Ajv = require('ajv/dist/2020');
const addFormats = require('ajv-formats');
const { buildOpenapi } = require('../../dist/contract/openapi');
const { ENDPOINTS } = require('../../dist/contract/endpoints');
const { DASHBOARD_ENDPOINTS } = require('../../dist/contract/endpoints-dashboard');
const { PAUSE_ENDPOINTS } = require('../../dist/contract/endpoints-pause');
const { OWNER_VIEW_ENDPOINTS } = require('../../dist/contract/endpoints-owner-views');
const { OWNER_WEBHOOK_ENDPOINTS } = require('../../dist/contract/endpoints-owner-webhooks');

/** What the dashboard calls is not in the public document, but declared and checked like everything else. */
const OF_OWNERS = [...DASHBOARD_ENDPOINTS, ...PAUSE_ENDPOINTS, ...OWNER_VIEW_ENDPOINTS, ...OWNER_WEBHOOK_ENDPOINTS].map(
  (endpoint) => ({ ...endpoint, isInternal: false }),
);

/** Served, but not part of the public surface (conventions.md §17): only their refusals are checked. */
const UNLISTED = /^\/(internal\/|docs(\/|$)|app(\/|$)|c\/|avatars\/|x402\/|v1\/ws$)/;
/** Answers to callers that went away; nobody receives them. */
const CLIENT_CLOSED_REQUEST = 499;
/** These wait for something else than time to pass. */
const NO_WAIT = new Set(['OTP_ATTEMPTS_EXHAUSTED', 'RECIPIENT_BACKLOGGED']);

/** Makes the function that says what is wrong with one answer, or null. */
exports.createResponseCheck = function createResponseCheck() {
  const document = buildOpenapi([...ENDPOINTS, ...OF_OWNERS], '0.0.0', 'http://localhost', { isStrict: true });
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  ajv.addSchema(document, 'document');
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const find = createFinder(operations);
  const validators = new Map();
  const validatorOf = (pointer) => {
    if (!validators.has(pointer)) validators.set(pointer, ajv.compile({ $ref: `document#${pointer}` }));
    return validators.get(pointer);
  };

  return function check({ method, url, status, headers, body }) {
    if (status === CLIENT_CLOSED_REQUEST || method === 'OPTIONS') return null;
    const missing = checkHeaders(status, headers, body);
    if (missing !== null) return missing;
    const path = url.split(/[?#]/)[0].replace(/\/{2,}/g, '/');
    const found = find(method === 'HEAD' ? 'GET' : method, path);
    if (found === null) return checkUnlisted(path, status, method === 'HEAD' ? null : body);
    const described = found.operation.responses[status];
    if (described === undefined) return `the document has no ${status} here: ${excerpt(body)}`;
    const medias = Object.keys(described.content ?? {});
    const type = String(headers['content-type'] ?? '').split(';')[0];
    // A stream that the caller asked for, where there is one.
    if (medias.length > 1 && type !== medias[0]) return medias.includes(type) ? null : `not declared: ${type}`;
    const [media] = medias;
    if (media !== 'application/json' || method === 'HEAD') return null;
    const parts = ['paths', found.path, found.method.toLowerCase(), 'responses', status, 'content', media, 'schema'];
    const pointer = parts.map((part) => `/${encodeURIComponent(escape(String(part)))}`).join('');
    return validate(validatorOf(pointer), body);
  };
};

/** A path as JSON pointers write it. */
function escape(part) {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}

function validate(validator, body) {
  const value = parse(body);
  if (value === undefined) return `no JSON: ${excerpt(body)}`;
  if (validator(value)) return null;
  const faults = validator.errors.map(
    ({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`,
  );
  return `${faults.slice(0, 5).join('; ')} in ${excerpt(body)}`;
}

/** Every answer has its id; one that waiting helps says how long (conventions.md §5, §19.6). */
function checkHeaders(status, headers, body) {
  if (!headers['x-request-id']) return 'no X-Request-Id';
  if (status !== 429 && status !== 503) return null;
  const { code, details } = parse(body) ?? {};
  if (code === undefined || NO_WAIT.has(code) || details?.scope === 'cold_outreach') return null;
  if (!/^[1-9]\d*$/.test(String(headers['retry-after']))) return `${code} without Retry-After`;
  return status === 429 && !Number.isInteger(details?.retry_after_ms) ? `${code} without retry_after_ms` : null;
}

/** What is not in the document is refused, or belongs to an area that is not public. */
function checkUnlisted(path, status, body) {
  if (status < 400) return UNLISTED.test(path) ? null : 'the document does not have this route';
  if (body === null) return null;
  const value = parse(body);
  const isEnvelope = typeof value?.code === 'string' && typeof value?.message === 'string';
  return isEnvelope ? null : `not the error envelope: ${excerpt(body)}`;
}

/** Segment by segment as the router does: where a literal fits, parameters are not looked at any more. */
function createFinder(operations) {
  const all = operations.map((entry) => ({ ...entry, segments: entry.path.split('/') }));
  return (method, path) => {
    const segments = path.split('/');
    let left = all;
    segments.forEach((segment, index) => {
      const literal = left.filter((entry) => entry.segments[index] === segment);
      const isParameter = (entry) => segment !== '' && entry.segments[index]?.startsWith('{') === true;
      left = literal.length > 0 ? literal : left.filter(isParameter);
    });
    return left.find((entry) => entry.segments.length === segments.length && entry.method === method) ?? null;
  };
}

function parse(body) {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function excerpt(body) {
  return body.toString('utf8').slice(0, 300);
}

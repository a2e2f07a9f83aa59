import { ENDPOINTS } from '../contract/endpoints';
import { buildOpenapi } from '../contract/openapi';
import { serverVersion } from './http/version';

/** Prints the OpenAPI document that an api of this version serves: `npm run --silent openapi > openapi.json`. */
process.stdout.write(`${JSON.stringify(buildOpenapi(ENDPOINTS, serverVersion(), 'http://localhost:8080'), null, 2)}\n`);

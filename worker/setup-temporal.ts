import { Connection } from '@temporalio/client';
import { startProcess } from '../platform/start';
import { temporalConnectionOptions } from '../platform/temporal-connection';
import { SEARCH_ATTRIBUTES } from '../workflows/messages/search-attributes';

/** KEYWORD in Temporal's enumeration of value types. */
const KEYWORD = 2;

/** Registers the search attributes on the namespace; those that exist are left alone. */
async function setUp(): Promise<void> {
  const { config, log } = startProcess('setup-temporal');
  const namespace = config.TEMPORAL_NAMESPACE;
  const connection = await Connection.connect(temporalConnectionOptions(config));
  const known = await connection.operatorService.listSearchAttributes({ namespace });
  const missing = SEARCH_ATTRIBUTES.filter((name) => !(name in (known.customAttributes ?? {})));
  if (missing.length > 0) {
    const searchAttributes = Object.fromEntries(missing.map((name) => [name, KEYWORD]));
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
  }
  log.info({ event: 'setup.done', added: missing });
  await connection.close();
}

void setUp();

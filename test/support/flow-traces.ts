import type { WorkflowHandle } from '@temporalio/client';

/** Everything that Temporal keeps of a flow as text: history, memo, search attributes, with payloads decoded. */
export async function traceOf(handle: WorkflowHandle): Promise<string> {
  const [history, description] = await Promise.all([handle.fetchHistory(), handle.describe()]);
  const payloads: string[] = [];
  const kept = {
    history,
    memo: description.memo,
    attributes: description.typedSearchAttributes,
    summary: description.raw.executionConfig?.userMetadata,
  };
  const text = JSON.stringify(kept, (_key, value: unknown) => {
    if (value instanceof Uint8Array) payloads.push(Buffer.from(value).toString('utf8'));
    if (isBufferJson(value)) payloads.push(Buffer.from(value.data).toString('utf8'));
    return typeof value === 'bigint' ? String(value) : value;
  });
  // Histories write payloads as base64 when they become JSON.
  for (const [, data = ''] of text.matchAll(/"data":"([A-Za-z0-9+/=]+)"/g)) {
    payloads.push(Buffer.from(data, 'base64').toString('utf8'));
  }
  return text + payloads.join('\n');
}

/** A buffer as its own `toJSON` gives it to the replacer. */
function isBufferJson(value: unknown): value is { data: number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value;
}

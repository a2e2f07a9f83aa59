import { PAID_TIMEOUT_SECONDS } from '../../contract/limits';
import type { PaymentSettings } from '../schema/collections/payments';
import type { Database } from '../schema/database';
import { READ, WRITE } from '../schema/reads';

/** What the owner of an agent asks for its turns; as nobody has said yet where nobody has. */
export async function loadPaymentSettings(
  database: Database,
  { agentId, ownerId }: { agentId: string; ownerId: string },
): Promise<PaymentSettings> {
  const found = await database.paymentSettings.findOne({ _id: agentId, ownerId }, READ);
  return (
    found ?? {
      _id: agentId,
      ownerId,
      isEnabled: false,
      price: null,
      payTo: null,
      description: null,
      timeoutSeconds: PAID_TIMEOUT_SECONDS.default,
      updatedAt: new Date(0),
    }
  );
}

/** Settings that strangers may pay by. */
export type OpenSettings = PaymentSettings & {
  price: NonNullable<PaymentSettings['price']>;
  payTo: string;
};

/** What strangers pay for a turn with the agent; null: they cannot, or not any more since it has another owner. */
export async function findOpenSettings(database: Database, agentId: string): Promise<OpenSettings | null> {
  const settings = await database.paymentSettings.findOne({ _id: agentId, isEnabled: true }, READ);
  if (settings === null || settings.price === null || settings.payTo === null) return null;
  const { ownerId, price, payTo } = settings;
  const claim = await database.claims.findOne({ _id: agentId, ownerId }, READ);
  return claim === null ? null : { ...settings, price, payTo };
}

/** Replaces what the owner asks. Two at once: the last one counts, as a whole. */
export async function savePaymentSettings(database: Database, settings: PaymentSettings): Promise<void> {
  await database.paymentSettings.replaceOne({ _id: settings._id }, settings, { ...WRITE, upsert: true });
}

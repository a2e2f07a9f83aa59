import { z } from 'zod';
import { PAID_TIMEOUT_SECONDS, PAYMENTS_PAGE } from './limits';
import { clamped } from './paging';
import { boundedText } from './text';

/** An address of an account or a token on an EVM chain, in any case. */
const addressSchema = z.string().regex(/^0x[0-9a-fA-F]{40}$/, 'Expected 0x and 40 hexadecimal digits');
const ASSET = '0x036CbD53842c5426634e7929541eC2318f3dCF7e';
const ACCOUNT = '0x209693Bc6afc0C5328bA36FaF03C514EF312287C';

/** Longest name of a token and of its version that signatures are made for. */
const DOMAIN_NAME_LENGTH_MAX = 100;
const DECIMALS_MAX = 77;
const DESCRIPTION_LENGTH_MAX = 500;

/** gateway.md §6.3: what a turn costs. Amounts are whole numbers of the smallest unit, as text. */
export const priceSchema = z.object({
  amount: z
    .string()
    .regex(/^[1-9]\d{0,76}$/, 'Expected a whole number of atomic units')
    .meta({ examples: ['10000'] }),
  asset: addressSchema.meta({ examples: [ASSET] }),
  network: z
    .string()
    .regex(/^eip155:[1-9]\d{0,15}$/, 'Expected eip155: and the number of a chain')
    .refine(
      (network) => Number.isSafeInteger(Number(network.slice('eip155:'.length))),
      'Expected the number of a chain',
    )
    .meta({ examples: ['eip155:84532'] }),
  name: boundedText({ min: 1, max: DOMAIN_NAME_LENGTH_MAX }).meta({ examples: ['USDC'] }),
  version: boundedText({ min: 1, max: DOMAIN_NAME_LENGTH_MAX }).meta({ examples: ['2'] }),
  decimals: z
    .number()
    .int()
    .min(0)
    .max(DECIMALS_MAX)
    .meta({ examples: [6] }),
});

const timeoutSchema = z
  .number()
  .int()
  .min(PAID_TIMEOUT_SECONDS.min)
  .max(PAID_TIMEOUT_SECONDS.max)
  .nullish()
  .transform((seconds) => seconds ?? PAID_TIMEOUT_SECONDS.default)
  .meta({ default: PAID_TIMEOUT_SECONDS.default });

/** gateway.md §6.3: an owner's configuration. Only one that is switched off may leave price and account out. */
export const putPaymentsSchema = z
  .object({
    enabled: z.boolean().meta({ examples: [true] }),
    price: priceSchema.nullish().transform((price) => price ?? null),
    pay_to: addressSchema
      .nullish()
      .transform((payTo) => payTo ?? null)
      .meta({ examples: [ACCOUNT] }),
    description: boundedText({ max: DESCRIPTION_LENGTH_MAX })
      .nullish()
      .transform((text) => text ?? null),
    timeout_seconds: timeoutSchema,
  })
  .refine(({ enabled, price }) => !enabled || price !== null, { path: ['price'], message: 'Required' })
  .refine(({ enabled, pay_to: payTo }) => !enabled || payTo !== null, { path: ['pay_to'], message: 'Required' });

export const paymentSettingsSchema = z
  .object({
    enabled: z.boolean(),
    price: priceSchema.nullable(),
    pay_to: z.string().nullable(),
    description: z.string().nullable(),
    timeout_seconds: z.number().int(),
  })
  .meta({ id: 'PaymentSettings' });

export const paymentsLogQuerySchema = z.object({ limit: clamped({ ...PAYMENTS_PAGE, min: 1 }) });

const time = z.iso.datetime();

/** gateway.md §6.3: a payment as the agent's owner sees it. */
export const paymentSchema = z
  .object({
    id: z.string().meta({ examples: ['pay_V0h1uE3qXn8JcR5s'] }),
    execution_id: z.string(),
    session_id: z.string(),
    status: z.enum(['running', 'settling', 'settled', 'refused', 'released']),
    settled: z.boolean(),
    x402_version: z.union([z.literal(1), z.literal(2)]),
    network: z.string(),
    asset: z.string(),
    amount: z.string(),
    payer: z.string(),
    pay_to: z.string(),
    transaction: z.string().nullable(),
    reason: z.string().nullable(),
    created_at: time,
    settled_at: time.nullable(),
  })
  .meta({ id: 'Payment' });
export const paymentsLogSchema = z.array(paymentSchema);

/** gateway.md §6.3: what a payer says. Its size is checked after its type, with a code of its own. */
export const paidChatSchema = z.object({
  message: z
    .string()
    .refine((text) => text.trim() !== '', 'Expected a text')
    .meta({ examples: ['What will the weather be?'] }),
  session_id: z
    .string()
    .nullish()
    .transform((id) => id ?? undefined)
    .meta({ examples: ['ses_Kq3d0Zr5mTt1WbYp'] }),
});

const openObject = z.looseObject({});
const requiredV1Schema = z.object({
  x402Version: z.literal(1),
  error: z.string(),
  accepts: z.array(openObject),
});
const requiredV2Schema = z.object({
  x402Version: z.literal(2),
  error: z.string().optional(),
  resource: openObject,
  accepts: z.array(openObject),
  extensions: openObject.optional(),
});

export const paidInfoSchema = z
  .object({
    agent_name: z.string(),
    enabled: z.literal(true),
    price: priceSchema,
    timeout_seconds: z.number().int(),
    payment_required: requiredV2Schema,
    payment_required_v1: requiredV1Schema,
  })
  .meta({ id: 'PaidChatInfo' });

/** What became of a payment, beside an answer or a refusal. */
const outcomeSchema = z.object({
  settled: z.boolean(),
  reason: z.string().optional(),
  transaction: z.string().optional(),
  network: z.string().optional(),
  payer: z.string().optional(),
  amount: z.string().optional(),
});

export const paidAnswerSchema = z
  .object({
    response: z.string(),
    execution_id: z.string(),
    session_id: z.string(),
    status: z.literal('success'),
    payment: outcomeSchema,
  })
  .meta({ id: 'PaidAnswer' });

/** The 402 of both generations at once. */
export const paymentRequiredSchema = requiredV1Schema
  .extend({
    payment_required: requiredV2Schema,
    code: z.literal('PAYMENT_REQUIRED'),
    message: z.string(),
    detail: z.string(),
    payment: outcomeSchema.optional(),
  })
  .meta({ id: 'PaymentRequired' });

export type Price = z.output<typeof priceSchema>;
export type PutPaymentsBody = z.output<typeof putPaymentsSchema>;
export type PaymentSettingsView = z.output<typeof paymentSettingsSchema>;
export type PaymentView = z.output<typeof paymentSchema>;
export type PaidChatBody = z.output<typeof paidChatSchema>;
export type PaidInfoView = z.output<typeof paidInfoSchema>;
export type PaidAnswerView = z.output<typeof paidAnswerSchema>;
export type PaymentRequiredView = z.output<typeof paymentRequiredSchema>;

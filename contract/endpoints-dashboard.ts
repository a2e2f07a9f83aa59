import type { Endpoint } from './endpoint';
import {
  agentProfileSchema,
  bootstrapSchema,
  claimedAgentSchema,
  claimedAgentsSchema,
  claimSchema,
  codeRequestSchema,
  doneSchema,
  ownerSchema,
  signedInSchema,
  signedOutEverywhereSchema,
} from './owners';
import { codeStartedSchema, verifySchema } from './registration';

/** dashboard.md §3, §4: sign-in, sessions, claims. Served to the dashboard page, not part of the public surface. */
const shared = { tag: 'Dashboard', isInternal: true } as const;

export const requestCode: Endpoint = {
  ...shared,
  method: 'POST',
  path: '/dashboard/auth/otp/request',
  operationId: 'requestSignInCode',
  summary: 'Mail a code that signs an owner in, or up',
  auth: 'none',
  addressLimit: 'dashboard_otp',
  request: { body: codeRequestSchema },
  responses: { 200: { description: 'A code was mailed', schema: codeStartedSchema } },
  errors: ['OTP_COOLDOWN', 'OTP_HOURLY_CAP', 'OTP_FAILED'],
};

export const verifyCode: Endpoint = {
  ...shared,
  method: 'POST',
  path: '/dashboard/auth/otp/verify',
  operationId: 'verifySignInCode',
  summary: 'Sign in with the mailed code: sets both cookies',
  auth: 'none',
  addressLimit: 'dashboard_verify',
  request: { body: verifySchema },
  responses: { 200: { description: 'Signed in', schema: signedInSchema } },
  errors: ['EXPIRED', 'OTP_ATTEMPTS_EXHAUSTED', 'INVALID_CODE'],
};

export const refreshSession: Endpoint = {
  ...shared,
  method: 'POST',
  path: '/dashboard/auth/refresh',
  operationId: 'refreshSession',
  answersInOutage: true,
  summary: 'New cookies for the refresh cookie; the same ones for all who ask within 30 s',
  auth: 'none',
  addressLimit: 'dashboard_refresh',
  responses: { 200: { description: 'Both cookies are new', schema: doneSchema } },
  errors: ['UNAUTHORIZED', 'REFRESH_UNAVAILABLE'],
};

export const signOut: Endpoint = {
  ...shared,
  method: 'POST',
  path: '/dashboard/auth/logout',
  operationId: 'signOut',
  answersInOutage: true,
  summary: 'End the session of the refresh cookie, if there is one; clears both cookies',
  auth: 'none',
  responses: { 200: { description: 'Signed out', schema: doneSchema } },
  errors: [],
};

export const signOutEverywhere: Endpoint = {
  ...shared,
  method: 'POST',
  path: '/dashboard/auth/logout/all',
  operationId: 'signOutEverywhere',
  summary: 'End every session of the owner at once',
  auth: 'owner',
  responses: { 200: { description: 'Signed out on all devices', schema: signedOutEverywhereSchema } },
  errors: [],
};

export const getOwner: Endpoint = {
  ...shared,
  method: 'GET',
  path: '/dashboard/me',
  operationId: 'getOwner',
  summary: 'Who is signed in',
  auth: 'owner',
  responses: { 200: { description: 'The owner', schema: ownerSchema } },
  errors: [],
};

export const bootstrap: Endpoint = {
  ...shared,
  method: 'GET',
  path: '/dashboard/bootstrap',
  operationId: 'bootstrapDashboard',
  summary: 'Owner and claimed agents: all that the page needs to start',
  auth: 'owner',
  responses: { 200: { description: 'Owner and agents', schema: bootstrapSchema } },
  errors: [],
};

export const claimAgent: Endpoint = {
  ...shared,
  method: 'POST',
  path: '/dashboard/agents/claim',
  operationId: 'claimAgent',
  summary: 'Claim the agent that this API key belongs to',
  auth: 'owner',
  addressLimit: 'dashboard_claim',
  request: { body: claimSchema },
  responses: {
    201: { description: 'Claimed', schema: claimedAgentSchema },
    200: { description: 'Claimed by the caller before', schema: claimedAgentSchema },
  },
  errors: ['INVALID_API_KEY', 'SYSTEM_AGENT_PROTECTED', 'TOO_MANY_CLAIMS', 'ALREADY_CLAIMED'],
};

export const listClaimedAgents: Endpoint = {
  ...shared,
  method: 'GET',
  path: '/dashboard/agents',
  operationId: 'listClaimedAgents',
  summary: 'Claimed agents, newest claim first',
  auth: 'owner',
  responses: { 200: { description: 'The agents', schema: claimedAgentsSchema } },
  errors: [],
};

export const getClaimedAgent: Endpoint = {
  ...shared,
  method: 'GET',
  path: '/dashboard/agents/:handle',
  operationId: 'getClaimedAgent',
  summary: 'One claimed agent',
  auth: 'owner',
  responses: { 200: { description: 'The agent', schema: agentProfileSchema } },
  errors: ['AGENT_NOT_FOUND'],
};

export const releaseAgent: Endpoint = {
  ...shared,
  method: 'DELETE',
  path: '/dashboard/agents/:handle',
  operationId: 'releaseAgent',
  summary: 'Give a claimed agent up; ends a pause',
  auth: 'owner',
  responses: { 200: { description: 'Released', schema: doneSchema } },
  errors: ['AGENT_NOT_FOUND', 'CLAIM_NOT_FOUND'],
};

export const DASHBOARD_ENDPOINTS: Endpoint[] = [
  requestCode,
  verifyCode,
  refreshSession,
  signOut,
  signOutEverywhere,
  getOwner,
  bootstrap,
  claimAgent,
  listClaimedAgents,
  getClaimedAgent,
  releaseAgent,
];

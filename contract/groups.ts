import { z } from 'zod';
import { DESCRIPTION_LENGTH_MAX, GROUP_CREATE_HANDLES_MAX, GROUP_NAME_LENGTH_MAX } from './limits';
import { boundedText } from './text';

/** groups.md §3: the wire's shapes of groups. */

const settingsSchema = z.object({ who_can_invite: z.literal('admin') }).meta({ id: 'GroupSettings' });

export const groupSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    avatar_url: z.string().nullable(),
    created_by: z.string(),
    settings: settingsSchema,
    member_count: z.int().min(0),
    created_at: z.iso.datetime(),
    last_message_at: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Group' });

export const groupMemberSchema = z
  .object({
    handle: z.string(),
    display_name: z.string().nullable(),
    role: z.enum(['admin', 'member']),
    joined_at: z.iso.datetime(),
  })
  .meta({ id: 'GroupMember' });

export const groupDetailSchema = groupSchema
  .extend({ members: z.array(groupMemberSchema), your_role: z.enum(['admin', 'member']) })
  .meta({ id: 'GroupDetail' });

export const addResultSchema = z
  .object({
    handle: z.string(),
    outcome: z.enum(['joined', 'invited', 'already_member']),
    invite_id: z.string().optional(),
  })
  .meta({ id: 'AddMemberResult' });

export const invitationSchema = z
  .object({
    id: z.string(),
    group_id: z.string(),
    group_name: z.string(),
    group_description: z.string().nullable(),
    group_avatar_url: z.string().nullable(),
    group_member_count: z.int(),
    inviter_handle: z.string(),
    created_at: z.iso.datetime(),
  })
  .meta({ id: 'GroupInvitation' });

export type GroupView = z.infer<typeof groupSchema>;
export type GroupDetailView = z.infer<typeof groupDetailSchema>;
export type AddResultView = z.infer<typeof addResultSchema>;
export type InvitationView = z.infer<typeof invitationSchema>;

export const createdGroupSchema = z.object({ group: groupDetailSchema, add_results: z.array(addResultSchema) });
export const messageTextSchema = z.object({ message: z.string() });
export const leftGroupSchema = messageTextSchema.extend({ promoted_handle: z.string().nullable() });
export const deletedGroupSchema = messageTextSchema.extend({ deleted_at: z.iso.datetime() });

const name = boundedText({ min: 1, max: GROUP_NAME_LENGTH_MAX });
const description = boundedText({ max: DESCRIPTION_LENGTH_MAX });
/** Only http and https: other schemes may act where they are shown (groups.md D5). */
const avatarUrl = z.url({ protocol: /^https?$/ });
const settings = z.object({ who_can_invite: z.literal('admin').nullish() });

/** groups.md §5.1. `null` counts as absent. */
export const createGroupSchema = z.object({
  name,
  description: description.nullish(),
  avatar_url: avatarUrl.nullish(),
  member_handles: z.array(z.string()).max(GROUP_CREATE_HANDLES_MAX).nullish(),
  settings: settings.nullish(),
});

/** groups.md §5.3: an absent field stays; `null` clears description and avatar. A name cannot be cleared. */
export const updateGroupSchema = z.object({
  name: name.nullish(),
  description: description.nullable().optional(),
  avatar_url: avatarUrl.nullable().optional(),
  settings: settings.nullish(),
});

export const addMemberSchema = z.object({ handle: z.string() });

import type { AuditAction, AuditActorType } from '../../../contract/audit-actions';
import { shape, STRING_OR_NULL, collection } from './collection';

/** Append-only; rows outlive their agent. Never holds keys, codes, addresses or texts. */
export interface AuditEvent {
  _id: string;
  actorType: AuditActorType;
  /** Agent or owner id, the operator's own label; null for the system and operators without one. */
  actorId: string | null;
  action: AuditAction;
  /** The agent or owner that it happened to. */
  targetId: string;
  metadata: Record<string, unknown>;
  createdAt: Date;
}

export const auditEvents = collection<AuditEvent>({
  schema: shape({
    _id: 'string',
    actorType: 'string',
    actorId: STRING_OR_NULL,
    action: 'string',
    targetId: 'string',
    metadata: 'object',
    createdAt: 'date',
  }),
  indexes: [
    // listAudit of one agent or owner, newest first
    { name: 'target_created_id', key: { targetId: 1, createdAt: -1, _id: -1 } },
    // listAudit of one action
    { name: 'action_created_id', key: { action: 1, createdAt: -1, _id: -1 } },
    // listAudit of everything
    { name: 'created_id', key: { createdAt: -1, _id: -1 } },
  ],
});

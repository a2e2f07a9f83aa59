import type { AuditActor } from '../../store/schema/audit';
import type { RequestContext } from './route';

/** A label in the audit log: visible ASCII, so that it is safe wherever it is shown. */
const LABEL = /^[\x21-\x7e]{1,64}$/;

/** Who acts, as `X-Ops-Operator` says (conventions.md §4); all operators have the same token. */
export function operatorOf(ctx: Pick<RequestContext, 'header'>): AuditActor {
  const label = ctx.header('x-ops-operator');
  return { type: 'operator', id: LABEL.test(label) ? label : null };
}

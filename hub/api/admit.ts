import { formatCauses } from '../../shared/model/validate.ts';
import type { Admission, ApiContext } from './context.ts';
import { forbidden, invalid } from './errors.ts';

/** Asks the hub whether it has anything against a write; @throws ApiError 422, and 403 for a deletion */
export function admit(context: ApiContext, admission: Admission): void {
  const causes = context.admit?.(admission) ?? [];
  if (causes.length === 0) return;
  const { kind, object, verb } = admission;
  throw verb === 'delete'
    ? forbidden(kind, object.metadata.name, formatCauses(causes))
    : invalid(kind, object.metadata.name, causes);
}

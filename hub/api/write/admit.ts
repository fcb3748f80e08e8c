import { formatCauses } from '../../../shared/model/validate.ts';
import type { Tables } from '../../ports.ts';
import type { Admission, ApiContext } from '../context.ts';
import { forbidden, invalid } from '../errors.ts';

/**
 * Asks the hub whether it has anything against a write.
 * @throws ApiError 422, and 403 for a deletion that is well asked for and that the object's state forbids
 */
export async function admit(context: ApiContext, tables: Tables, admission: Admission): Promise<void> {
  const causes = (await context.admit?.(admission, tables)) ?? [];
  if (causes.length === 0) return;
  const { kind, object, verb } = admission;
  const isForbidden = verb === 'delete' && causes.every(({ reason }) => reason === 'FieldValueForbidden');
  throw isForbidden
    ? forbidden(kind, object.metadata.name, formatCauses(causes))
    : invalid(kind, object.metadata.name, causes);
}

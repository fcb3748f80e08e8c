import { isSameJson } from '../../shared/base/same-json.ts';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { FieldCause } from '../../shared/model/validate.ts';

/** What is asked of the API; `previous` is the object as it is, where it is updated. */
interface Request {
  readonly verb: 'create' | 'update' | 'delete';
  readonly object: ResourceObject;
  readonly previous?: ResourceObject;
}

/** What can never be changed of the objects that machines name: of all such objects, and of immutable ones. */
const FIXED: Readonly<
  Record<string, { readonly always: readonly string[]; readonly kept: readonly string[] }>
> = {
  'v1/ConfigMap': { always: [], kept: ['data', 'binaryData', 'immutable'] },
  'v1/Secret': { always: ['type'], kept: ['data', 'immutable'] },
  'apps/v1/ControllerRevision': { always: ['data'], kept: [] },
};

/** Rules about the objects that machines name which a schema can't say, as Kubernetes has them. */
export function admitObject({ verb, object, previous }: Request): FieldCause[] {
  const { always, kept } = FIXED[`${object.apiVersion}/${object.kind}`] ?? { always: [], kept: [] };
  if (verb !== 'update' || previous === undefined) return [];
  const fixed = previous['immutable'] === true ? [...always, ...kept] : always;
  return fixed
    .filter((field) => !isSameJson(object[field], previous[field]))
    .map((field) => {
      const why = always.includes(field) ? '' : ': the object is immutable; make another one';
      return { field, reason: 'FieldValueForbidden', message: `can't be changed${why}` };
    });
}

import type { ResourceObject } from '../../shared/model/kind.ts';
import type { ApiContext } from './context.ts';
import { parseFieldSelector } from './field-selector.ts';
import { parseLabelSelector } from './label-selector.ts';
import type { ResourcePath } from './path.ts';

/** Which objects of a kind a request is about. */
export interface Selection {
  matches(object: ResourceObject): boolean;
  /** Whether it is the whole of a namespace, or of the kind. */
  readonly whole: boolean;
}

/** Reads `labelSelector` and `fieldSelector`; @throws ApiError 400 */
export function parseSelection(context: ApiContext, path: ResourcePath, query: URLSearchParams): Selection {
  const labelText = query.get('labelSelector') ?? '';
  const fieldText = query.get('fieldSelector') ?? '';
  const byLabels = parseLabelSelector(labelText);
  const byFields = parseFieldSelector(fieldText, context.schemas.of(path.kind));
  return {
    whole: labelText === '' && fieldText === '',
    matches(object) {
      if (path.namespace !== undefined && object.metadata.namespace !== path.namespace) return false;
      return byLabels(object.metadata.labels ?? {}) && byFields(object);
    },
  };
}

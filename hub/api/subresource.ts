import type { KindDefinition } from '../../shared/model/kind.ts';
import type { Reply } from './answer.ts';
import type { ApiContext, ApiRequest } from './context.ts';

/** Something that is asked of an object beside what every kind has: `…/devices/edge-1/timeline`. */
export interface Subresource {
  readonly group: string;
  readonly versions: readonly string[];
  /** The kind of the objects that have it; its group may be another, as with KubeVirt's. */
  readonly kind: KindDefinition;
  /** The last segment of its path. */
  readonly name: string;
  /** `get` is asked for by GET, `update` by PUT. */
  readonly verb: 'get' | 'update';
  /** The kind of what it answers with. */
  readonly responseKind: string;
  readonly serve: (context: ApiContext, target: Target, request: ApiRequest) => Promise<Reply>;
}

/** The object that a subresource is asked of; its namespace is '' where its kind has none. */
export interface Target {
  readonly namespace: string;
  readonly name: string;
}

import type { Duplex } from 'node:stream';
import type { KindDefinition } from '../../../shared/model/kind.ts';
import type { Reply } from '../answer.ts';
import type { ApiContext, ApiRequest } from '../context.ts';

/** Something that is asked of an object beside what every kind has: `…/devices/edge-1/timeline`. */
export interface Subresource {
  readonly group: string;
  readonly versions: readonly string[];
  /** The kind of the objects that have it; its group may be another, as with KubeVirt's. */
  readonly kind: KindDefinition;
  /** What follows the object's name in its path: `timeline`, `vnc/screenshot`. */
  readonly name: string;
  /** How many segments may follow that, at least and at most: `portforward/22/tcp`. */
  readonly parameters?: readonly [least: number, most: number];
  /** `get` is asked for by GET, `update` by PUT. */
  readonly verb: 'get' | 'update';
  /** The kind of what it answers with. */
  readonly responseKind: string;
  readonly serve: (context: ApiContext, target: Target, request: ApiRequest) => Promise<Reply>;
  /** Opens the stream that a WebSocket is asked for; left out where there is none. */
  readonly connect?: (context: ApiContext, target: Target, query: URLSearchParams) => Promise<Duplex>;
}

/** The object that a subresource is asked of; its namespace is '' where its kind has none. */
export interface Target {
  readonly namespace: string;
  readonly name: string;
  /** What follows the subresource's name. */
  readonly parameters: readonly string[];
}

import type { KindDefinition, ResourceObject } from '../../shared/model/kind.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import type { Metric } from '../../shared/base/exposition.ts';
import type { Clock, Log, Random } from '../../shared/ports.ts';
import type { RequestBody, ResponseMessage } from '../../shared/protocol/messages.ts';
import type { Authenticate, User } from '../auth/user.ts';
import type { Store, Tables, Tunnel } from '../ports.ts';
import type { HealthCheck } from './http/health.ts';
import type { KindSchemas } from './discovery/kind-schemas.ts';
import type { Accepted } from './accept.ts';

export interface Admission {
  readonly verb: 'create' | 'update' | 'delete';
  readonly kind: KindDefinition;
  readonly object: ResourceObject;
  /** The object as it is, where it is updated. */
  readonly previous?: ResourceObject;
  /** Of a deletion: whether what belongs to the object is asked to be left there. */
  readonly orphan?: boolean;
}

/** What serving needs; `admit` adds refusals that a schema can't express, `warn` what else there is to say, both inside the write's own
 * transaction. */
export interface ApiOptions {
  readonly store: Store;
  readonly kinds: readonly KindDefinition[];
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Holdfast's own. */
  readonly version: string;
  /**
   * Asks a device over its link and waits for its answer.
   * @throws EffectError `DeadlineExceeded`, `TooManyRequests`, `Unavailable`
   */
  readonly askDevice: (
    device: string,
    body: RequestBody,
    options: { readonly id?: string; readonly deadlineMs: number },
  ) => Promise<ResponseMessage>;
  /** Without it no stream can be opened. */
  readonly tunnel?: Pick<Tunnel, 'expect' | 'take'>;
  readonly authenticate: Authenticate;
  /** What has to be well for the hub to be, beside the API and the store. */
  readonly checks?: readonly HealthCheck[];
  /** What the rest of the hub counts, for `/metrics`. */
  readonly figures?: () => readonly Metric[];
  readonly admit?: (admission: Admission, tables: Tables) => Promise<readonly FieldCause[]>;
  /** What there is to say to whoever writes, in sentences, that keeps nothing from being written. */
  readonly warn?: (admission: Admission, tables: Tables) => Promise<readonly string[]>;
}

export interface ApiContext extends ApiOptions {
  readonly schemas: KindSchemas;
}

/** A request whose path and headers have been read, and whose body has not. */
export interface ApiRequest {
  readonly method: string;
  readonly user: User;
  readonly query: URLSearchParams;
  readonly accepted: Accepted;
  /** A media type in lower case, without parameters; empty where none was given. */
  readonly contentType: string;
  readonly body: Uint8Array;
  /** `kubectl/v1.35.0 (linux/amd64) …` */
  readonly userAgent?: string;
  /** Two requests with the same one are one. */
  readonly idempotencyKey?: string;
}

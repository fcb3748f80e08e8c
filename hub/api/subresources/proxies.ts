import type { KindDefinition } from '../../../shared/model/kind.ts';
import { storedKindOf } from '../../../shared/model/kind.ts';
import { podKind, serviceKind } from '../../../shared/model/absent.ts';
import { nodeKind } from '../../../shared/model/node.ts';
import type { ApiContext } from '../context.ts';
import { notFound, verbNotAllowed } from '../errors.ts';

/** Kinds that lead further in a cluster: to a process on a node, or into a pod. */
const LEADING: readonly KindDefinition[] = [nodeKind, podKind, serviceKind];
/** `[scheme:]name[:port]`, as what is proxied to is named. */
const PROXIED = /^(?:https?:)?([^:]*)(?::[^:]*)?$/;

/**
 * Refuses what leads to a node or into a pod or service (`proxy`, `log`, `exec` …), in words that say what is missing.
 * @param segments of a path after `/api`
 * @throws ApiError 404, or 405 for a device, which listens nowhere
 */
export async function refuseProxies({ store }: ApiContext, segments: readonly string[]): Promise<void> {
  const [, ...rest] = segments;
  const [namespace, within] = rest[0] === 'namespaces' ? [rest[1] ?? '', rest.slice(2)] : ['', rest];
  const [plural, named = '', subresource] = within;
  const kind = LEADING.find((one) => one.plural === plural && one.namespaced === (namespace !== ''));
  if (kind === undefined || subresource === undefined) return;
  const name = PROXIED.exec(named)?.[1] ?? named;
  const key = { kind: storedKindOf(kind), namespace, name };
  const found = await store.read(({ objects }) => objects.get(key));
  if (found === undefined) throw notFound(kind, name);
  if (subresource === 'proxy') throw verbNotAllowed(WHY);
}

const WHY = "a device listens nowhere; what its machines listen on is met by their 'portforward'";

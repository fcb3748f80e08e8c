import { z } from 'zod';
import { formatCauses, validate } from '../../shared/model/validate.ts';

/** What is looked at of a kubeconfig, which holds much that is for other clients. */
const kubeconfig = z.object({
  'current-context': z.string().optional(),
  contexts: z.array(
    z.object({ name: z.string(), context: z.object({ cluster: z.string(), user: z.string().optional() }) }),
  ),
  clusters: z.array(z.object({ name: z.string(), cluster: z.object({ server: z.url() }) })),
  users: z.array(z.object({ name: z.string(), user: z.object({ token: z.string().optional() }) })).optional(),
});

/** Where a hub is, and by which bearer token it knows who asks; '' for none. */
export interface HubAccess {
  readonly server: string;
  readonly token: string;
}

/** The server of a kubeconfig's current context, and its user's token; @throws Error */
export function findServer(given: unknown): HubAccess {
  const read = validate(kubeconfig, given);
  if (!read.ok) throw new Error(formatCauses(read.causes));
  const { 'current-context': current, contexts, clusters, users = [] } = read.value;
  const found = contexts.find(({ name }) => name === current);
  if (found === undefined) throw new Error(`it has no current context (current-context: ${current ?? ''})`);
  const cluster = clusters.find(({ name }) => name === found.context.cluster);
  if (cluster === undefined) throw new Error(`it has no cluster "${found.context.cluster}"`);
  const user = users.find(({ name }) => name === found.context.user)?.user;
  return { server: cluster.cluster.server, token: user?.token ?? '' };
}

import { z } from 'zod';
import { formatCauses, validate } from '../../shared/model/validate.ts';

/** What is looked at of a kubeconfig, which holds much that is for other clients. */
const kubeconfig = z.object({
  'current-context': z.string().optional(),
  contexts: z.array(z.object({ name: z.string(), context: z.object({ cluster: z.string() }) })),
  clusters: z.array(z.object({ name: z.string(), cluster: z.object({ server: z.url() }) })),
});

/** The server of a kubeconfig's current context; @throws Error */
export function findServer(given: unknown): string {
  const read = validate(kubeconfig, given);
  if (!read.ok) throw new Error(formatCauses(read.causes));
  const { 'current-context': current, contexts, clusters } = read.value;
  const found = contexts.find(({ name }) => name === current);
  if (found === undefined) throw new Error(`it has no current context (current-context: ${current ?? ''})`);
  const cluster = clusters.find(({ name }) => name === found.context.cluster);
  if (cluster === undefined) throw new Error(`it has no cluster "${found.context.cluster}"`);
  return cluster.cluster.server;
}

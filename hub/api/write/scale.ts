import { z } from 'zod';
import type { machineSetStatus } from '../../../shared/model/machine-set.ts';
import { replicas } from '../../../shared/model/machine-set.ts';
import type { ResourceObject } from '../../../shared/model/kind.ts';
import { objectMeta } from '../../../shared/model/metadata.ts';
import { fields } from '../../../shared/model/schema.ts';
import { formatCauses, validate } from '../../../shared/model/validate.ts';
import type { Answer } from '../answer.ts';
import { jsonReply } from '../answer.ts';
import { parseBody } from './body.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { badRequest, conflict, methodNotAllowed, notFound } from '../errors.ts';
import { parsePatch } from './patch.ts';
import type { ObjectPath } from '../path.ts';
import { keyOf } from '../path.ts';
import { replace } from './update.ts';
import { parseWriteOptions } from './write-options.ts';

/** `autoscaling/v1` Scale: an object's number of replicas, read and written without the rest of it. */
const scale = fields({
  apiVersion: z.literal('autoscaling/v1').optional(),
  kind: z.literal('Scale').optional(),
  metadata: objectMeta.partial().optional(),
  spec: fields({ replicas: replicas.optional() }).optional(),
  status: fields({ replicas: z.int().optional(), selector: z.string().optional() }).optional(),
});

/** What of an object its scale is made of. */
interface Scaled {
  readonly spec?: { readonly replicas?: number };
  readonly status?: z.infer<typeof machineSetStatus>;
}

/** @throws ApiError 404, 405, 409, and what writing the object itself would */
export async function serveScale(
  context: ApiContext,
  path: ObjectPath,
  request: ApiRequest,
): Promise<Answer> {
  const { method } = request;
  if (!['GET', 'PUT', 'PATCH'].includes(method)) throw methodNotAllowed();
  const options = method === 'GET' ? undefined : parseWriteOptions(request, 'PatchOptions');
  const change = method === 'PATCH' ? parsePatch(context, path, request).change : () => parseBody(request);
  return context.store.transaction(async (tables) => {
    const current = await tables.objects.get(keyOf(path));
    if (current === undefined) throw notFound(path.kind, path.name);
    if (method === 'GET') return jsonReply(compileScale(current));
    const { spec, metadata } = parseScale(change(compileScale(current)));
    const version = metadata?.resourceVersion ?? '';
    if (version !== '' && version !== current.metadata.resourceVersion) {
      throw conflict(path.kind, path.name, 'the object has been modified; please read it again');
    }
    const draft = { ...current, spec: { ...(current.spec as object), replicas: spec?.replicas ?? 0 } };
    const whole = { ...path, version: path.kind.versions[0] };
    const { object } = await replace(context, tables, whole, {
      current,
      draft: { ...draft },
      dryRun: options?.dryRun ?? false,
      author: { manager: options?.manager ?? '', version: path.version, subresource: 'scale' },
    });
    return jsonReply(compileScale(object));
  });
}

function parseScale(body: unknown): z.infer<typeof scale> {
  const checked = validate(scale, body);
  if (!checked.ok) throw badRequest(`the Scale can't be read: ${formatCauses(checked.causes)}`);
  return checked.value;
}

function compileScale(object: ResourceObject): ResourceObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { spec, status } = object as Scaled;
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'Scale',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp } as ResourceObject['metadata'],
    spec: { replicas: spec?.replicas ?? 1 },
    status: { replicas: status?.replicas ?? 0, selector: status?.labelSelector ?? '' },
  };
}

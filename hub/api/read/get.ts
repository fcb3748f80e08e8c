import type { Answer } from '../answer.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { notFound, tooLargeResourceVersion } from '../errors.ts';
import { parseCount } from '../query.ts';
import type { ObjectPath } from '../path.ts';
import { keyOf } from '../path.ts';

export async function get(context: ApiContext, path: ObjectPath, { query }: ApiRequest): Promise<Answer> {
  const atLeast = parseCount(query, 'resourceVersion') ?? 0;
  return context.store.read(async ({ objects }) => {
    const newest = atLeast > 0 ? await objects.resourceVersion() : 0;
    if (atLeast > newest) throw tooLargeResourceVersion(atLeast, newest);
    const row = await objects.row(keyOf(path));
    if (row === undefined) throw notFound(path.kind, path.name);
    return { form: 'row', row };
  });
}

import { assert } from '../../../shared/base/assert.ts';
import { namespaceKind } from '../../../shared/model/namespace.ts';
import type { Reply } from '../answer.ts';
import { jsonReply } from '../answer.ts';
import type { Subresource } from './subresource.ts';
import { update } from '../write/update.ts';
import { compileWarnings } from '../warning.ts';

/**
 * What tools write to a namespace that does not go away, so that nothing keeps it (`spec.finalizers`). Here nothing
 * waits for those: it is an update like any other.
 */
export const finalize: Subresource = {
  group: namespaceKind.group,
  versions: namespaceKind.versions,
  kind: namespaceKind,
  name: 'finalize',
  verb: 'update',
  responseKind: namespaceKind.kind,
  async serve(context, { name }, request): Promise<Reply> {
    const [version] = namespaceKind.versions;
    const answer = await update(context, { kind: namespaceKind, version, name, status: false }, request);
    assert(answer.form === 'object', 'an update answers with its object');
    return { ...jsonReply(answer.object), warnings: compileWarnings(answer.warnings) };
  },
};

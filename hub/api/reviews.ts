import { validate } from '../../shared/model/validate.ts';
import type { KindDefinition, ResourceObject } from '../../shared/model/kind.ts';
import {
  selfSubjectAccessReviewKind,
  selfSubjectReviewKind,
  selfSubjectRulesReviewKind,
} from '../../shared/model/review.ts';
import type { User } from '../auth/user.ts';
import type { Answer } from './answer.ts';
import { jsonReply } from './answer.ts';
import { parseBody } from './write/body.ts';
import type { ApiRequest } from './context.ts';
import { parseDraft } from './write/draft.ts';
import { invalid } from './errors.ts';
import type { ResourcePath } from './path.ts';

/** Everyone who is known may do everything, until the hub has roles. */
const WHY_ALLOWED = 'every authenticated user may do everything: the hub has no roles yet';
const EVERYTHING = ['*'];

const ANSWERS: ReadonlyMap<KindDefinition, (user: User) => object> = new Map<
  KindDefinition,
  (user: User) => object
>([
  [selfSubjectReviewKind, ({ name, groups }: User) => ({ userInfo: { username: name, groups } })],
  [selfSubjectAccessReviewKind, () => ({ allowed: true, reason: WHY_ALLOWED })],
  [
    selfSubjectRulesReviewKind,
    () => ({
      resourceRules: [{ verbs: EVERYTHING, apiGroups: EVERYTHING, resources: EVERYTHING }],
      nonResourceRules: [{ verbs: EVERYTHING, nonResourceURLs: EVERYTHING }],
      incomplete: false,
    }),
  ],
]);

export const REVIEW_KINDS: readonly KindDefinition[] = [...ANSWERS.keys()];

/** Answers a review with the object that asked and its status; @throws ApiError 400, 422 */
export function review(path: ResourcePath, request: ApiRequest): Answer {
  const draft = parseDraft(path, parseBody(request));
  const checked = validate(path.kind.schema, draft);
  if (!checked.ok) throw invalid(path.kind, '', checked.causes);
  const object: ResourceObject = checked.value;
  return jsonReply({ ...object, status: ANSWERS.get(path.kind)?.(request.user) ?? {} }, 201);
}

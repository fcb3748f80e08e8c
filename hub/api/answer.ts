import type { Readable } from 'node:stream';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { FieldWarning } from '../../shared/model/warnings.ts';
import type { View } from './view.ts';
import { compileWarnings } from './warning.ts';
import type { WatchFeed } from './watch-feed.ts';

/** What a verb gives back: objects as they are stored, for the client's view to shape. */
export type Answer =
  | {
      readonly form: 'object';
      readonly code: 200 | 201;
      readonly object: ResourceObject;
      /** What the client wrote that changes nothing. */
      readonly warnings: readonly FieldWarning[];
    }
  | { readonly form: 'list'; readonly items: readonly ResourceObject[]; readonly metadata: object }
  | { readonly form: 'watch'; readonly feed: WatchFeed }
  | JsonReply;

/** What goes out. */
export type Reply =
  | JsonReply
  | { readonly form: 'text'; readonly text: string }
  /** Bytes as they come, for as long as both sides want. */
  | { readonly form: 'stream'; readonly contentType: string; readonly stream: Readable }
  | { readonly form: 'watch'; readonly feed: WatchFeed; readonly view: View };

interface JsonReply {
  readonly form: 'json';
  readonly code: number;
  readonly body: object;
  readonly contentType?: string;
  /** Values of `Warning` headers. */
  readonly warnings?: readonly string[];
}

export function objectAnswer(
  object: ResourceObject,
  { code = 200, warnings = [] }: { code?: 200 | 201; warnings?: readonly FieldWarning[] } = {},
): Answer {
  return { form: 'object', code, object, warnings };
}

export function jsonReply(body: object, code = 200): JsonReply {
  return { form: 'json', code, body };
}

export function shapeAnswer(answer: Answer, view: View): Reply {
  switch (answer.form) {
    case 'object':
      return {
        ...jsonReply(view.object(answer.object), answer.code),
        warnings: compileWarnings(answer.warnings),
      };
    case 'list':
      return jsonReply(view.list(answer.items, answer.metadata));
    case 'watch':
      return { ...answer, view };
    case 'json':
      return answer;
  }
}

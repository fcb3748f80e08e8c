import type { Readable } from 'node:stream';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { ObjectRow } from '../ports.ts';
import type { View } from './view.ts';
import { compileWarnings } from './warning.ts';
import type { WatchFeed } from './watch-feed.ts';

/** What a verb gives back: objects as they are stored, for the client's view to shape. */
export type Answer =
  | {
      readonly form: 'object';
      readonly code: 200 | 201 | 202;
      readonly object: ResourceObject;
      /** What the client is to be told of what it wrote. */
      readonly warnings: readonly string[];
    }
  | { readonly form: 'row'; readonly row: ObjectRow }
  | { readonly form: 'list'; readonly rows: readonly ObjectRow[]; readonly metadata: object }
  | { readonly form: 'watch'; readonly feed: WatchFeed }
  | JsonReply;

/** What goes out. */
export type Reply =
  | JsonReply
  | EncodedReply
  /** Bytes as they come, for as long as both sides want. */
  | { readonly form: 'stream'; readonly contentType: string; readonly stream: Readable }
  | { readonly form: 'watch'; readonly feed: WatchFeed; readonly view: View };

/** What is bytes already. */
export interface EncodedReply {
  readonly form: 'encoded';
  readonly code: number;
  readonly content: string | Uint8Array;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
}

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
  { code = 200, warnings = [] }: { code?: 200 | 201 | 202; warnings?: readonly string[] } = {},
): Answer {
  return { form: 'object', code, object, warnings };
}

export function jsonReply(body: object, code = 200): JsonReply {
  return { form: 'json', code, body };
}

function encodedJson(content: string): EncodedReply {
  return { form: 'encoded', code: 200, content, contentType: 'application/json' };
}

export function shapeAnswer(answer: Answer, view: View): Reply {
  switch (answer.form) {
    case 'object':
      return {
        ...jsonReply(view.object(answer.object), answer.code),
        warnings: compileWarnings(answer.warnings),
      };
    case 'row':
      return encodedJson(view.row(answer.row));
    case 'list':
      return encodedJson(view.list(answer.rows, answer.metadata));
    case 'watch':
      return { ...answer, view };
    case 'json':
      return answer;
  }
}

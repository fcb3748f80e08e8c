import { Readable } from 'node:stream';
import type { ResourceObject } from '../../shared/model/kind.ts';
import type { Clock } from '../../shared/ports.ts';
import type { ObjectRow } from '../ports.ts';
import type { ListFrame, View } from './view/view.ts';
import { compileWarnings } from './warning.ts';
import type { WatchFeed } from './watch/watch-feed.ts';

/** How many items of a list are encoded at a time. */
const ITEMS_AT_ONCE = 500;

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
  /** What is too long to be made at once. */
  | { readonly form: 'parts'; readonly contentType: string; readonly parts: Readable }
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

export function shapeAnswer(answer: Answer, view: View, clock: Clock): Reply {
  switch (answer.form) {
    case 'object':
      return {
        ...jsonReply(view.object(answer.object), answer.code),
        warnings: compileWarnings(answer.warnings),
      };
    case 'row':
      return encodedJson(view.row(answer.row));
    case 'list':
      return encodeList(view.list(answer.metadata), answer.rows, clock);
    case 'watch':
      return { ...answer, view };
    case 'json':
      return answer;
  }
}

/** A long list is encoded a part at a time as the client takes it, and others are served in between. */
function encodeList(frame: ListFrame, rows: readonly ObjectRow[], clock: Clock): Reply {
  const encode = (start: number) =>
    rows
      .slice(start, start + ITEMS_AT_ONCE)
      .map((row) => frame.item(row))
      .join(',');
  if (rows.length <= ITEMS_AT_ONCE) return encodedJson(`${frame.head}${encode(0)}${frame.tail}`);
  async function* encodeParts() {
    for (let start = 0; start < rows.length; start += ITEMS_AT_ONCE) {
      yield `${start === 0 ? frame.head : ','}${encode(start)}`;
      await clock.turn();
    }
    yield frame.tail;
  }
  return { form: 'parts', contentType: 'application/json', parts: Readable.from(encodeParts()) };
}

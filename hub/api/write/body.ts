import { parseDocument } from 'yaml';
import { messageOf } from '../../../shared/base/errors.ts';
import type { ApiRequest } from '../context.ts';
import { badRequest, unsupportedMediaType } from '../errors.ts';
import { findDuplicateFields } from './duplicate-fields.ts';
import { parseProtobuf } from '../discovery/protobuf.ts';

export const MAX_BODY_BYTES = 3 * 1024 * 1024;

/** What a body holds, and what of it was there twice: clients are told in these words. */
export interface Body {
  /** Undefined where there is no body. */
  readonly value: unknown;
  readonly duplicates: readonly string[];
}

/**
 * A JSON or YAML body, or a protobuf of a kind of Kubernetes' own.
 * @throws ApiError 415 for another media type, 400 where it can't be read
 */
export function readBody({ contentType, body }: Pick<ApiRequest, 'contentType' | 'body'>): Body {
  if (body.byteLength === 0) return { value: undefined, duplicates: [] };
  switch (contentType) {
    case '':
    case 'application/json':
      return readJson(body);
    case 'application/yaml':
      return readYaml(body);
    case 'application/vnd.kubernetes.protobuf': {
      const object = attempt('protobuf', () => parseProtobuf(body));
      if (object !== undefined) return { value: object, duplicates: [] };
      throw unsupportedMediaType(
        'this kind is not read as protobuf: send application/json or application/yaml',
      );
    }
    default:
      throw unsupportedMediaType(
        `a body is read as application/json or application/yaml, not ${contentType}`,
      );
  }
}

/** The value of a body in which what is there twice makes no difference. */
export function parseBody(request: ApiRequest): unknown {
  return readBody(request).value;
}

export function readJson(body: Uint8Array): Body {
  return attempt('JSON', () => {
    const text = decode(body);
    const value = JSON.parse(text) as unknown;
    const duplicates = findDuplicateFields(text).map((field) => `duplicate field "${field}"`);
    return { value, duplicates };
  });
}

export function readYaml(body: Uint8Array): Body {
  return attempt('YAML', () => {
    const text = decode(body);
    const document = parseDocument(text, { logLevel: 'error' });
    const twice = document.errors.filter(({ code }) => code === 'DUPLICATE_KEY');
    const [bad] = document.errors.filter(({ code }) => code !== 'DUPLICATE_KEY');
    if (bad !== undefined) throw bad;
    const duplicates = twice.map(({ linePos, pos }) => {
      const [, key = ''] = /^['"]?([^'":\n]*)/.exec(text.slice(pos[0])) ?? [];
      return `line ${linePos?.[0].line ?? 0}: key "${key.trim()}" already set in map`;
    });
    return { value: document.toJS() as unknown, duplicates };
  });
}

function decode(body: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(body);
}

function attempt<T>(format: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw badRequest(`the body of the request is not ${format}: ${messageOf(error)}`);
  }
}

import { parse } from 'yaml';
import { messageOf } from '../../shared/base/errors.ts';
import type { ApiRequest } from './context.ts';
import { badRequest, unsupportedMediaType } from './errors.ts';
import { parseProtobuf } from './protobuf.ts';

export const MAX_BODY_BYTES = 3 * 1024 * 1024;

/**
 * The value of a JSON or YAML body, or of a protobuf of a kind of Kubernetes' own; undefined where there is none.
 * @throws ApiError 415 for another media type, 400 where it can't be read
 */
export function parseBody({ contentType, body }: ApiRequest): unknown {
  if (body.byteLength === 0) return undefined;
  switch (contentType) {
    case '':
    case 'application/json':
      return parseJson(body);
    case 'application/yaml':
      return attempt('YAML', () => parse(decode(body)) as unknown);
    case 'application/vnd.kubernetes.protobuf': {
      const object = attempt('protobuf', () => parseProtobuf(body));
      if (object !== undefined) return object;
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

export function parseJson(body: Uint8Array): unknown {
  return attempt('JSON', () => JSON.parse(decode(body)) as unknown);
}

function decode(body: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(body);
}

function attempt(format: string, read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    throw badRequest(`the body of the request is not ${format}: ${messageOf(error)}`);
  }
}

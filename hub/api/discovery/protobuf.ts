import { isRecord } from '../../../shared/base/record.ts';
import type { Field, MessageType } from './protobuf-messages.ts';
import { messageTypeOf, unknownType } from './protobuf-messages.ts';

/**
 * Reads the protobuf form of Kubernetes' own kinds: client-go's typed clients write nothing else (as `kubectl create
 * namespace` does since 1.33), and have no way back from being refused. Answers are JSON, which they do read.
 */

/** In front of every message (apimachinery's `runtime/serializer/protobuf`). */
const MAGIC = Buffer.from('k8s\0');

/**
 * The object that a body holds, in its JSON form; undefined for a kind whose messages are not known.
 * @throws Error where it is not well formed
 */
export function parseProtobuf(body: Uint8Array): Record<string, unknown> | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('its first bytes are not "k8s"');
  const { typeMeta, raw } = readMessage(bytes.subarray(MAGIC.length), unknownType);
  const { apiVersion, kind } = isRecord(typeMeta) ? typeMeta : {};
  const type = messageTypeOf(apiVersion, kind);
  if (type === undefined) return undefined;
  return {
    apiVersion,
    kind,
    ...readMessage(raw instanceof Uint8Array ? Buffer.from(raw) : Buffer.alloc(0), type),
  };
}

/** Wire types of protobuf's encoding. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

function readMessage(bytes: Buffer, type: MessageType): Record<string, unknown> {
  const members = new Map<string, unknown>();
  let at = 0;

  function readVarint(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw new Error('a number has no end');
  }

  while (at < bytes.length) {
    const tag = readVarint();
    const field = type[tag >>> 3];
    switch (tag & 7) {
      case VARINT: {
        const value = readVarint();
        if (field?.type === 'integer') members.set(field.name, value);
        if (field?.type === 'boolean') members.set(field.name, value !== 0);
        break;
      }
      case LENGTH_DELIMITED: {
        const length = readVarint();
        if (length < 0 || length > bytes.length - at) throw new Error('a field reaches beyond the end');
        const content = bytes.subarray(at, at + length);
        if (field !== undefined) addValue(members, field, content);
        at += length;
        break;
      }
      case FIXED64:
        at += 8;
        break;
      case FIXED32:
        at += 4;
        break;
      default:
        throw new Error('a field has no known form');
    }
  }
  return Object.fromEntries(members);
}

function addValue(members: Map<string, unknown>, field: Field, content: Buffer): void {
  const known = members.get(field.name);
  if (field.type === 'map') {
    const { key = '', value = '' } = readMessage(content, MAP_ENTRY);
    members.set(field.name, { ...(isRecord(known) && known), [String(key)]: value });
    return;
  }
  if (field.type === 'bytesMap') {
    const { key = '', value } = readMessage(content, BYTES_MAP_ENTRY);
    const text = value instanceof Uint8Array ? Buffer.from(value).toString('base64') : '';
    members.set(field.name, { ...(isRecord(known) && known), [String(key)]: text });
    return;
  }
  const value = readValue(field, content);
  if (field.repeated === true) members.set(field.name, [...(Array.isArray(known) ? known : []), value]);
  // Fields that are not set are sent all the same, empty.
  else if (value !== '' && value !== undefined) members.set(field.name, value);
}

const MAP_ENTRY: MessageType = { 1: { name: 'key', type: 'string' }, 2: { name: 'value', type: 'string' } };
const BYTES_MAP_ENTRY: MessageType = {
  1: { name: 'key', type: 'string' },
  2: { name: 'value', type: 'bytes' },
};
const TIME: MessageType = { 1: { name: 'seconds', type: 'integer' }, 2: { name: 'nanos', type: 'integer' } };

function readValue({ type }: Field, content: Buffer): unknown {
  if (typeof type === 'object') return readMessage(content, type);
  switch (type) {
    case 'string':
      return new TextDecoder('utf-8', { fatal: true }).decode(content);
    case 'bytes':
      return content;
    case 'time':
    case 'microTime': {
      const { seconds, nanos = 0 } = readMessage(content, TIME);
      if (typeof seconds !== 'number') return undefined;
      const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
      const digits = type === 'time' ? 3 : 6;
      return `${whole}.${String(nanos).padStart(9, '0').slice(0, digits)}Z`;
    }
    default:
      return undefined;
  }
}

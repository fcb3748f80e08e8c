/** Writes protobuf's encoding, as far as OpenAPI v2 needs it. */

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** A message of fields in the given order: bytes, texts and messages as they are encoded, or numbers. */
export function encodeMessage(
  ...fields: readonly (readonly [field: number, value: Uint8Array | number])[]
): Uint8Array {
  const parts = fields.flatMap(([field, value]) =>
    typeof value === 'number'
      ? [varint(field * 8 + VARINT), varint(value)]
      : [varint(field * 8 + LENGTH_DELIMITED), varint(value.byteLength), value],
  );
  return Buffer.concat(parts);
}

export function text(value: string): Uint8Array {
  return Buffer.from(value, 'utf8');
}

/** @param value a whole number from 0 up to 2^53 */
function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  while (left >= 0x80) {
    bytes.push((left % 0x80) + 0x80);
    left = Math.floor(left / 0x80);
  }
  return Uint8Array.from([...bytes, left]);
}

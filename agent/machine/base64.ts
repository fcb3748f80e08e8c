/** The text that base64 (checked by a schema) holds, as UTF-8. */
export function decodeText(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

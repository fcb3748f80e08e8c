/** The text that base64 (checked by a schema) holds, as UTF-8. */
export function decodeText(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

/** The public keys of a text in the form of `authorized_keys`: its lines, but for comments. */
export function splitKeys(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/**
 * One value of a QEMU option, e.g. `user,id=net0,restrict=off`: what it is first, then its properties. Booleans
 * become on and off, undefined ones are left out, and a comma in a value is doubled, as QEMU reads it.
 */
export function formatOptions(
  first: string | undefined,
  properties: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const parts = first === undefined ? [] : [first];
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    const text = typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
    parts.push(`${name}=${text.replaceAll(',', ',,')}`);
  }
  return parts.join(',');
}

/** The properties in the text of an option that names nothing first, as `formatOptions` writes it. */
export function parseOptions(text: string): Record<string, string> {
  const parts = text.replaceAll(',,', '\0').split(',');
  return Object.fromEntries(
    parts.map((part): [string, string] => {
      const split = part.indexOf('=');
      return [part.slice(0, split), part.slice(split + 1).replaceAll('\0', ',')];
    }),
  );
}

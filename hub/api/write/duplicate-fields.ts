/**
 * Every field that a JSON text gives twice, with its path (`spec.a`): `JSON.parse` takes the last one and says nothing.
 * The text is known to be JSON.
 */
export function findDuplicateFields(text: string): string[] {
  const found: string[] = [];
  /** Where `at` is: names of fields, and places in lists as they are written in paths. */
  const path: string[] = [];
  let at = 0;

  function skipSpace(): void {
    while (text.charCodeAt(at) <= SPACE) at += 1;
  }

  /** Goes past a text, and gives it with its quotes. */
  function takeText(): string {
    const start = at;
    do at = text.indexOf('"', at + 1);
    while (isEscaped(text, at));
    at += 1;
    return text.slice(start, at);
  }

  function visitMembers(): void {
    const names = new Set<string>();
    for (skipSpace(); text[at] !== '}'; skipSpace()) {
      const quoted = takeText();
      const name = quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
      path.push(path.length === 0 ? name : `.${name}`);
      if (names.has(name)) found.push(path.join(''));
      names.add(name);
      skipSpace();
      at += 1;
      visit();
      path.pop();
      if (text[at] === ',') at += 1;
    }
    at += 1;
  }

  function visitItems(): void {
    skipSpace();
    for (let index = 0; text[at] !== ']'; index += 1) {
      path.push(`[${index}]`);
      visit();
      path.pop();
      if (text[at] === ',') at += 1;
      skipSpace();
    }
    at += 1;
  }

  function visit(): void {
    skipSpace();
    const first = text[at];
    if (first === '"') {
      takeText();
    } else if (first === '{') {
      at += 1;
      visitMembers();
    } else if (first === '[') {
      at += 1;
      visitItems();
    } else {
      while (at < text.length && !ENDS.test(text[at] ?? '')) at += 1;
    }
    skipSpace();
  }

  visit();
  return [...new Set(found)];
}

const SPACE = 0x20;
const ENDS = /[\s,\]}]/;

function isEscaped(text: string, quote: number): boolean {
  let backslashes = 0;
  while (text[quote - 1 - backslashes] === '\\') backslashes += 1;
  return backslashes % 2 === 1;
}

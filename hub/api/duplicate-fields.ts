/**
 * Every field that a JSON text gives twice, with its path (`spec.a`): `JSON.parse` takes the last one and says nothing.
 * The text is known to be JSON.
 */
export function findDuplicateFields(text: string): string[] {
  const found: string[] = [];
  let at = 0;

  function skipSpace(): void {
    while (at < text.length && text.charCodeAt(at) <= 0x20) at += 1;
  }

  function readString(): string {
    const start = at;
    at += 1;
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at += 1;
    return text.slice(start, at);
  }

  function visitMembers(path: string): void {
    const names = new Set<string>();
    skipSpace();
    while (text[at] !== '}') {
      const name = JSON.parse(readString()) as string;
      const here = path === '' ? name : `${path}.${name}`;
      if (names.has(name)) found.push(here);
      names.add(name);
      skipSpace();
      at += 1;
      visit(here);
      skipSpace();
      if (text[at] === ',') at += 1;
      skipSpace();
    }
    at += 1;
  }

  function visitItems(path: string): void {
    skipSpace();
    for (let index = 0; text[at] !== ']'; index += 1) {
      visit(`${path}[${index}]`);
      skipSpace();
      if (text[at] === ',') at += 1;
      skipSpace();
    }
    at += 1;
  }

  function visit(path: string): void {
    skipSpace();
    const first = text[at];
    if (first === '"') {
      readString();
    } else if (first === '{') {
      at += 1;
      visitMembers(path);
    } else if (first === '[') {
      at += 1;
      visitItems(path);
    } else {
      while (at < text.length && !',]}'.includes(text[at] ?? '') && text.charCodeAt(at) > 0x20) at += 1;
    }
  }

  visit('');
  return [...new Set(found)];
}

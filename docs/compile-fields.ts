import type { z } from 'zod';
import { formOf, notesOf } from '../shared/model/form.ts';
import type { KindDefinition } from '../shared/model/kind.ts';
import { apiVersionOf } from '../shared/model/kind.ts';
import type { RefusedFields } from '../shared/model/schema.ts';

/** `docs/fields.md`: for each struct of each kind, its fields, and what becomes of them here. */

const INTRODUCTION = `# Fields

What becomes of each field of KubeVirt's API. It **works** as KubeVirt has it unless something else is said, it is
**refused** with the reason given here, or it has **no effect**: it is taken and kept, and whoever writes it is warned.
A field that is not here is refused as unknown. \`kubectl explain\` says the same of a running hub.

This page is made by \`npm run docs\` from the tables that requests are checked against (\`shared/model/\`).
`;

interface Struct {
  readonly members: Readonly<Record<string, z.core.$ZodType>>;
  readonly refused: RefusedFields;
}

/** Structs, and where each was described first. */
type Described = Map<Struct, string>;

export function compileFields(kinds: readonly KindDefinition[]): string {
  const described: Described = new Map();
  const sections = kinds
    .filter(({ group }) => `.${group}`.endsWith('.kubevirt.io'))
    .map((kind) => compileKind(kind, described));
  return [INTRODUCTION, ...sections].join('\n');
}

function compileKind(kind: KindDefinition, described: Described): string {
  const form = formOf(kind.schema);
  const spec = form.form === 'object' ? form.members['spec'] : undefined;
  const versions = kind.versions.map((version) => `\`${apiVersionOf(kind, version)}\``).join(', ');
  const head = `## ${kind.kind}\n\n${versions}\n`;
  return spec === undefined ? head : [head, ...compileStruct(kind, 'spec', spec, described)].join('\n');
}

/** A section for a struct and one for each struct in it. */
function compileStruct(
  kind: KindDefinition,
  path: string,
  schema: z.core.$ZodType,
  described: Described,
): string[] {
  const struct = structOf(schema);
  if (struct === undefined) return [];
  const heading = `### ${kind.kind}: \`${path}\`\n`;
  const [, elsewhere] = [...described].find(([other]) => isSameStruct(struct, other)) ?? [];
  if (elsewhere !== undefined) return [heading, `As in ${elsewhere}.\n`];
  described.set(struct, `${kind.kind}: \`${path}\``);
  const inner: string[] = [];
  const rows: string[][] = [];
  for (const [name, member] of Object.entries(struct.members)) {
    const { description = '', meaningless } = notesOf(member);
    if (meaningless !== undefined) {
      rows.push([name, 'no effect', [description, meaningless].filter((text) => text !== '').join(': ')]);
      continue;
    }
    rows.push([name, 'works', description]);
    inner.push(...compileStruct(kind, `${path}.${name}${suffixOf(member)}`, member, described));
  }
  for (const [name, why] of Object.entries(struct.refused)) rows.push([name, 'refused', why]);
  const table = rows
    .toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1))
    .map(([name = '', verdict = '', text = '']) => `| \`${name}\` | ${verdict} | ${escape(text)} |`);
  return [heading, `| field | | |\n| --- | --- | --- |\n${table.join('\n')}\n`, ...inner];
}

/** Whether two structs have the same fields, whatever is checked beyond these. */
function isSameStruct(one: Struct, other: Struct): boolean {
  return hasSame(one.members, other.members) && hasSame(one.refused, other.refused);
}

function hasSame(one: Readonly<Record<string, unknown>>, other: Readonly<Record<string, unknown>>): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}

/** The struct that a schema is, a list or a map of, or a choice with; undefined where it has no fields. */
function structOf(schema: z.core.$ZodType): Struct | undefined {
  const form = formOf(schema);
  switch (form.form) {
    case 'object': {
      const { members, refused } = form;
      return Object.keys(members).length + Object.keys(refused).length === 0
        ? undefined
        : { members, refused };
    }
    case 'list':
    case 'map':
      return structOf(form.element);
    case 'choice':
      return form.options.map(structOf).find((struct) => struct !== undefined);
    case 'value':
      return undefined;
  }
}

function suffixOf(schema: z.core.$ZodType): string {
  const { form } = formOf(schema);
  return form === 'list' ? '[]' : form === 'map' ? '.*' : '';
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

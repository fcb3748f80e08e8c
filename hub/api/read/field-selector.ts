import { badRequest } from '../errors.ts';
import { isRecord } from '../../../shared/base/record.ts';
import type { JsonSchema } from '../discovery/kind-schemas.ts';

/** Kubernetes' field selectors: `path=value`, `path==value` and `path!=value`, joined by commas. */
export type FieldSelector = (object: unknown) => boolean;

/** Any field can be selected by that holds one text, number or truth and lies under no list. */
const SCALARS = ['string', 'integer', 'number', 'boolean'];

/** @throws ApiError 400 naming what can't be read, or a field that objects of `schema` don't have */
export function parseFieldSelector(text: string, schema: JsonSchema): FieldSelector {
  const requirements = splitUnescaped(text)
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const match = /^\s*([^=!\s]+)\s*(==|=|!=)(.*)$/s.exec(part);
      if (match === null) throw badRequest(`unable to parse the field selector "${part}"`);
      const [, field = '', operator, value = ''] = match;
      const path = field.split('.');
      if (!isScalar(schema, path)) {
        throw badRequest(`field label not supported: ${field} (a text, number or truth of this kind can be)`);
      }
      const wanted = value.trim().replaceAll(/\\([\\,=])/g, '$1');
      return (object: unknown) => (textAt(object, path) === wanted) === (operator !== '!=');
    });
  return (object) => requirements.every((matches) => matches(object));
}

/** Parts between commas that have no backslash in front of them. */
function splitUnescaped(text: string): string[] {
  return [...text.matchAll(/(?:\\.|[^,\\])+/gs)].map(([part]) => part);
}

function isScalar(schema: JsonSchema, path: readonly string[]): boolean {
  let at: JsonSchema | undefined = schema;
  for (const name of path) {
    at = at.properties !== undefined && Object.hasOwn(at.properties, name) ? at.properties[name] : undefined;
    if (at === undefined) return false;
  }
  return at.type !== undefined && SCALARS.includes(at.type);
}

/** What is not there reads as empty, as in Kubernetes. */
function textAt(object: unknown, path: readonly string[]): string {
  let at = object;
  for (const name of path) at = isRecord(at) && Object.hasOwn(at, name) ? at[name] : undefined;
  return typeof at === 'string' || typeof at === 'number' || typeof at === 'boolean' ? String(at) : '';
}

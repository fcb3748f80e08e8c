import type { z } from 'zod';
import type { RefusedFields } from './schema.ts';
import { LIST_MAP_KEYS, LIST_TYPE, MAP_TYPE } from './schema.ts';

/** What a schema takes, without what is around it: that it may be missing or null, has a default or is checked further. */
export type Form =
  | {
      readonly form: 'object';
      readonly members: Readonly<Record<string, z.core.$ZodType>>;
      readonly refused: RefusedFields;
      /** Whether other fields are taken as well, whatever they hold. */
      readonly isFree: boolean;
      readonly isAtomic: boolean;
    }
  /** A map whose keys are free. */
  | { readonly form: 'map'; readonly element: z.core.$ZodType; readonly isAtomic: boolean }
  | {
      readonly form: 'list';
      readonly element: z.core.$ZodType;
      /** Whether its items are merged one by one, known by their `keys` (`map`) or by what they are (`set`). */
      readonly relation: 'atomic' | 'set' | 'map';
      readonly keys: readonly string[];
    }
  | { readonly form: 'choice'; readonly options: readonly z.core.$ZodType[] }
  | { readonly form: 'value' };

/** What is noted of a field (`.meta()`): the outermost note of each kind holds. */
export interface FieldNotes {
  readonly description?: string;
  /** Why it changes nothing here, where it is taken all the same. */
  readonly meaningless?: string;
}

export function formOf(schema: z.core.$ZodType): Form {
  const layers = layersOf(schema);
  const innermost = layers.at(-1) as z.core.$ZodTypes;
  const noteOf = (name: string) =>
    layers.map((layer) => notesAt(layer)[name]).find((note) => note !== undefined);
  const isAtomic = noteOf(MAP_TYPE) === 'atomic';
  const { def } = innermost._zod;
  switch (def.type) {
    case 'object': {
      const refused = notesAt(innermost)['refused'] as RefusedFields | undefined;
      const isFree = def.catchall !== undefined && typeOf(def.catchall) !== 'never';
      return { form: 'object', members: def.shape, refused: refused ?? {}, isFree, isAtomic };
    }
    case 'array':
      return {
        form: 'list',
        element: def.element,
        relation: (noteOf(LIST_TYPE) ?? 'atomic') as 'atomic' | 'set' | 'map',
        keys: (noteOf(LIST_MAP_KEYS) ?? []) as string[],
      };
    case 'record':
      return { form: 'map', element: def.valueType, isAtomic };
    case 'union':
      return { form: 'choice', options: def.options };
    default:
      return { form: 'value' };
  }
}

export function notesOf(schema: z.core.$ZodType): FieldNotes {
  const notes = layersOf(schema).map(notesAt);
  const find = (name: keyof FieldNotes) => notes.map((each) => each[name]).find((note) => note !== undefined);
  const [description, meaningless] = [find('description'), find('meaningless')];
  return {
    ...(typeof description === 'string' && { description }),
    ...(typeof meaningless === 'string' && { meaningless }),
  };
}

/** Whether an object may go without this field. */
export function isOptional(schema: z.core.$ZodType): boolean {
  return schema._zod.optin === 'optional';
}

/** A schema and those that it is wrapped around, the innermost last. */
function layersOf(schema: z.core.$ZodType): z.core.$ZodType[] {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
      return [schema, ...layersOf(def.innerType)];
    case 'pipe':
      return [schema, ...layersOf(typeOf(def.in) === 'transform' ? def.out : def.in)];
    case 'lazy':
      return [schema, ...layersOf(def.getter())];
    default:
      return [schema];
  }
}

function typeOf(schema: z.core.$ZodType): string {
  return (schema as z.core.$ZodTypes)._zod.def.type;
}

function notesAt(schema: z.core.$ZodType): Readonly<Record<string, unknown>> {
  return (schema as z.ZodType).meta() ?? {};
}

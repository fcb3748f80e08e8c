import { z } from 'zod';
import type { ObjectMeta } from './metadata.ts';
import { objectMeta } from './metadata.ts';
import { fields } from './schema.ts';
import type { FieldWarning } from './warnings.ts';
import { findMeaningless } from './warnings.ts';

/** A column that `kubectl get` shows, as in a CRD's `additionalPrinterColumns`. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'date';
  /** The subset of JSONPath in `hub/api/json-path.ts`, e.g. `.status.phase`. */
  readonly jsonPath?: string;
  /** In place of a path, what no path can say. */
  readonly compute?: (object: ResourceObject) => unknown;
  readonly description: string;
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority?: 0 | 1;
}

/** The last column of most kinds, as kubectl shows it of those that have none of their own. */
export function ageColumn(description = 'Time since it was created'): PrinterColumn {
  return { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description };
}

/** A resource object whose kind is not known to the reader. */
export interface ResourceObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
  [field: string]: unknown;
}

/** What can be asked of a kind, in the words of discovery. */
export const VERBS = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
] as const;
export type Verb = (typeof VERBS)[number];

/** All that the API needs to know of a kind to serve every verb of it. */
export interface KindDefinition {
  /** Empty for the core group. */
  readonly group: string;
  /** Served versions, the stored one first; they differ in `apiVersion` only. */
  readonly versions: readonly [string, ...string[]];
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Whether `status` is written through its own subresource only. */
  readonly statusSubresource: boolean;
  /** Whether it has `/scale`, which reads and writes `spec.replicas`, `status.replicas` and `status.labelSelector`. */
  readonly scaleSubresource?: boolean;
  /** What of the verbs it has, where that is not all of them; why not the others is told to who asks for them. */
  readonly verbs?: { readonly only: readonly Verb[]; readonly why: string };
  /** Where its objects are those of another kind, shown in another form under the same names. */
  readonly view?: {
    readonly of: KindDefinition;
    readonly show: (object: ResourceObject) => ResourceObject;
    /** What was written in this form, in that of the other kind; left out where it is not to be written. */
    readonly write?: (object: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
  };
  readonly columns: readonly PrinterColumn[];
  /** Whether tables begin with a column of names: not where nobody knows the objects by them. */
  readonly nameColumn?: false;
  /** The whole object. */
  readonly schema: z.ZodType<ResourceObject>;
  /** What of an object has no effect, where its schema can't say. */
  readonly findWarnings?: (object: ResourceObject) => readonly FieldWarning[];
  /** An object as it is stored, with what its author left out or wrote in another form. */
  readonly complete?: (object: ResourceObject) => ResourceObject;
}

interface KindOptions extends Omit<KindDefinition, 'schema' | 'singular' | 'shortNames' | 'categories'> {
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Of its metadata, where more is to be checked than of other kinds'. */
  readonly metadata?: z.ZodType<ObjectMeta>;
  /** The fields beside `apiVersion`, `kind` and `metadata`. */
  readonly shape: Record<string, z.ZodType>;
}

/** Describes a kind; its object's schema gets the type's names and metadata in front of `shape`. */
export function defineKind({ shape, metadata = objectMeta, ...options }: KindOptions): KindDefinition {
  const prefix = options.group === '' ? '' : `${options.group}/`;
  const schema = fields({
    apiVersion: z.enum(options.versions.map((version) => `${prefix}${version}`)),
    kind: z.literal(options.kind),
    metadata,
    ...shape,
  });
  return {
    shortNames: [],
    categories: [],
    ...options,
    singular: options.kind.toLowerCase(),
    // The strict object's inferred type has no index signature; what it accepts is a ResourceObject all the same.
    schema: schema as unknown as z.ZodType<ResourceObject>,
  };
}

/** What of an object has no effect here, though it is taken and kept. */
export function warningsOf({ schema, findWarnings }: KindDefinition, object: ResourceObject): FieldWarning[] {
  return [...findMeaningless(schema, object), ...(findWarnings?.(object) ?? [])];
}

/** Whether a kind is one of Kubernetes' own, which some rules differ for, and not one as a CRD would make it. */
export function isBuiltIn({ group }: Pick<KindDefinition, 'group'>): boolean {
  return !group.includes('.') || group.endsWith('.k8s.io');
}

/** `kubevirt.io/v1`, or `v1` in the core group. */
export function apiVersionOf(kind: KindDefinition, version: string = kind.versions[0]): string {
  return kind.group === '' ? version : `${kind.group}/${version}`;
}

/** The name under which the store keeps a kind, whatever its version: `kubevirt.io/VirtualMachine`, `/Event`. */
export function groupKindOf(kind: Pick<KindDefinition, 'group' | 'kind'>): string {
  return `${kind.group}/${kind.kind}`;
}

/** The name under which the store keeps the objects that a kind shows. */
export function storedKindOf(kind: KindDefinition): string {
  return groupKindOf(kind.view?.of ?? kind);
}

/** A stored object in the form of a kind. */
export function showAs({ view }: KindDefinition, object: ResourceObject): ResourceObject {
  return view === undefined ? object : view.show(object);
}

export function verbsOf({ verbs }: KindDefinition): readonly Verb[] {
  return verbs?.only ?? VERBS;
}

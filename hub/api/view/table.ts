import type { KindDefinition, PrinterColumn, ResourceObject } from '../../../shared/model/kind.ts';
import { isBuiltIn } from '../../../shared/model/kind.ts';
import { formatAge } from './duration.ts';
import { compileJsonPath } from './json-path.ts';

/** Kubernetes' meta/v1 `Table`: what `kubectl get` prints. */

export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: string;
  readonly metadata: object;
  readonly columnDefinitions: readonly object[];
  readonly rows: readonly TableRow[];
}

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly object?: object;
}

/** How much of an object each row carries. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  readonly nowMs: number;
  readonly include: IncludeObject;
  /** Of `meta.k8s.io`. */
  readonly version: string;
}

/** Makes a kind's tables. */
export interface TableCompiler {
  table(rows: readonly TableRow[], metadata: object, version: string): Table;
  row(object: ResourceObject, options: TableOptions): TableRow;
}

const NAME_COLUMN = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object, unique in its namespace',
  priority: 0,
};

export function createTableCompiler(kind: KindDefinition): TableCompiler {
  const columns = kind.columns.map((column) => ({ ...column, find: finderOf(column) }));
  const isNamed = kind.nameColumn !== false;
  const described = kind.columns.map(({ name, type, description, priority = 0 }) => {
    // Kubernetes says of its own kinds' ages that they are texts, and of others' that they are dates.
    const shown = type === 'date' && isBuiltIn(kind) ? 'string' : type;
    return { name, type: shown, format: '', description, priority };
  });
  const definitions = isNamed ? [NAME_COLUMN, ...described] : described;
  return {
    table: (rows, metadata, version) => ({
      kind: 'Table',
      apiVersion: `meta.k8s.io/${version}`,
      metadata,
      columnDefinitions: definitions,
      rows,
    }),
    row(object, { nowMs, include, version }) {
      const cells = columns.map(({ type, find }) => cellOf(type, find(object), nowMs));
      const included = include === 'Object' ? object : metadataOnly(object, version);
      const named = isNamed ? [object.metadata.name, ...cells] : cells;
      return { cells: named, ...(include !== 'None' && { object: included }) };
    },
  };
}

/** An object without all but its metadata, as Kubernetes' `PartialObjectMetadata`. */
export function metadataOnly({ metadata }: ResourceObject, version: string): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
}

function finderOf({ jsonPath, compute }: PrinterColumn): (object: ResourceObject) => unknown[] {
  if (compute !== undefined) return (object) => [compute(object)];
  return compileJsonPath(jsonPath ?? '');
}

/** Null is shown as `<none>`. */
function cellOf(type: PrinterColumn['type'], found: readonly unknown[], nowMs: number): unknown {
  const first = found[0] ?? null;
  if (first === null) return null;
  switch (type) {
    case 'date':
      return formatAge(typeof first === 'string' ? nowMs - Date.parse(first) : NaN);
    case 'string':
      return found.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(',');
    case 'integer':
      return typeof first === 'number' ? first : null;
    case 'boolean':
      return typeof first === 'boolean' ? first : null;
  }
}

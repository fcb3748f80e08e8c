import type { KindDefinition, ResourceObject } from '../../shared/model/kind.ts';
import { apiVersionOf, showAs } from '../../shared/model/kind.ts';
import type { ObjectRow } from '../ports.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import { badRequest } from './errors.ts';
import type { ResourcePath } from './path.ts';
import type { CompileTable, IncludeObject } from './table.ts';
import { createTableCompiler, metadataOnly } from './table.ts';

/** Stored objects in the form and version that a client asked for. */
export interface View {
  /** Two views of one id show an object alike. */
  readonly id: string;
  object(object: ResourceObject): object;
  /** Of an object that stands for a version and has no more than metadata. */
  bookmark(object: ResourceObject): object;
  /** The JSON of `object`. */
  row(row: ObjectRow): string;
  /** The JSON of a list. */
  list(rows: readonly ObjectRow[], metadata: object): string;
}

/** The views of a context's kinds. */
export type CreateView = (path: ResourcePath, request: Pick<ApiRequest, 'accepted' | 'query'>) => View;

export function createViews({ kinds, clock }: Pick<ApiContext, 'kinds' | 'clock'>): CreateView {
  const tables = new Map<KindDefinition, CompileTable>(
    kinds.map((kind) => [kind, createTableCompiler(kind)]),
  );
  return ({ kind, version }, { accepted, query }) => {
    const apiVersion = apiVersionOf(kind, version);
    const inVersion = (object: ResourceObject): ResourceObject => ({ ...showAs(kind, object), apiVersion });
    const idOf = (form: string) => `${apiVersion} ${kind.kind} ${form}`;
    const compileTable = tables.get(kind);
    if (accepted.as === 'Table' && compileTable !== undefined) {
      const include = parseInclude(query);
      const table = (objects: readonly ResourceObject[], metadata: object) =>
        compileTable(objects.map(inVersion), metadata, {
          nowMs: clock.now(),
          include,
          version: accepted.version,
        });
      return createView(idOf(`Table ${accepted.version} ${include}`), {
        object: (object) => table([object], { resourceVersion: object.metadata.resourceVersion }),
        bookmark: (object) => ({ ...table([], object.metadata), rows: [{ cells: [], object }] }),
        list: (rows, metadata) => JSON.stringify(table(rows.map(parseRow), metadata)),
      });
    }
    if (accepted.as.startsWith('PartialObjectMetadata')) {
      const header = { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${accepted.version}` };
      const object = (whole: ResourceObject) => metadataOnly(showAs(kind, whole), accepted.version);
      return createView(idOf(`PartialObjectMetadata ${accepted.version}`), {
        object,
        bookmark: (mark) => metadataOnly(mark, accepted.version),
        list: (rows, metadata) =>
          joinList(
            { ...header, metadata },
            rows.map((row) => JSON.stringify(object(parseRow(row)))),
          ),
      });
    }
    const isStored = kind.view === undefined && version === kind.versions[0];
    const row = isStored ? ({ text }: ObjectRow) => text : undefined;
    const encode = row ?? ((one: ObjectRow) => JSON.stringify(inVersion(parseRow(one))));
    const header = { kind: `${kind.kind}List`, apiVersion };
    return createView(idOf(''), {
      object: inVersion,
      bookmark: (mark) => mark,
      row: encode,
      list: (rows, metadata) => joinList({ ...header, metadata }, rows.map(encode)),
    });
  };
}

type Form = Omit<View, 'id' | 'row'> & Partial<Pick<View, 'row'>>;

function createView(id: string, form: Form): View {
  return { id, row: (one) => JSON.stringify(form.object(parseRow(one))), ...form };
}

export function parseRow({ text }: ObjectRow): ResourceObject {
  return JSON.parse(text) as ResourceObject;
}

/** A list whose items are JSON already. */
function joinList(header: object, items: readonly string[]): string {
  return `${JSON.stringify(header).slice(0, -1)},"items":[${items.join(',')}]}`;
}

function parseInclude(query: URLSearchParams): IncludeObject {
  const text = query.get('includeObject') ?? '';
  switch (text) {
    case '':
      return 'Metadata';
    case 'None':
    case 'Metadata':
    case 'Object':
      return text;
    default:
      throw badRequest(`unrecognized includeObject value: "${text}": it must be None, Metadata or Object`);
  }
}

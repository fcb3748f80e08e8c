import type { KindDefinition, ResourceObject } from '../../../shared/model/kind.ts';
import { apiVersionOf, showAs } from '../../../shared/model/kind.ts';
import type { ObjectRow } from '../../ports.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { badRequest } from '../errors.ts';
import type { ResourcePath } from '../path.ts';
import type { IncludeObject, TableCompiler } from './table.ts';
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
  /** How a list is put together, whose metadata these are. */
  list(metadata: object): ListFrame;
}

/** A list's JSON: what comes before its items, each item with commas between, and what comes after them. */
export interface ListFrame {
  readonly head: string;
  item(row: ObjectRow): string;
  readonly tail: string;
}

/** The views of a context's kinds. */
export type CreateView = (path: ResourcePath, request: Pick<ApiRequest, 'accepted' | 'query'>) => View;

export function createViews({ kinds, clock }: Pick<ApiContext, 'kinds' | 'clock'>): CreateView {
  const tables = new Map<KindDefinition, TableCompiler>(
    kinds.map((kind) => [kind, createTableCompiler(kind)]),
  );
  return ({ kind, version }, { accepted, query }) => {
    const apiVersion = apiVersionOf(kind, version);
    const inVersion = (object: ResourceObject): ResourceObject => ({ ...showAs(kind, object), apiVersion });
    const idOf = (form: string) => `${apiVersion} ${kind.kind} ${form}`;
    const tableOf = tables.get(kind);
    if (accepted.as === 'Table' && tableOf !== undefined) {
      const { version: metaVersion } = accepted;
      const include = parseInclude(query);
      const rowOf = (object: ResourceObject) =>
        tableOf.row(inVersion(object), { nowMs: clock.now(), include, version: metaVersion });
      return createView(idOf(`Table ${metaVersion} ${include}`), {
        object(object) {
          const { resourceVersion } = object.metadata;
          return tableOf.table([rowOf(object)], { resourceVersion }, metaVersion);
        },
        bookmark: (object) => tableOf.table([{ cells: [], object }], object.metadata, metaVersion),
        list: (metadata) =>
          frameList(tableOf.table([], metadata, metaVersion), 'rows', (row) =>
            JSON.stringify(rowOf(parseRow(row))),
          ),
      });
    }
    if (accepted.as.startsWith('PartialObjectMetadata')) {
      const header = { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${accepted.version}` };
      const object = (whole: ResourceObject) => metadataOnly(showAs(kind, whole), accepted.version);
      return createView(idOf(`PartialObjectMetadata ${accepted.version}`), {
        object,
        bookmark: (mark) => metadataOnly(mark, accepted.version),
        list: (metadata) =>
          frameList({ ...header, metadata }, 'items', (row) => JSON.stringify(object(parseRow(row)))),
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
      list: (metadata) => frameList({ ...header, metadata }, 'items', encode),
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

/** A list that has its items, which are encoded one by one, under the last of its keys. */
function frameList(list: object, key: 'items' | 'rows', item: ListFrame['item']): ListFrame {
  const empty = JSON.stringify({ ...list, [key]: [] });
  return { head: empty.slice(0, -2), item, tail: empty.slice(-2) };
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

import type { KindDefinition, ResourceObject } from '../../shared/model/kind.ts';
import { apiVersionOf } from '../../shared/model/kind.ts';
import { badRequest } from './errors.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import type { ResourcePath } from './path.ts';
import type { CompileTable, IncludeObject } from './table.ts';
import { createTableCompiler, metadataOnly } from './table.ts';

/** Stored objects in the form and version that a client asked for. */
export interface View {
  object(object: ResourceObject): object;
  list(items: readonly ResourceObject[], metadata: object): object;
}

/** The views of a context's kinds. */
export type CreateView = (path: ResourcePath, request: ApiRequest) => View;

export function createViews({ kinds, clock }: ApiContext): CreateView {
  const tables = new Map<KindDefinition, CompileTable>(
    kinds.map((kind) => [kind, createTableCompiler(kind)]),
  );
  return ({ kind, version }, { accepted, query }) => {
    const apiVersion = apiVersionOf(kind, version);
    const inVersion = (object: ResourceObject): ResourceObject => ({ ...object, apiVersion });
    const compileTable = tables.get(kind);
    if (accepted.as === 'Table' && compileTable !== undefined) {
      const include = parseInclude(query);
      const list = (items: readonly ResourceObject[], metadata: object) =>
        compileTable(items.map(inVersion), metadata, {
          nowMs: clock.now(),
          include,
          version: accepted.version,
        });
      return {
        list,
        object: (object) => list([object], { resourceVersion: object.metadata.resourceVersion }),
      };
    }
    if (accepted.as.startsWith('PartialObjectMetadata')) {
      const header = { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${accepted.version}` };
      const object = (whole: ResourceObject) => metadataOnly(whole, accepted.version);
      return { object, list: (items, metadata) => ({ ...header, metadata, items: items.map(object) }) };
    }
    return {
      object: inVersion,
      list: (items, metadata) => ({
        kind: `${kind.kind}List`,
        apiVersion,
        metadata,
        items: items.map(inVersion),
      }),
    };
  };
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
      throw badRequest(`includeObject must be None, Metadata or Object, not "${text}"`);
  }
}

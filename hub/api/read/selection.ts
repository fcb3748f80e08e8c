import { eventKind } from '../../../shared/model/event.ts';
import type { KindDefinition, ResourceObject } from '../../../shared/model/kind.ts';
import { showAs } from '../../../shared/model/kind.ts';
import type { ObjectRow } from '../../ports.ts';
import type { ApiContext } from '../context.ts';
import { parseFieldSelector } from './field-selector.ts';
import { parseLabelSelector } from './label-selector.ts';
import type { ResourcePath } from '../path.ts';

/** Which objects of a kind a request is about; objects are given as they are stored. */
export interface Selection {
  matches(object: ResourceObject): boolean;
  /** The same without a look at what need not be looked at. */
  matchesRow(row: ObjectRow): boolean;
  /** Whether it is the whole of a namespace, or of the kind. */
  readonly whole: boolean;
}

const OF_A_RUN = 'involvedObject.kind=VirtualMachineInstance';
const OF_A_NODE = 'involvedObject.kind=Node';

/**
 * Field selectors of which an object has to match one. Events are told of the objects that stay: a run's of its
 * machine, whose uid is another, and a node's of its device; `kubectl describe` asks for those of a run or node alone.
 */
function alternativesOf(kind: KindDefinition, text: string): string[] {
  if (kind !== eventKind) return [text];
  const parts = text.split(',');
  const replaced = (from: string, name: string) =>
    parts.map((part) => (part === from ? `involvedObject.kind=${name}` : part));
  if (parts.includes(OF_A_NODE)) return [text, replaced(OF_A_NODE, 'Device').join(',')];
  if (!parts.includes(OF_A_RUN)) return [text];
  const withoutUid = replaced(OF_A_RUN, 'VirtualMachine').filter(
    (part) => !part.startsWith('involvedObject.uid='),
  );
  return [text, withoutUid.join(',')];
}

/** Reads `labelSelector` and `fieldSelector`; @throws ApiError 400 */
export function parseSelection(context: ApiContext, path: ResourcePath, query: URLSearchParams): Selection {
  const labelText = query.get('labelSelector') ?? '';
  const fieldText = query.get('fieldSelector') ?? '';
  const byLabels = parseLabelSelector(labelText);
  const schema = context.schemas.of(path.kind);
  const selectors = alternativesOf(path.kind, fieldText).map((text) => parseFieldSelector(text, schema));
  const byFields = (object: ResourceObject) => selectors.some((matches) => matches(object));
  const whole = labelText === '' && fieldText === '';
  const isInside = (namespace: string) => path.namespace === undefined || namespace === path.namespace;

  function matches(object: ResourceObject): boolean {
    if (!isInside(object.metadata.namespace ?? '')) return false;
    if (whole) return true;
    const shown = showAs(path.kind, object);
    return byLabels(shown.metadata.labels ?? {}) && byFields(shown);
  }

  return {
    whole,
    matches,
    matchesRow: ({ namespace, text }) =>
      whole ? isInside(namespace) : matches(JSON.parse(text) as ResourceObject),
  };
}

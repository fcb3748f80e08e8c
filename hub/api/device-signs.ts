import { formatMicros, formatSeconds } from '../../shared/base/time.ts';
import type { KindDefinition, ResourceObject } from '../../shared/model/kind.ts';
import { LEASE_NAMESPACE, leaseKind, nodeMetricsKind } from '../../shared/model/lease.ts';
import { deviceKind } from '../../shared/model/device.ts';
import { groupKindOf } from '../../shared/model/kind.ts';
import { SILENT_MS } from '../devices/mark-silent.ts';
import type { DeviceRow, ObjectRow, ReadTables, Store } from '../ports.ts';
import type { Answer } from './answer.ts';
import { objectAnswer } from './answer.ts';
import type { ApiContext, ApiRequest } from './context.ts';
import { notFound } from './errors.ts';
import type { ObjectPath, ResourcePath } from './path.ts';
import { parseSelection } from './selection.ts';
import { parseRow } from './view.ts';

/** What devices tell all the time, made into objects when it is asked for: none of it is written as objects. */

type Compile = (device: DeviceRow, heardAtMs: number, created: string | null) => ResourceObject | undefined;

const SIGNS: ReadonlyMap<KindDefinition, Compile> = new Map<KindDefinition, Compile>([
  [leaseKind, compileLease],
  [nodeMetricsKind, compileMetrics],
]);

export const SIGN_KINDS: readonly KindDefinition[] = [...SIGNS.keys()];

export function getSign(context: ApiContext, path: ObjectPath): Promise<Answer> {
  return context.store.read(async (tables) => {
    const { kind, name, namespace } = path;
    const isPlace = !kind.namespaced || namespace === LEASE_NAMESPACE;
    const [object] = isPlace ? await readSigns(tables, kind, await tables.devices.getMany([name])) : [];
    if (object === undefined) throw notFound(kind, name);
    return objectAnswer(object);
  });
}

export function listSigns(context: ApiContext, path: ResourcePath, { query }: ApiRequest): Promise<Answer> {
  const selection = parseSelection(context, path, query);
  return context.store.read(async (tables) => {
    const all = await readSigns(tables, path.kind, await tables.devices.list());
    const rows = all
      .filter((sign) => selection.matches(sign))
      .map(({ metadata, ...rest }): ObjectRow => {
        const { namespace = '', name } = metadata;
        return { namespace, name, text: JSON.stringify({ ...rest, metadata }) };
      });
    return {
      form: 'list',
      rows,
      metadata: { resourceVersion: String(await tables.objects.resourceVersion()) },
    };
  });
}

/** What a table shows of devices that their objects have as of their newest change only. */
export async function addLastHeard(store: Store, answer: Answer): Promise<Answer> {
  if (answer.form !== 'object' && answer.form !== 'list') return answer;
  const heard = await store.read(async (tables) => {
    const names =
      answer.form === 'object' ? [answer.object.metadata.name] : answer.rows.map(({ name }) => name);
    const devices = names.length > DEVICES_AT_ONCE ? tables.devices.list() : tables.devices.getMany(names);
    return readHeard(tables, await devices);
  });
  const add = (object: ResourceObject): ResourceObject => {
    const heardAtMs = heard.get(object.metadata.name);
    if (heardAtMs === undefined) return object;
    return {
      ...object,
      status: { ...(object.status as object), lastReceivedTime: formatSeconds(heardAtMs) },
    };
  };
  if (answer.form === 'object') return { ...answer, object: add(answer.object) };
  const rows = answer.rows.map((row) => ({ ...row, text: JSON.stringify(add(parseRow(row))) }));
  return { ...answer, rows };
}

/** When devices were last heard, by their names, in milliseconds. */
async function readHeard(
  { streams }: Pick<ReadTables, 'streams'>,
  devices: readonly DeviceRow[],
): Promise<Map<string, number>> {
  const heard = new Map<string, number>();
  for (let start = 0; start < devices.length; start += DEVICES_AT_ONCE) {
    const some = devices.slice(start, start + DEVICES_AT_ONCE);
    const epochs = new Map(some.map(({ name, epoch }) => [name, epoch]));
    for (const { device, epoch, heardAtMs } of await streams.getMany([...epochs.keys()])) {
      if (epochs.get(device) === epoch) heard.set(device, heardAtMs);
    }
  }
  return heard;
}
/** SQLite takes no more than some ten thousand parameters at a time. */
const DEVICES_AT_ONCE = 500;

async function readSigns(
  tables: ReadTables,
  kind: KindDefinition,
  devices: readonly DeviceRow[],
): Promise<ResourceObject[]> {
  const heard = await readHeard(tables, devices);
  const signs: ResourceObject[] = [];
  for (const device of devices) {
    const object = await tables.objects.get({
      kind: groupKindOf(deviceKind),
      namespace: '',
      name: device.name,
    });
    const heardAtMs = heard.get(device.name);
    if (object === undefined || heardAtMs === undefined) continue;
    const sign = SIGNS.get(kind)?.(device, heardAtMs, object.metadata.creationTimestamp ?? null);
    if (sign !== undefined) signs.push(sign);
  }
  return signs;
}

function compileLease({ name }: DeviceRow, heardAtMs: number, created: string | null): ResourceObject {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: leaseKind.kind,
    metadata: {
      name,
      namespace: LEASE_NAMESPACE,
      creationTimestamp: created,
      resourceVersion: String(heardAtMs),
    },
    spec: {
      holderIdentity: name,
      leaseDurationSeconds: Math.round(SILENT_MS / 1000),
      renewTime: formatMicros(heardAtMs),
    },
  };
}

function compileMetrics({ name, facts, metrics }: DeviceRow, heardAtMs: number): ResourceObject | undefined {
  if (facts === undefined || metrics === undefined) return undefined;
  const kibibytes = (bytes: number) => `${Math.max(0, Math.round(bytes / 1024))}Ki`;
  return {
    apiVersion: 'metrics.k8s.io/v1beta1',
    kind: nodeMetricsKind.kind,
    metadata: { name, creationTimestamp: formatSeconds(heardAtMs) },
    timestamp: formatSeconds(heardAtMs),
    window: '15m0s',
    usage: {
      cpu: `${Math.round(metrics.loadAverage * 1000)}m`,
      memory: kibibytes(facts.memoryBytes - metrics.memoryAvailableBytes),
      'ephemeral-storage': kibibytes(facts.diskBytes - metrics.diskAvailableBytes),
    },
  };
}

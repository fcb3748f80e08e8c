import { formatMicros, formatSeconds } from '../../../shared/base/time.ts';
import type { KindDefinition, ResourceObject } from '../../../shared/model/kind.ts';
import { NODE_LEASE_NAMESPACE, leaseKind, nodeMetricsKind } from '../../../shared/model/lease.ts';
import { deviceKind } from '../../../shared/model/device.ts';
import { groupKindOf } from '../../../shared/model/kind.ts';
import { SILENT_MS } from '../../devices/mark-silent.ts';
import type { DeviceRow, ObjectRow, ReadTables, Store } from '../../ports.ts';
import type { Answer } from '../answer.ts';
import { objectAnswer } from '../answer.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { notFound } from '../errors.ts';
import type { ObjectPath, ResourcePath } from '../path.ts';
import { readRows } from './read-rows.ts';
import { parseSelection } from './selection.ts';
import { parseRow } from '../view/view.ts';

/** What devices tell all the time, made into objects when it is asked for: none of it is written as objects. */

type Compile = (device: DeviceRow, heardAtMs: number, created: string | null) => ResourceObject | undefined;

const SIGNS: ReadonlyMap<KindDefinition, Compile> = new Map<KindDefinition, Compile>([
  [leaseKind, compileLease],
  [nodeMetricsKind, compileMetrics],
]);

/** Whether a path leads to what devices tell: of leases, those where Kubernetes keeps the ones of nodes. */
export function isSign({ kind, namespace }: ResourcePath): boolean {
  return SIGNS.has(kind) && (!kind.namespaced || namespace === NODE_LEASE_NAMESPACE);
}

/** What can be asked of signs, of which the kind may have more elsewhere. */
export const SIGN_VERBS: NonNullable<KindDefinition['verbs']> = {
  only: ['get', 'list'],
  why: `leases in ${NODE_LEASE_NAMESPACE} tell when devices were last heard, and are not kept as objects`,
};

export function getSign(context: ApiContext, path: ObjectPath): Promise<Answer> {
  return context.store.read(async (tables) => {
    const { kind, name } = path;
    const [object] = await readSigns(tables, kind, await tables.devices.getMany([name]));
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
  const rows = answer.form === 'row' ? [answer.row] : answer.form === 'list' ? answer.rows : [];
  if (rows.length === 0) return answer;
  const heard = await store.read(async (tables) => {
    const names = rows.map(({ name }) => name);
    const devices = names.length > DEVICES_AT_ONCE ? tables.devices.list() : tables.devices.getMany(names);
    return readHeard(tables, await devices);
  });
  const add = (row: ObjectRow): ObjectRow => {
    const heardAtMs = heard.get(row.name);
    if (heardAtMs === undefined) return row;
    const object = parseRow(row);
    const status = { ...(object.status as object), lastReceivedTime: formatSeconds(heardAtMs) };
    return { ...row, text: JSON.stringify({ ...object, status }) };
  };
  const [first] = rows;
  if (answer.form === 'row' && first !== undefined) return { form: 'row', row: add(first) };
  return answer.form === 'list' ? { ...answer, rows: rows.map(add) } : answer;
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
  const created = await readCreated(tables, devices);
  return devices.flatMap((device) => {
    const [heardAtMs, since] = [heard.get(device.name), created.get(device.name)];
    if (heardAtMs === undefined || since === undefined) return [];
    return SIGNS.get(kind)?.(device, heardAtMs, since) ?? [];
  });
}

/** When the objects of devices were made, by their names; those that have none are left out. */
async function readCreated(
  { objects }: ReadTables,
  devices: readonly DeviceRow[],
): Promise<Map<string, string | null>> {
  const created = new Map<string, string | null>();
  const note = ({ metadata }: ResourceObject) =>
    created.set(metadata.name, metadata.creationTimestamp ?? null);
  const kind = groupKindOf(deviceKind);
  const [only, ...others] = devices;
  if (only !== undefined && others.length === 0) {
    const object = await objects.get({ kind, namespace: '', name: only.name });
    if (object !== undefined) note(object);
    return created;
  }
  const resourceVersion = await objects.resourceVersion();
  for await (const rows of readRows((work) => work(objects), { kind, resourceVersion })) {
    for (const row of rows) note(parseRow(row));
  }
  return created;
}

function compileLease({ name }: DeviceRow, heardAtMs: number, created: string | null): ResourceObject {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: leaseKind.kind,
    metadata: {
      name,
      namespace: NODE_LEASE_NAMESPACE,
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

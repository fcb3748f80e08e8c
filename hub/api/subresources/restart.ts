import { createHash } from 'node:crypto';
import { z } from 'zod';
import { messageOf } from '../../../shared/base/errors.ts';
import { formatTime } from '../../../shared/base/time.ts';
import { groupKindOf } from '../../../shared/model/kind.ts';
import { fields, notYet } from '../../../shared/model/schema.ts';
import { formatCauses, validate } from '../../../shared/model/validate.ts';
import { virtualMachineKind } from '../../../shared/model/virtual-machine.ts';
import type { MachineRow, TimelineEntry } from '../../ports.ts';
import { jsonReply } from '../answer.ts';
import { parseBody } from '../body.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { badRequest, conflict, notFound, success } from '../errors.ts';
import { isDryRun } from '../query.ts';
import type { Subresource, Target } from '../subresource.ts';
import { askDevice, findDevice } from './ask-device.ts';

/** How long a device may take to say that it has taken it up; the guest's shutdown takes what it takes. */
const DEADLINE_MS = 30_000;

/** KubeVirt's `RestartOptions`. */
const restartOptions = fields(
  {
    apiVersion: z.string().optional(),
    kind: z.string().optional(),
    dryRun: z.array(z.string()).nullish(),
  },
  notYet('gracePeriodSeconds'),
);

/** KubeVirt's restart of a running machine: its guest is asked to shut down, and it is started again. */
export const restart: Subresource = {
  group: 'subresources.kubevirt.io',
  versions: ['v1', 'v1alpha3'],
  kind: virtualMachineKind,
  name: 'restart',
  verb: 'update',
  responseKind: 'Status',
  async serve(context, target, request) {
    const dryRun = parseOptions(request);
    const key = parseKey(request.idempotencyKey ?? '');
    const { row, device } = await findMachine(context, target);
    if (!dryRun) {
      const note = (reason: string, message: string) => noteRequest(context, row, reason, message);
      await note('RestartRequested', 'a restart was asked for through the API');
      const body = { verb: 'restart', machine: row.uid, reason: 'asked for through the API' } as const;
      const instead = `${describeLast(row)}. 'holdfast vm restart ${row.namespace}/${row.name}' on the box needs no link`;
      const id = key === undefined ? {} : { id: idOf(key, row.uid) };
      await askDevice(context, device, body, { ...id, deadlineMs: DEADLINE_MS, instead }).catch(
        async (error: unknown) => {
          await note('RestartFailed', messageOf(error));
          throw error;
        },
      );
      await note('RestartAccepted', `device ${device.name} has taken the restart up`);
    }
    const { group, plural } = virtualMachineKind;
    const status = success({ name: row.name, group, kind: plural, uid: row.uid });
    return jsonReply({ ...status, code: 202 }, 202);
  },
};

async function findMachine({ store }: ApiContext, { namespace, name }: Target) {
  return store.transaction(async (tables) => {
    const key = { kind: groupKindOf(virtualMachineKind), namespace, name };
    const object = await tables.objects.get(key);
    if (object === undefined) throw notFound(virtualMachineKind, name);
    const row = await tables.machines.get(object.metadata.uid ?? '');
    if (row === undefined) throw conflict(virtualMachineKind, name, 'it has not been put on a device yet');
    return { row, device: await findDevice(tables, row.device) };
  });
}

function describeLast({ name, status, reportedAtMs }: MachineRow): string {
  if (status === undefined || reportedAtMs === undefined) return `; it has said nothing of ${name} yet`;
  return `; of ${name} it last said ${status.state} at ${formatTime(reportedAtMs)}`;
}

async function noteRequest(
  { store, clock }: ApiContext,
  { device, uid, namespace, name, kind }: MachineRow,
  reason: string,
  message: string,
): Promise<void> {
  const nowMs = clock.now();
  const entry: TimelineEntry = {
    device,
    kind: 'request',
    type: reason === 'RestartFailed' ? 'Warning' : 'Normal',
    reason,
    message,
    machine: { uid, namespace, name, kind },
    happenedAtMs: nowMs,
    learnedAtMs: nowMs,
  };
  await store.transaction(({ timeline }) => timeline.append([entry]));
}

/** Whether it is only to be tried. */
function parseOptions(request: ApiRequest): boolean {
  const options = validate(restartOptions, parseBody(request) ?? {});
  if (!options.ok) throw badRequest(`the RestartOptions can't be read: ${formatCauses(options.causes)}`);
  return isDryRun([...request.query.getAll('dryRun'), ...(options.value.dryRun ?? [])]);
}

function parseKey(text: string): string | undefined {
  if (text === '') return undefined;
  if (z.guid().safeParse(text).success) return text.toLowerCase();
  throw badRequest(`the header Idempotency-Key must be a UUID, not "${text}"`);
}

/** The request's id on the link. Of the machine too: a key that is used for another machine is another request. */
function idOf(key: string, uid: string): string {
  const digest = createHash('sha256').update(`restart ${uid} ${key}`).digest('hex');
  return digest.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { messageOf } from '../../../shared/base/errors.ts';
import { formatTime } from '../../../shared/base/time.ts';
import type { ORDERS } from '../../../shared/model/machine.ts';
import { fields } from '../../../shared/model/schema.ts';
import { formatCauses, validate } from '../../../shared/model/validate.ts';
import type { MachineRow, TimelineEntry } from '../../ports.ts';
import type { Reply } from '../answer.ts';
import { jsonReply } from '../answer.ts';
import { parseBody } from '../write/body.ts';
import type { ApiContext, ApiRequest } from '../context.ts';
import { badRequest, success } from '../errors.ts';
import { isDryRun } from '../query.ts';
import { askDevice } from './ask-device.ts';
import type { PlacedMachine } from './machine-target.ts';

/** How long a device may take to say that it has taken it up; the guest's shutdown takes what it takes. */
const DEADLINE_MS = 30_000;

/** The fields that KubeVirt's options of all verbs have. */
export const OPTION_FIELDS = {
  apiVersion: z.string().optional(),
  kind: z.string().optional(),
  dryRun: z.array(z.string()).nullish(),
};
/** KubeVirt's `PauseOptions`, `UnpauseOptions` and others of no more fields. */
export const plainOptions = fields(OPTION_FIELDS);

/**
 * The options in a request's body, which may be empty, and whether the request is only to be tried.
 * @throws ApiError 400
 */
export function parseOptions<T extends { readonly dryRun?: string[] | null | undefined }>(
  request: ApiRequest,
  schema: z.ZodType<T>,
  kind: string,
): { readonly options: T; readonly dryRun: boolean } {
  const read = validate(schema, parseBody(request) ?? {});
  if (!read.ok) throw badRequest(`the ${kind} can't be read: ${formatCauses(read.causes)}`);
  const dryRun = isDryRun([...request.query.getAll('dryRun'), ...(read.value.dryRun ?? [])]);
  return { options: read.value, dryRun };
}

type Order = (typeof ORDERS)[number];

interface OrderOptions {
  readonly gracePeriodSeconds?: number;
  readonly paused?: boolean;
  /** Two orders with the same one are one. */
  readonly key: string | undefined;
}

/** What an order is called in history. */
const NAMES: Readonly<Record<Order, { readonly reason: string; readonly words: string }>> = {
  start: { reason: 'Start', words: 'a start' },
  stop: { reason: 'Stop', words: 'a stop' },
  restart: { reason: 'Restart', words: 'a restart' },
  pause: { reason: 'Pause', words: 'a pause' },
  unpause: { reason: 'Unpause', words: 'an end of the pause' },
  softreboot: { reason: 'SoftReboot', words: 'a soft reboot' },
  reset: { reason: 'Reset', words: 'a reset' },
};

/**
 * Has a machine's device take an order up, with what became of that in its history.
 * @throws ApiError as `askDevice`
 */
export async function orderMachine(
  context: ApiContext,
  { row, device }: PlacedMachine,
  order: Order,
  { key, ...rest }: OrderOptions,
): Promise<void> {
  const { reason, words } = NAMES[order];
  const note = (what: string, message: string) => noteRequest(context, row, `${reason}${what}`, message);
  await note('Requested', `${words} was asked for through the API`);
  const body = { verb: order, machine: row.uid, reason: 'asked for through the API', ...rest };
  const options = {
    ...(key === undefined ? {} : { id: idOf(order, key, row.uid) }),
    deadlineMs: DEADLINE_MS,
    instead: describeInstead(row, order),
  };
  await askDevice(context, device, body, options).catch(async (error: unknown) => {
    await note('Failed', messageOf(error));
    throw error;
  });
  await note('Accepted', `device ${device.name} has taken the ${order} up`);
}

/** What is known of a machine whose device can't be asked, and what can be done all the same. */
export function describeInstead(row: MachineRow, order: Order): string {
  return `${describeLast(row)}; 'holdfast vm ${order} ${row.namespace}/${row.name}' on the box needs no link`;
}

/** What is known of a machine whose device can't be asked, and what becomes of changes meanwhile. */
export function describeLast({ name, status, reportedAtMs }: MachineRow): string {
  const last =
    status === undefined || reportedAtMs === undefined
      ? `it has said nothing of ${name} yet`
      : `of ${name} it last said ${status.state} at ${formatTime(reportedAtMs)}`;
  return `; ${last}; a change of its spec is applied once the device is back`;
}

/** Of a request that was taken up; it is carried out, and shows in the machine's status. */
export function accepted({
  kind: { group, plural },
  row: { name, uid },
}: Pick<PlacedMachine, 'kind' | 'row'>): Reply {
  return jsonReply({ ...success({ name, group, kind: plural, uid }), code: 202 }, 202);
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
    type: reason.endsWith('Failed') ? 'Warning' : 'Normal',
    reason,
    message,
    machine: { uid, namespace, name, kind },
    happenedAtMs: nowMs,
    learnedAtMs: nowMs,
  };
  await store.transaction(({ timeline }) => timeline.append([entry]));
}

/** The request's idempotency key, where it has one; @throws ApiError 400 */
export function parseKey({ idempotencyKey: text = '' }: ApiRequest): string | undefined {
  if (text === '') return undefined;
  if (z.guid().safeParse(text).success) return text.toLowerCase();
  throw badRequest(`the header Idempotency-Key must be a UUID, not "${text}"`);
}

/** The request's id on the link. Of the machine too: a key that is used for another machine is another request. */
function idOf(order: Order, key: string, uid: string): string {
  const digest = createHash('sha256').update(`${order} ${uid} ${key}`).digest('hex');
  return digest.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
}

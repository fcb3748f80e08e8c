import type { Device } from '../../shared/model/device.ts';
import type { FieldCause } from '../../shared/model/validate.ts';
import type { MachineRow } from '../ports.ts';
import type { ConditionDraft } from './conditions.ts';
import type { MachineObject } from './desired.ts';

/** Orders given on a box that hold against what is desired here, and how they are released. */

/** On a machine's object: the order given on the box that is to hold no more, by the time that it is reported with. */
export const RELEASE_ANNOTATION = 'holdfast.dev/release-override';
/** As devices report it: any other form of the same time would release nothing. */
const REPORTED_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
/** How many of a device's machines its condition names. */
const NAMED = 5;

/** What is wrong with an object's annotation. */
export function checkRelease({ metadata }: Pick<MachineObject, 'metadata'>): FieldCause[] {
  const released = metadata.annotations?.[RELEASE_ANNOTATION];
  if (released === undefined || REPORTED_TIME.test(released)) return [];
  return [
    {
      field: `metadata.annotations[${RELEASE_ANNOTATION}]`,
      reason: 'FieldValueInvalid',
      message:
        'must be the time of the order, as the condition LocalOverride has it: 2026-03-01T08:30:00.000Z',
    },
  ];
}

/** The order that the hub releases: the one that the object names, or whichever holds where the device is not to keep any. */
export function findRelease(
  row: MachineRow,
  object: MachineObject,
  device: Device | undefined,
): string | undefined {
  const held = row.status?.override?.at;
  if (held !== undefined && device?.spec?.localOverrides === 'Release') return held;
  return object.metadata.annotations?.[RELEASE_ANNOTATION];
}

/** Says of an order what it holds against, since when, by whom and why, and how it is ended. */
export function describeOverride(
  { kind, namespace, name, device, status }: MachineRow,
  desired: string,
  released: string | undefined,
): ConditionDraft[] {
  if (status?.override === undefined) return [];
  const { verb, at, reason, by } = status.override;
  const giver = by === undefined ? '' : ` by ${by}`;
  const what =
    `a ${verb} was ordered on the box${giver} at ${at} (the box's clock): ${reason}. It holds, though the run ` +
    `strategy is ${desired}`;
  const type = 'LocalOverride';
  if (released === at) {
    const message = `${what}; the hub has released it, and device ${device} has yet to say that it did`;
    return [{ type, status: 'True', reason: 'Released', message }];
  }
  const command = `kubectl annotate --overwrite ${kind.toLowerCase()} ${name} -n ${namespace} ${RELEASE_ANNOTATION}=${at}`;
  const opposite = verb === 'stop' ? 'start' : 'stop';
  const message = `${what}, until '${command}', or 'holdfast vm ${opposite} ${namespace}/${name}' on the box`;
  return [{ type, status: 'True', reason: 'OrderedOnBox', message }];
}

/** Says on a device which of its machines are held by orders given there. */
export function describeOverrides(rows: readonly MachineRow[]): ConditionDraft[] {
  const overridden = overriddenRows(rows);
  if (overridden.length === 0) return [];
  const names = overridden
    .slice(0, NAMED)
    .map(({ namespace, name, status }) => `${namespace}/${name} (${status?.override?.verb})`);
  const more = overridden.length > NAMED ? ` and ${overridden.length - NAMED} more` : '';
  const message = `orders given on the box hold: ${names.join(', ')}${more}`;
  return [{ type: 'LocalOverride', status: 'True', reason: 'OrderedOnBox', message }];
}

export function countOverrides(rows: readonly MachineRow[]): number {
  return overriddenRows(rows).length;
}

function overriddenRows(rows: readonly MachineRow[]): readonly MachineRow[] {
  return rows.filter(({ status }) => status?.override !== undefined);
}

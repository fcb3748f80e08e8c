import type { z } from 'zod';
import { NOT_SUPPORTED } from './schema.ts';

/**
 * Annotations by which KubeVirt changes what it runs, and which are not carried out here: they are refused by name, as
 * fields are. All others are kept, and mean nothing to the machine.
 */
const REFUSED_ANNOTATIONS: Readonly<Record<string, string>> = {
  'hooks.kubevirt.io/hookSidecars':
    'no program runs beside a machine to change it: say what it is to have in its spec',
  'kubevirt.io/ignitiondata': 'a guest is configured with cloud-init: use a cloudInitNoCloud volume',
};

/** Such annotations that mean something where they are "true" only. */
const REFUSED_SWITCHES: Readonly<Record<string, string>> = {
  'kubevirt.io/placePCIDevicesOnRootComplex': 'the slots of PCI devices are not chosen: leave it out',
  'kubevirt.io/disablePCIHole64': 'the PCI hole above 4 GiB is always there: leave it out',
  'kubevirt.io/create-migration-target': 'machines are not migrated: leave it out',
};

/** Labels that say what is the case: who makes it so writes them. */
const RESERVED_LABELS = [
  'kubevirt.io/created-by',
  'kubevirt.io/install-strategy',
  'kubevirt.io/migrationJobUID',
  'kubevirt.io/migrationTargetNodeName',
  'kubevirt.io/nodeName',
  'kubevirt.io/schedulable',
  'holdfast.dev/device',
];

type Texts = Readonly<Record<string, string>>;

/** Checks the annotations of a machine's instance, or of the template of one. */
export function refuseAnnotations(annotations: Texts, context: z.RefinementCtx): void {
  for (const [name, value] of Object.entries(annotations)) {
    const why = reasonOf(REFUSED_ANNOTATIONS, name) ?? (value === 'true' && reasonOf(REFUSED_SWITCHES, name));
    if (typeof why === 'string') refuse(context, name, why);
  }
}

/** Checks the labels of a template: those of what is made from it, but for what the hub adds. */
export function refuseReservedLabels(labels: Texts, context: z.RefinementCtx): void {
  for (const name of RESERVED_LABELS.filter((reserved) => Object.hasOwn(labels, reserved))) {
    refuse(context, name, 'it says where a machine is, and the hub sets it; nodeSelector chooses a device');
  }
}

function refuse(context: z.RefinementCtx, name: string, why: string): void {
  const params = { reason: 'FieldValueNotSupported' };
  context.addIssue({ code: 'custom', path: [name], params, message: `${NOT_SUPPORTED}${why}` });
}

function reasonOf(reasons: Texts, name: string): string | undefined {
  return Object.hasOwn(reasons, name) ? reasons[name] : undefined;
}

import { z } from 'zod';
import { fields, meaningless, printable } from '../schema.ts';

const state = fields({ enabled: z.boolean().meta({ description: 'True by default' }).optional() });

/** Where a feature is named without `enabled`, it is on. */
export function isOn(feature: { readonly enabled?: boolean | undefined } | undefined): boolean {
  return feature !== undefined && feature.enabled !== false;
}

/** KubeVirt's `FeatureHyperv`: what Windows knows of its hypervisor. Under KVM only: TCG offers none of it. */
const hyperv = fields({
  evmcs: state.meta({ description: 'Faster nested virtualisation on Intel; turns vapic on' }).optional(),
  frequencies: state.meta({ description: 'The frequencies of TSC and APIC can be read' }).optional(),
  ipi: state.meta({ description: 'Interrupts between CPUs by hypercall; turns vpindex on' }).optional(),
  reenlightenment: state.meta({ description: 'A change of the TSC frequency is told' }).optional(),
  relaxed: state.meta({ description: "The guest's watchdog timeouts are relaxed" }).optional(),
  reset: state.meta({ description: 'The guest can reset itself by hypercall' }).optional(),
  runtime: state.meta({ description: 'The time that a CPU has really run can be read' }).optional(),
  spinlocks: fields({
    ...state.shape,
    spinlocks: z
      .int()
      .min(4096)
      .meta({ description: 'How often a lock is tried before the CPU is given up; 4096 by default' })
      .optional(),
  })
    .meta({ description: 'Locks that are not got are told to the hypervisor' })
    .optional(),
  synic: state.meta({ description: 'The synthetic interrupt controller; turns vpindex on' }).optional(),
  synictimer: fields({
    ...state.shape,
    direct: state.meta({ description: 'Its timers interrupt CPUs directly' }).optional(),
  })
    .meta({ description: 'Synthetic timers; turns synic, vpindex and the hyperv clock on' })
    .optional(),
  tlbflush: fields({
    ...state.shape,
    direct: state.meta({ description: "A nested guest's flushes are taken directly" }).optional(),
    extended: state.meta({ description: 'Parts can be flushed' }).optional(),
  })
    .meta({ description: 'TLBs are flushed by hypercall; turns vpindex on' })
    .optional(),
  vapic: state.meta({ description: 'The paravirtual interrupt controller' }).optional(),
  vendorid: fields({
    ...state.shape,
    vendorid: printable
      .max(12)
      .meta({ description: "The hypervisor's vendor as the guest sees it, at most 12 characters" })
      .optional(),
  })
    .meta({ description: "The hypervisor's vendor" })
    .optional(),
  vpindex: state.meta({ description: 'Each CPU can read its own index' }).optional(),
});
export type Hyperv = z.infer<typeof hyperv>;

const apic = fields({
  enabled: meaningless(
    z.boolean().meta({ description: 'Whether there is one' }),
    'machines always have an APIC, as in KubeVirt',
  ).optional(),
  endOfInterrupt: z
    .boolean()
    .meta({ description: 'Under KVM: the end of an interrupt is told without an exit' })
    .optional(),
});

/** KubeVirt's `Features`. */
export const features = fields({
  acpi: state.meta({ description: 'ACPI; without it the power button can not be pressed' }).optional(),
  apic: apic.meta({ description: 'The interrupt controller' }).optional(),
  hyperv: hyperv.meta({ description: 'What Windows knows of its hypervisor; under KVM only' }).optional(),
  hypervPassthrough: fields({ enabled: z.boolean().meta({ description: 'True by default' }).optional() })
    .meta({ description: 'All of hyperv that the box offers; under KVM only' })
    .optional(),
  kvm: fields({
    hidden: z.boolean().meta({ description: 'The guest does not see that it runs on KVM' }).optional(),
  })
    .meta({ description: 'How KVM shows itself to the guest' })
    .optional(),
  pvspinlock: state
    .meta({ description: 'Under KVM: a CPU that waits for a lock is woken by a hypercall' })
    .optional(),
  smm: state.meta({ description: 'System management mode, which secure boot needs' }).optional(),
}).superRefine(({ hyperv: named, hypervPassthrough }, context) => {
  if (named === undefined || !isOn(hypervPassthrough)) return;
  const message = 'must not be given together with hypervPassthrough';
  context.addIssue({ code: 'custom', path: ['hyperv'], message });
});
export type Features = z.infer<typeof features>;

import type { Domain } from '../../shared/model/domain/domain.ts';
import type { Features, Hyperv } from '../../shared/model/domain/features.ts';
import { isOn } from '../../shared/model/domain/features.ts';

/** Features of the computer and of its hypervisor. */
export interface CompiledFeatures {
  readonly acpi: boolean;
  /** QEMU's own choice where nothing is said. */
  readonly smm?: boolean;
  /** Properties of the CPU that KVM alone has. */
  readonly kvmFlags: Readonly<Record<string, string | number | boolean>>;
}

type Flags = Record<string, string | number | boolean>;

/** KubeVirt's default of `spinlocks.spinlocks`. */
const SPINLOCK_RETRIES = 4096;

export function compileFeatures({ features = {}, clock, devices }: Domain): CompiledFeatures {
  const timer = clock?.timer;
  const flags: Flags = { ...compileHyperv(features) };
  if (timer?.hyperv !== undefined) flags['hv-time'] = timer.hyperv.present !== false;
  if (timer?.kvm !== undefined) flags['kvmclock'] = timer.kvm.present !== false;
  if (devices.panicDevices?.some(({ model }) => model === 'hyperv') === true) flags['hv-crash'] = true;
  if (features.kvm?.hidden === true) flags['kvm'] = false;
  if (features.pvspinlock !== undefined) flags['kvm-pv-unhalt'] = isOn(features.pvspinlock);
  if (features.apic?.endOfInterrupt !== undefined) flags['kvm-pv-eoi'] = features.apic.endOfInterrupt;
  return {
    acpi: features.acpi?.enabled !== false,
    ...(features.smm === undefined ? {} : { smm: isOn(features.smm) }),
    kvmFlags: flags,
  };
}

/** What one feature needs of the others is on with it, unless that is switched off by name (as in KubeVirt). */
function compileHyperv({ hyperv, hypervPassthrough }: Features): Flags {
  if (isOn(hypervPassthrough)) return { 'hv-passthrough': true };
  if (hyperv === undefined) return {};
  const flags: Flags = {};
  for (const [name, flag] of PLAIN) {
    const feature = hyperv[name];
    if (feature !== undefined) flags[flag] = isOn(feature);
  }
  const { spinlocks, synictimer, tlbflush, vendorid } = hyperv;
  if (isOn(spinlocks)) flags['hv-spinlocks'] = spinlocks?.spinlocks ?? SPINLOCK_RETRIES;
  if (isOn(vendorid) && vendorid?.vendorid !== undefined) flags['hv-vendor-id'] = vendorid.vendorid;
  if (isOn(synictimer)) {
    flags['hv-stimer'] = true;
    if (synictimer?.direct !== undefined) flags['hv-stimer-direct'] = isOn(synictimer.direct);
  }
  if (isOn(tlbflush)) {
    flags['hv-tlbflush'] = true;
    if (tlbflush?.direct !== undefined) flags['hv-tlbflush-direct'] = isOn(tlbflush.direct);
    if (tlbflush?.extended !== undefined) flags['hv-tlbflush-ext'] = isOn(tlbflush.extended);
  }
  for (const [flag, needed] of NEEDS) if (flags[flag] === true) flags[needed] ??= true;
  return flags;
}

const PLAIN: readonly (readonly [keyof Omit<Hyperv, 'spinlocks' | 'vendorid'>, string])[] = [
  ['evmcs', 'hv-evmcs'],
  ['frequencies', 'hv-frequencies'],
  ['ipi', 'hv-ipi'],
  ['reenlightenment', 'hv-reenlightenment'],
  ['relaxed', 'hv-relaxed'],
  ['reset', 'hv-reset'],
  ['runtime', 'hv-runtime'],
  ['synic', 'hv-synic'],
  ['vapic', 'hv-vapic'],
  ['vpindex', 'hv-vpindex'],
];

/** In an order in which what is needed of one comes before what that needs. */
const NEEDS: readonly (readonly [string, string])[] = [
  ['hv-stimer', 'hv-synic'],
  ['hv-stimer', 'hv-time'],
  ['hv-synic', 'hv-vpindex'],
  ['hv-ipi', 'hv-vpindex'],
  ['hv-tlbflush', 'hv-vpindex'],
  ['hv-evmcs', 'hv-vapic'],
  ['hv-evmcs', 'vmx'],
];

import type { Equipment } from '../../agent/machine/equipment.ts';

/** A box that lends nothing of its own to single machines. */
export const NO_EQUIPMENT: Equipment = { architecture: 'amd64', hostDevices: [], dedicatedCpus: [] };

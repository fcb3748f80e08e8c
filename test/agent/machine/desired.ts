import type { DesiredMachine } from '../../../shared/model/machine.ts';
import { desiredMachine } from '../../../shared/model/machine.ts';

export const UID = '5f0c1a52-7d7b-4c57-9b0e-0d6f3a1c2e4b';
export const SHA = 'AB'.repeat(32);

export interface Manifest {
  readonly spec?: object;
  readonly domain?: object;
  readonly devices?: object;
  readonly dataVolumes?: readonly object[];
  /** Further members of the entry in the desired document. */
  readonly entry?: object;
}

/** The entry of a machine in a desired document, checked as the agent checks it. */
export function desired(
  { spec, domain, devices, dataVolumes = [], entry }: Manifest,
  name = 'pos',
): DesiredMachine {
  return desiredMachine.parse({
    uid: UID,
    namespace: 'shop',
    name,
    kind: 'VirtualMachine',
    generation: 1,
    runStrategy: 'Always',
    dataVolumes,
    ...entry,
    spec: { ...spec, domain: { memory: { guest: '1Gi' }, ...domain, devices: { ...devices } } },
  });
}

/** A template of a data volume that is filled with an image. */
export const imageVolume = (name: string, storage?: string) => ({
  metadata: { name },
  spec: {
    source: { http: { url: `http://images.example/${name}`, checksum: `sha256:${SHA}` } },
    ...(storage === undefined ? {} : { storage: { resources: { requests: { storage } } } }),
  },
});

/** Text as ConfigMaps' `binaryData` and Secrets have it. */
export const base64 = (text: string) => Buffer.from(text).toString('base64');

import { compileIdleMachine } from '../e2e/idle-machine.ts';

/** A machine with a file of every kind that a start makes, and nothing to boot. */
export function compileMachine(device: string, url: string, checksum: string): object {
  const idle = compileIdleMachine('pos', device) as { spec: { template: { spec: object } } };
  const volumes = [
    { name: 'root', dataVolume: { name: 'pos-root' } },
    { name: 'more', dataVolume: { name: 'pos-more' } },
    { name: 'scratch', emptyDisk: { capacity: '8Mi' } },
    { name: 'seed', cloudInitNoCloud: { userData: '#cloud-config\n' } },
  ];
  return {
    ...idle,
    spec: {
      ...idle.spec,
      dataVolumeTemplates: [
        compileVolume('pos-root', { http: { url, checksum: `sha256:${checksum}` } }),
        compileVolume('pos-more', { blank: {} }),
      ],
      template: {
        ...idle.spec.template,
        spec: {
          ...idle.spec.template.spec,
          domain: {
            memory: { guest: '128Mi' },
            firmware: { bootloader: { efi: { secureBoot: false, persistent: true } } },
            devices: {
              autoattachGraphicsDevice: false,
              tpm: { persistent: true },
              disks: volumes.map(({ name }) => ({ name, disk: { bus: 'virtio' } })),
              interfaces: [{ name: 'default', masquerade: {}, ports: [{ name: 'http', port: 80 }] }],
            },
          },
          volumes,
        },
      },
    },
  };
}

function compileVolume(name: string, source: object): object {
  const pvc = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '8Mi' } } };
  return { metadata: { name }, spec: { source, pvc } };
}

export interface MachineOptions {
  readonly name: string;
  readonly device: string;
  readonly url: string;
  /** 64 hexadecimal digits. */
  readonly checksum: string | undefined;
  readonly runStrategy: string;
  readonly userData: string;
  readonly graceSeconds: number;
}

/** A machine that boots the test guest from its disk, with its web server's port forwarded. */
export function compileManifest(
  options: Partial<MachineOptions> & Pick<MachineOptions, 'name' | 'device' | 'url'>,
): object {
  const { name, device, url, checksum, runStrategy = 'Always', graceSeconds = 30 } = options;
  const http = { url, ...(checksum === undefined ? {} : { checksum: `sha256:${checksum}` }) };
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name, namespace: 'default' },
    spec: {
      runStrategy,
      dataVolumeTemplates: [
        {
          metadata: { name: `${name}-root` },
          spec: {
            source: { http },
            pvc: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '128Mi' } } },
          },
        },
      ],
      template: {
        metadata: { labels: { 'kubevirt.io/vm': name } },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': device },
          terminationGracePeriodSeconds: graceSeconds,
          domain: {
            memory: { guest: '160Mi' },
            devices: {
              disks: ['root', 'seed', 'scratch'].map((disk) => ({ name: disk, disk: { bus: 'virtio' } })),
              interfaces: [
                { name: 'default', masquerade: {}, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
              ],
            },
          },
          networks: [{ name: 'default', pod: {} }],
          volumes: [
            { name: 'root', dataVolume: { name: `${name}-root` } },
            {
              name: 'seed',
              cloudInitNoCloud: { userData: options.userData ?? '#!/bin/sh\necho user-data of the test\n' },
            },
            { name: 'scratch', emptyDisk: { capacity: '32Mi' } },
          ],
        },
      },
    },
  };
}

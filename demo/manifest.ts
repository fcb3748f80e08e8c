import type { ImageServer } from './image-server.ts';

export const DEVICE = 'edge-1';
export const MACHINE = 'hello';
export const NAMESPACE = 'default';

/** The demo's machine, as an operator would write it. */
export function compileManifest({ url, checksum }: Pick<ImageServer, 'url' | 'checksum'>): object {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name: MACHINE, namespace: NAMESPACE },
    spec: {
      runStrategy: 'Always',
      dataVolumeTemplates: [
        {
          metadata: { name: 'hello-root' },
          spec: {
            source: { http: { url, checksum } },
            storage: { resources: { requests: { storage: '1Gi' } } },
          },
        },
      ],
      template: {
        metadata: { labels: { 'kubevirt.io/vm': MACHINE } },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': DEVICE },
          domain: {
            memory: { guest: '256Mi' },
            devices: {
              disks: [
                { name: 'root', disk: { bus: 'virtio' } },
                { name: 'seed', disk: { bus: 'virtio' } },
              ],
              interfaces: [{ name: 'default', masquerade: {}, ports: [{ name: 'http', port: 80 }] }],
            },
          },
          networks: [{ name: 'default', pod: {} }],
          volumes: [
            { name: 'root', dataVolume: { name: 'hello-root' } },
            { name: 'seed', cloudInitNoCloud: { userData: '#!/bin/sh\necho "hello from user data"\n' } },
          ],
        },
      },
    },
  };
}

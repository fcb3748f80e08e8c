/**
 * A machine without anything to boot: its firmware idles, which costs next to nothing, and it is gone at once. With
 * `userData` it has a seed too, and so an entry in the desired document that is as long as that.
 */
export function compileIdleMachine(name: string, device: string, userData?: string): object {
  const volumes = userData === undefined ? [] : [{ name: 'seed', cloudInitNoCloud: { userData } }];
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name, namespace: 'default' },
    spec: {
      runStrategy: 'Always',
      template: {
        metadata: { labels: { 'kubevirt.io/vm': name } },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': device },
          terminationGracePeriodSeconds: 0,
          domain: {
            memory: { guest: '64Mi' },
            devices: {
              autoattachGraphicsDevice: false,
              disks: volumes.map((volume) => ({ name: volume.name, disk: { bus: 'virtio' } })),
              interfaces: [{ name: 'default', masquerade: {} }],
            },
          },
          networks: [{ name: 'default', pod: {} }],
          volumes,
        },
      },
    },
  };
}

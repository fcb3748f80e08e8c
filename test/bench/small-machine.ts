import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

/** What the guest says on its console once its userland is up. */
export const READY_LINE = 'holdfast-guest: ready';

/** All that the guest needs. */
const GUEST_MEMORY = '128Mi';
const KERNEL_FILES = ['vmlinuz', 'initrd'];
const BUILT_GUEST = join(import.meta.dirname, '../../.holdfast/guest');

/** Puts the guest's kernel and initrd in `folder`, where QEMU's user can read them. */
export function copyKernel(folder: string): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o755);
  for (const name of KERNEL_FILES) {
    copyFileSync(join(BUILT_GUEST, name), join(folder, name));
    chmodSync(join(folder, name), 0o644);
  }
}

/** A machine without disks that boots the guest's kernel from `folder`: small enough for many on a small box. */
export function compileSmallMachine(name: string, device: string, folder: string): object {
  const [kernelPath, initrdPath] = KERNEL_FILES;
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
          domain: {
            memory: { guest: GUEST_MEMORY },
            firmware: {
              kernelBoot: {
                kernelArgs: 'console=ttyS0 quiet',
                container: { image: `file://${folder}`, kernelPath, initrdPath },
              },
            },
            devices: {
              autoattachGraphicsDevice: false,
              interfaces: [{ name: 'default', masquerade: {}, ports: [{ name: 'http', port: 80 }] }],
            },
          },
          networks: [{ name: 'default', pod: {} }],
        },
      },
    },
  };
}

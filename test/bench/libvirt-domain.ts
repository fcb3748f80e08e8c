import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool } from '../../agent/qemu/tool.ts';
import { readGuestImage } from '../tools/image-store.ts';
import { DOMAIN } from './libvirt.ts';

/**
 * What `compileManifest` describes, as a libvirt domain with disks of its own in `folder`: same machine type, CPU,
 * memory, disks, card, console and channel. The seed is a copy of the machine's; the guest's image has the same bytes.
 */
export async function prepareDomain(folder: string, seed: string): Promise<string> {
  const [base, root, scratch] = ['base', 'root', 'scratch'].map((name) => join(folder, `${name}.qcow2`));
  if (base === undefined || root === undefined || scratch === undefined) throw new Error('no disks');
  writeFileSync(base, readGuestImage());
  copyFileSync(seed, join(folder, 'seed.iso'));
  await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', base, '-F', 'qcow2', root]);
  await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', scratch, '32M']);
  const disks = [
    formatDisk('qcow2', root, 'vda'),
    formatDisk('raw', join(folder, 'seed.iso'), 'vdb', '<readonly/>'),
    formatDisk('qcow2', scratch, 'vdc'),
  ];
  return `<domain type='qemu'>
    <name>${DOMAIN}</name><memory unit='MiB'>160</memory><vcpu>1</vcpu>
    <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>
    <features><acpi/></features><cpu mode='maximum'/>
    <devices>
      <emulator>/usr/bin/qemu-system-x86_64</emulator>
      ${disks.join('')}
      <interface type='user'><model type='virtio'/></interface>
      <serial type='file'><source path='${join(folder, 'console.log')}'/></serial>
      <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
      <memballoon model='virtio'/>
      <video><model type='vga'/></video>
    </devices>
  </domain>`;
}

function formatDisk(format: string, path: string, target: string, more = ''): string {
  return `<disk type='file' device='disk'><driver name='qemu' type='${format}' cache='none' discard='unmap'/>
    <source file='${path}'/><target dev='${target}' bus='virtio'/>${more}</disk>`;
}

import type { MachineFigures, Traffic } from '../figures-port.ts';
import type { Metric, Sample } from '../../shared/base/exposition.ts';

/** KubeVirt's metrics of a virtual machine instance, under its names and with its labels, so that its dashboards serve. */

type Figure = Omit<Sample, 'labels'> & { readonly labels?: Sample['labels'] };

interface Definition {
  readonly name: string;
  readonly type: Metric['type'];
  readonly help: string;
  readonly figures: (machine: MachineFigures) => readonly Figure[];
}

const one = (value: number | undefined): Figure[] => (value === undefined ? [] : [{ value }]);

const gauge = (name: string, help: string, figures: Definition['figures']): Definition => {
  return { name: `kubevirt_vmi_${name}`, type: 'gauge', help, figures };
};
const counter = (name: string, help: string, figures: Definition['figures']): Definition => {
  return { name: `kubevirt_vmi_${name}`, type: 'counter', help, figures };
};

type Disk = MachineFigures['disks'][number];
const perDisk =
  (value: (disk: Disk) => number): Definition['figures'] =>
  ({ disks }) =>
    disks.map((disk) => ({ labels: { drive: disk.name }, value: value(disk) }));

const perCard =
  (way: 'received' | 'transmitted', figure: keyof Traffic): Definition['figures'] =>
  ({ interfaces }) =>
    interfaces.map((card) => ({ labels: { interface: card.name }, value: card[way][figure] }));

type GuestMemory = NonNullable<MachineFigures['memory']['guest']>;
const ofGuest =
  (figure: keyof GuestMemory): Definition['figures'] =>
  ({ memory }) =>
    one(memory.guest?.[figure]);

const perFileSystem =
  (figure: 'totalBytes' | 'usedBytes'): Definition['figures'] =>
  ({ guest }) =>
    (guest?.fileSystems ?? []).map((system) => ({
      labels: {
        disk_name: system.diskName,
        mount_point: system.mountPoint,
        file_system_type: system.fileSystemType,
      },
      value: system[figure],
    }));

const DEFINITIONS: readonly Definition[] = [
  gauge('info', 'What runs, and what the guest says it is; always 1.', ({ runState, guest }) => [
    {
      value: 1,
      labels: {
        phase: runState === 'running' ? 'running' : runState === 'paused' ? 'paused' : 'unknown',
        os: guest?.os.id ?? '<none>',
        guest_os_kernel_release: guest?.os.kernelRelease ?? '',
        guest_os_machine: guest?.os.machine ?? '',
        guest_os_name: guest?.os.name ?? '',
        guest_os_version_id: guest?.os.versionId ?? '',
      },
    },
  ]),
  gauge('memory_domain_bytes', 'Memory that the guest was given.', ({ memory }) => one(memory.guestBytes)),
  gauge('memory_resident_bytes', 'Memory of the box that the process takes.', ({ memory }) =>
    one(memory.residentBytes),
  ),
  gauge('memory_actual_balloon_bytes', 'Memory that its balloon leaves to the guest.', ({ memory }) =>
    one(memory.balloonBytes),
  ),
  gauge('memory_available_bytes', 'Memory that the guest sees in all.', ofGuest('totalBytes')),
  gauge('memory_unused_bytes', 'Memory that the guest has not touched.', ofGuest('freeBytes')),
  gauge('memory_usable_bytes', 'Memory that the guest could still hand out.', ofGuest('availableBytes')),
  gauge('memory_cached_bytes', "Memory that holds the guest's disk caches.", ofGuest('cachedBytes')),
  counter('memory_swap_in_traffic_bytes', 'What the guest read back from its swap.', ofGuest('swapInBytes')),
  counter('memory_swap_out_traffic_bytes', 'What the guest wrote to its swap.', ofGuest('swapOutBytes')),
  counter(
    'memory_pgmajfault_total',
    'Page faults in the guest that had to wait for a disk.',
    ofGuest('majorFaults'),
  ),
  counter('memory_pgminfault_total', 'Page faults in the guest that did not.', ofGuest('minorFaults')),
  counter('cpu_usage_seconds_total', 'CPU time of the process, guest and QEMU together.', ({ cpu }) =>
    one(cpu.userSeconds + cpu.systemSeconds),
  ),
  counter('cpu_user_usage_seconds_total', 'CPU time of the process outside the kernel.', ({ cpu }) =>
    one(cpu.userSeconds),
  ),
  counter('cpu_system_usage_seconds_total', "CPU time of the process in the box's kernel.", ({ cpu }) =>
    one(cpu.systemSeconds),
  ),
  counter(
    'vcpu_seconds_total',
    "Time of each of the guest's CPUs on one of the box's.",
    ({ vcpus, runState }) =>
      vcpus.map(({ id, seconds }) => {
        return {
          labels: { id: String(id), state: runState === 'running' ? 'running' : 'blocked' },
          value: seconds,
        };
      }),
  ),
  counter(
    'vcpu_delay_seconds_total',
    "Time that each of the guest's CPUs waited for one of the box's.",
    ({ vcpus }) => vcpus.map(({ id, waitSeconds }) => ({ labels: { id: String(id) }, value: waitSeconds })),
  ),
  counter(
    'storage_read_traffic_bytes_total',
    'What the guest read.',
    perDisk(({ readBytes }) => readBytes),
  ),
  counter(
    'storage_write_traffic_bytes_total',
    'What the guest wrote.',
    perDisk(({ writtenBytes }) => writtenBytes),
  ),
  counter(
    'storage_iops_read_total',
    'How often the guest read.',
    perDisk(({ reads }) => reads),
  ),
  counter(
    'storage_iops_write_total',
    'How often the guest wrote.',
    perDisk(({ writes }) => writes),
  ),
  counter(
    'storage_flush_requests_total',
    'How often the guest had its writes made durable.',
    perDisk(({ flushes }) => flushes),
  ),
  counter(
    'storage_read_times_seconds_total',
    'Time that reading took.',
    perDisk(({ readSeconds }) => readSeconds),
  ),
  counter(
    'storage_write_times_seconds_total',
    'Time that writing took.',
    perDisk(({ writeSeconds }) => writeSeconds),
  ),
  counter(
    'storage_flush_times_seconds_total',
    'Time that making writes durable took.',
    perDisk(({ flushSeconds }) => flushSeconds),
  ),
  counter('network_receive_bytes_total', 'What the guest received.', perCard('received', 'bytes')),
  counter(
    'network_receive_packets_total',
    'Packets that the guest received.',
    perCard('received', 'packets'),
  ),
  counter(
    'network_receive_errors_total',
    'Packets to the guest that were broken.',
    perCard('received', 'errors'),
  ),
  counter(
    'network_receive_packets_dropped_total',
    'Packets to the guest that were dropped.',
    perCard('received', 'dropped'),
  ),
  counter('network_transmit_bytes_total', 'What the guest sent.', perCard('transmitted', 'bytes')),
  counter(
    'network_transmit_packets_total',
    'Packets that the guest sent.',
    perCard('transmitted', 'packets'),
  ),
  counter(
    'network_transmit_errors_total',
    'Packets of the guest that were broken.',
    perCard('transmitted', 'errors'),
  ),
  counter(
    'network_transmit_packets_dropped_total',
    'Packets of the guest that were dropped.',
    perCard('transmitted', 'dropped'),
  ),
  gauge('filesystem_capacity_bytes', "Size of the guest's file systems.", perFileSystem('totalBytes')),
  gauge('filesystem_used_bytes', "What is used of the guest's file systems.", perFileSystem('usedBytes')),
  gauge('guest_load_1m', "The guest's load, as a mean over a minute.", ({ guest }) =>
    one(guest?.load?.load1m),
  ),
  gauge('guest_load_5m', "The guest's load, as a mean over five minutes.", ({ guest }) =>
    one(guest?.load?.load5m),
  ),
  gauge('guest_load_15m', "The guest's load, as a mean over fifteen minutes.", ({ guest }) =>
    one(guest?.load?.load15m),
  ),
];

/** `device` becomes the label `node`, as in KubeVirt. */
export function compileMachineMetrics(device: string, machines: readonly MachineFigures[]): Metric[] {
  return DEFINITIONS.map(({ figures, ...metric }) => ({
    ...metric,
    samples: machines.flatMap((machine) => {
      const labels = { node: device, namespace: machine.namespace, name: machine.name };
      return figures(machine).map(({ value, labels: more }) => ({ labels: { ...labels, ...more }, value }));
    }),
  }));
}

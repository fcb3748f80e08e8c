import { mirrors } from '../shared/config/mirrors.ts';
import type { ConfigOf, Setting } from '../shared/config/settings.ts';
import {
  LOG_LEVELS,
  about,
  brokerUrl,
  choice,
  file,
  folder,
  folders,
  integer,
  interfaceName,
  ipv4Address,
  ipv4Network,
  label,
  optionalAddress,
  mapping,
  streamUrl,
  text,
} from '../shared/config/settings.ts';
import type { Equipment } from './machine/equipment.ts';
import { parseCpuList, parseHostDevices } from './machine/equipment.ts';

type Options = Pick<Setting<unknown>, 'prose' | 'fallback'>;

const hostDevices = (options: Options): Setting<Equipment['hostDevices']> => ({
  placeholder: 'LIST',
  ...options,
  parse: parseHostDevices,
});

const cpuList = (options: Options): Setting<number[]> => ({
  placeholder: 'CPUS',
  ...options,
  parse: parseCpuList,
});

/** Every setting of the agent: flags, `HOLDFAST_*` variables, keys of the config file and `--help` come from here. */
export const AGENT_SETTINGS = {
  ...about('The box', {
    dataDir: folder({ prose: 'where disks, images and state are kept', fallback: '/var/lib/holdfast/agent' }),
    name: label({ prose: "the device's name" }),
    logLevel: choice(LOG_LEVELS, { prose: 'the least severe lines that are logged', fallback: 'info' }),
    metricsListen: optionalAddress({
      prose: "where Prometheus finds the machines' figures, at /metrics; empty for nowhere",
      fallback: '127.0.0.1:9477',
    }),
  }),
  ...about('Its link to the hub', {
    hub: brokerUrl({ prose: 'where the hub is met over MQTT, e.g. mqtt://127.0.0.1:1883 or mqtts://…' }),
    hubUser: text('USER', { prose: "the device's name at an MQTT broker; empty for its own", fallback: '' }),
    hubPasswordFile: file({ prose: 'the file with its password there', fallback: '' }),
    hubCa: file({ prose: "who signs the hub's or broker's certificate (PEM)", fallback: '' }),
    hubCertificate: file({ prose: "the device's own certificate (PEM)", fallback: '' }),
    hubKey: file({ prose: 'its key (PEM)', fallback: '' }),
    hubTunnel: streamUrl({
      prose:
        'where consoles, displays and ports are brought when the hub asks for them, e.g. https://hub.example:8444; empty for what the hub tells',
      fallback: '',
    }),
    keepalive: integer(5, 1200, {
      prose: 'seconds of silence after which the link is tested',
      fallback: '240',
    }),
  }),
  ...about('Machines', {
    accel: choice(['auto', 'kvm', 'tcg'], {
      prose: 'what runs guests: auto tries KVM out, once per boot of the box',
      fallback: 'auto',
    }),
    qemuUser: text('USER', {
      prose:
        'where the agent is root, whose groups QEMU has; each machine runs as a number of its own; empty for root itself',
      fallback: 'holdfast-qemu',
    }),
    hostDevices: hostDevices({
      prose:
        'devices that machines may have, by resource: NAME=pci:VENDOR:PRODUCT, NAME=pci:0000:01:00.0 or NAME=usb:VENDOR:PRODUCT',
      fallback: '',
    }),
    dedicatedCpus: cpuList({
      prose: 'CPUs set aside for machines with dedicatedCpuPlacement, e.g. 2-5,8',
      fallback: '',
    }),
    reserveMemoryMebibytes: integer(0, 1_048_576, {
      prose: 'MiB of memory that machines leave to the box: one that would need more is refused',
      fallback: '512',
    }),
    shutdownSeconds: integer(1, 3600, {
      prose:
        'seconds that guests have to shut down when the box does; less than the service manager gives the agent',
      fallback: '75',
    }),
  }),
  ...about('Networks', {
    forwardAddress: ipv4Address({
      prose: "the box's address that guests' ports are forwarded from",
      fallback: '127.0.0.1',
    }),
    podBridge: interfaceName({
      prose: 'the bridge that the agent makes for interfaces with bridge on the pod network',
      fallback: 'holdfast0',
    }),
    podSubnet: ipv4Network(28, {
      prose: 'the addresses on it, of which the box has the first',
      fallback: '10.46.0.0/20',
    }),
    boxLoopback: choice(['closed', 'open'], {
      prose: "whether guests with masquerade may reach the box's loopback, where QEMU has a user of its own",
      fallback: 'closed',
    }),
  }),
  ...about('Disks', {
    claims: mapping(
      'NAMESPACE/NAME=PATH',
      /^[a-z0-9]([-a-z0-9]*[a-z0-9])?\/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/,
      {
        prose:
          'what persistentVolumeClaim volumes are here that name no data volume: by claim, a block device, a raw image, or a folder with one as disk.img',
        fallback: '',
      },
    ),
    hostDiskFolders: folders({
      prose: 'the folders that hostDisk volumes may lie in; empty for none',
      fallback: '',
    }),
    reserveMebibytes: integer(0, 1_048_576, {
      prose: 'MiB of disk that downloads leave free',
      fallback: '512',
    }),
    trashHours: integer(0, 87_600, {
      prose: 'how many hours removed machines are kept in dataDir/trash; 0 deletes their disks at once',
      fallback: '168',
    }),
  }),
  ...about('Images', {
    localImages: folder({
      prose: 'the folder that file:/// sources of manifests must lie in',
      fallback: '/var/lib/holdfast/local',
    }),
    imageBudgetMebibytes: integer(0, 1_073_741_824, {
      prose: 'MiB that kept images may take before those that nothing uses are deleted',
      fallback: '20480',
    }),
    imageLimitGibibytes: integer(1, 65_536, {
      prose: 'GiB that one image may be, unpacked and as its guest sees it',
      fallback: '2048',
    }),
    registries: mirrors({
      prose:
        "where container images are had instead, by their names' beginning; the longest that fits counts",
      fallback: '',
    }),
    registryCa: file({ prose: "who signs registries' and mirrors' certificates (PEM)", fallback: '' }),
    registryLogins: file({
      prose: "a Docker config.json with the box's own logins at registries",
      fallback: '',
    }),
  }),
};
export type AgentConfig = ConfigOf<typeof AGENT_SETTINGS>;

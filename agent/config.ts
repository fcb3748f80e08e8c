import type { ConfigOf } from '../shared/config/settings.ts';
import {
  LOG_LEVELS,
  brokerUrl,
  choice,
  file,
  folder,
  integer,
  ipv4Address,
  label,
  text,
} from '../shared/config/settings.ts';

/** Every setting of the agent: flags, `HOLDFAST_*` variables, keys of the config file and `--help` come from here. */
export const AGENT_SETTINGS = {
  dataDir: folder({ prose: 'where disks, images and state are kept', fallback: '/var/lib/holdfast/agent' }),
  name: label({ prose: "the device's name" }),
  hub: brokerUrl({ prose: 'where the hub is met over MQTT, e.g. mqtt://127.0.0.1:1883 or mqtts://…' }),
  hubUser: text('USER', { prose: "the device's name at an MQTT broker; empty for its own", fallback: '' }),
  hubPasswordFile: file({ prose: 'the file with its password there', fallback: '' }),
  hubCa: file({ prose: "who signs the hub's or broker's certificate (PEM)", fallback: '' }),
  hubCertificate: file({ prose: "the device's own certificate (PEM)", fallback: '' }),
  hubKey: file({ prose: 'its key (PEM)', fallback: '' }),
  accel: choice(['auto', 'kvm', 'tcg'], {
    prose: 'what runs guests: auto tries KVM out, once per boot of the box',
    fallback: 'auto',
  }),
  forwardAddress: ipv4Address({
    prose: "the box's address that guests' ports are forwarded from",
    fallback: '127.0.0.1',
  }),
  localImages: folder({
    prose: 'the folder that file:/// sources of manifests must lie in',
    fallback: '/var/lib/holdfast/local',
  }),
  qemuUser: text('USER', {
    prose: 'the user that runs QEMU where the agent is root and it gets to dataDir; empty for root itself',
    fallback: 'holdfast-qemu',
  }),
  keepalive: integer(5, 1200, {
    prose: 'seconds of silence after which the link is tested',
    fallback: '240',
  }),
  reserveMebibytes: integer(0, 1_048_576, {
    prose: 'MiB of disk that downloads leave free',
    fallback: '512',
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
  logLevel: choice(LOG_LEVELS, { prose: 'the least severe lines that are logged', fallback: 'info' }),
};
export type AgentConfig = ConfigOf<typeof AGENT_SETTINGS>;

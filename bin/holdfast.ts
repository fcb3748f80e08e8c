import type { Help } from 'commander';
import { Command, CommanderError, Option } from 'commander';
import { AGENT_SETTINGS } from '../agent/config.ts';
import type { Output } from '../agent/local/main.ts';
import { DEMO_SETTINGS } from '../demo/config.ts';
import { HUB_SETTINGS } from '../hub/config.ts';
import type { KubeconfigFlags } from '../hub/main.ts';
import type { LogFlags, PortForwardFlags, TimelineFlags } from '../hub/operator/main.ts';
import { messageOf } from '../shared/base/errors.ts';
import { ConfigError } from '../shared/config/load.ts';
import type { Settings } from '../shared/config/settings.ts';
import { flagOf, variableOf } from '../shared/config/settings.ts';
import { VERSION } from '../shared/version.ts';

/** The one command line. Each command's code is loaded when it is called, so that an agent stays small. */

type Flags = Record<string, string | undefined>;

const WRONG_USE = 2;

const program = new Command('holdfast')
  .description('Virtual machines in stores and branches, managed from one place')
  .version(VERSION)
  .exitOverride();

addSettings(program.command('hub').description('run the hub: API, broker and store'), HUB_SETTINGS).action(
  async (flags: Flags) => (await import('../hub/main.ts')).runHub(flags),
);

addSettings(program.command('agent').description('run the agent of this box'), AGENT_SETTINGS).action(
  async (flags: Flags) => (await import('../agent/main.ts')).runAgent(flags),
);

addSettings(
  program.command('demo').description('run a hub, an agent and a small machine on this computer'),
  DEMO_SETTINGS,
).action(async (flags: Flags) => (await import('../demo/main.ts')).runDemo(flags));

const output = () =>
  new Option('-o, --output <FORM>', 'how to print').choices(['text', 'json', 'yaml']).default('text');

addDataDir(program.command('status').description("this box's link, outbox and machines, hub or no hub"))
  .addOption(output())
  .action(async ({ output: form, ...flags }: Flags) => {
    await (await import('../agent/local/main.ts')).printStatus(flags, form as Output);
  });

const vm = program.command('vm').description("this box's machines, hub or no hub");

addDataDir(vm.command('list').description('the machines and what they do'))
  .addOption(output())
  .action(async ({ output: form, ...flags }: Flags) => {
    await (await import('../agent/local/main.ts')).printMachines(flags, form as Output);
  });

const ORDERS = {
  start: 'start a machine, whatever its run strategy says',
  stop: 'shut a machine down and keep it down until it is started here or the hub releases it',
  restart: 'shut a machine down and start it again, with the changes that wait for that',
  pause: 'hold a running machine until it is unpaused, or restarted',
  unpause: 'let a machine that is paused go on',
  softreboot: 'have the guest reboot itself: by its agent, or else by its power button',
  reset: 'press the reset button: the guest is not asked, and may lose what it has not written',
} as const;
for (const verb of Object.keys(ORDERS) as (keyof typeof ORDERS)[]) {
  const why = new Option('--reason <TEXT>', 'why, for the hub to know');
  // A stop holds against the hub: whoever looks at it there has to be able to tell why.
  addDataDir(vm.command(`${verb} <[namespace/]name>`).description(ORDERS[verb]))
    .addOption(verb === 'stop' ? why.makeOptionMandatory() : why.default('no reason was given'))
    .option('--no-wait', 'return at once')
    .action(async (name: string, { reason, wait, ...flags }: { reason: string; wait: boolean } & Flags) => {
      await (await import('../agent/local/main.ts')).orderMachine(flags, verb, name, reason, wait);
    });
}

addDataDir(
  vm.command('console <[namespace/]name>').description("join a machine's serial console; Ctrl-] leaves"),
).action(async (name: string, flags: Flags) =>
  (await import('../agent/local/main.ts')).joinConsole(flags, name),
);

const trash = vm.command('trash').description('what is kept of removed machines');

addDataDir(trash.command('list').description('the entries, and for how long they have been kept'))
  .addOption(output())
  .action(async ({ output: form, ...flags }: Flags) => {
    await (await import('../agent/local/main.ts')).printTrash(flags, form as Output);
  });

addDataDir(
  trash
    .command('restore <entry> <[namespace/]name>')
    .description("give an entry's disks to a machine that does not run; none of its own is overwritten"),
).action(async (entry: string, name: string, flags: Flags) =>
  (await import('../agent/local/main.ts')).restoreTrash(flags, entry, name),
);

addDataDir(trash.command('empty [entry]').description('delete an entry for good, or all of them')).action(
  async (entry: string | undefined, flags: Flags) =>
    (await import('../agent/local/main.ts')).emptyTrash(flags, entry),
);

const image = program.command('image').description('images on this box, hub or no hub');

addDataDir(
  image
    .command('upload <[namespace/]name> <FILE>')
    .description(
      'fill a data volume that waits for an upload: raw or qcow2, also packed with gzip, xz or zstd',
    ),
).action(async (name: string, path: string, flags: Flags) =>
  (await import('../agent/local/main.ts')).uploadImage(flags, name, path),
);

addSettings(
  program.command('kubeconfig').description("print a kubeconfig for a user of this computer's hub"),
  {
    dataDir: { ...HUB_SETTINGS.dataDir, topic: '' },
  },
)
  .requiredOption('--user <NAME>', 'who it is for')
  .option('--group <NAME...>', 'groups that the user is in')
  .option('--server <HOST:PORT>', 'where the user finds the hub (default: where it listens)')
  .action(async ({ user, group, server, ...flags }: KubeconfigFlags & Flags) =>
    (await import('../hub/main.ts')).printKubeconfig(flags, { user, group, server }),
  );

addHub(program.command('timeline <DEVICE>'))
  .description('what happened on a device: what was desired, what it told, its link, orders given on the box')
  .option('--since <TIME>', 'from then on: 2026-03-01T22:00:00Z, or so long ago: 12h')
  .option('--until <TIME>', 'up to then')
  .option('--machine <NAMESPACE/NAME>', 'of one machine only')
  .option('--limit <N>', 'the newest so many (default: 500)')
  .addOption(new Option('-o, --output <FORM>', 'how to print').choices(['table', 'json']).default('table'))
  .action(async (device: string, flags: TimelineFlags) =>
    (await import('../hub/operator/main.ts')).printTimeline(device, flags),
  );

addHub(
  program
    .command('console <[namespace/]name>')
    .description("join a machine's serial console through the hub; Ctrl-] leaves"),
).action(async (name: string, flags: Flags) =>
  (await import('../hub/operator/main.ts')).joinConsole(name, flags),
);

addHub(
  program
    .command('logs <[namespace/]name>')
    .description('what a machine wrote to its serial console, as far as its box has kept it')
    .option('--since <TIME>', 'from then on: 2026-03-01T22:00:00Z, or so long ago: 1h')
    .option('--tail <N>', 'the last so many lines')
    .option('-f, --follow', 'go on with what it writes')
    .option('--timestamps', 'each line after the time by which its box had seen it'),
).action(async (name: string, flags: LogFlags) =>
  (await import('../hub/operator/main.ts')).printLog(name, flags),
);

const listenAddress = () =>
  new Option('--address <IP>', 'what to listen on').default('127.0.0.1', '127.0.0.1');

addHub(
  program
    .command('port-forward <[namespace/]name> <[LOCAL:]REMOTE>')
    .description('lead a port of this computer to one of a machine, through the hub')
    .addOption(listenAddress())
    .option('--stdio', "this command's own input and output instead: ssh's ProxyCommand"),
).action(async (name: string, ports: string, flags: PortForwardFlags) =>
  (await import('../hub/operator/main.ts')).forwardToMachine(name, ports, flags),
);

addHub(
  program
    .command('vnc <[namespace/]name>')
    .description("make a machine's display a VNC server of this computer, through the hub")
    .addOption(listenAddress()),
).action(async (name: string, flags: PortForwardFlags) =>
  (await import('../hub/operator/main.ts')).serveDisplay(name, flags),
);

addHub(
  program
    .command('ssh <[user@][namespace/]name> [words...]')
    .description('run ssh to a machine, through the hub; what ssh itself is to be told comes after --'),
).action(async (target: string, words: string[], flags: Flags) => {
  process.exitCode = await (await import('../hub/operator/main.ts')).runSsh(target, words, flags);
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

/** Says what went wrong in one line and gives the exit code: 2 for a wrong call or configuration, 1 for the rest. */
function report(error: unknown): number {
  // Commander has already printed its own.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USE;
  process.stderr.write(`holdfast: ${messageOf(error)}\n`);
  return error instanceof ConfigError ? WRONG_USE : 1;
}

/** A flag on a line of its own and what is said of it below: `--help` where that is much. */
function formatBelow(term: string, _width: number, description: string, helper: Help): string {
  const prose = helper.boxWrap(description, (helper.helpWidth ?? 80) - 8);
  return `  ${term}\n${prose.replace(/^/gm, ' '.repeat(8))}`;
}

/** A table's settings as flags. Defaults are left to the table: a flag that is not given must not hide the file's. */
function addSettings(command: Command, settings: Settings): Command {
  for (const [key, { placeholder, prose, fallback, topic = '' }] of Object.entries(settings)) {
    const value = fallback === undefined ? 'required' : `default: ${fallback === '' ? 'none' : fallback}`;
    command
      .optionsGroup(topic === '' ? '' : `${topic}:`)
      .option(`${flagOf(key)} <${placeholder}>`, `${prose} (${value}; ${variableOf(key)})`);
  }
  return command
    .configureHelp(Object.keys(settings).length > 1 ? { formatItem: formatBelow } : {})
    .optionsGroup('')
    .option(
      '--config <FILE>',
      'a YAML file with these settings, by their names in camelCase (HOLDFAST_CONFIG)',
    )
    .exitOverride();
}

/** Which hub is meant. */
function addHub(command: Command): Command {
  return command
    .option('--kubeconfig <FILE>', 'where the hub is (KUBECONFIG)')
    .option('--server <URL>', 'the same without a kubeconfig, e.g. http://127.0.0.1:8080')
    .option('--token <TOKEN>', 'who asks, where it is given so');
}

function addDataDir(command: Command): Command {
  return addSettings(command, { dataDir: { ...AGENT_SETTINGS.dataDir, topic: '' } });
}

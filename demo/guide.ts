import { join } from 'node:path';
import { DEVICE, MACHINE } from './manifest.ts';
import type { Supervised } from './supervisor.ts';
import { CHECKOUT } from './config.ts';

interface GuideOptions {
  readonly dataDir: string;
  /** The box's port that leads to the guest's web server. */
  readonly port: number;
  readonly hub: Supervised;
  readonly agent: Supervised;
}

/** What to try next; every line can be pasted into another terminal as it is. */
export function compileGuide({ dataDir, port, hub, agent }: GuideOptions): string {
  const { holdfast, kubectl } = CHECKOUT;
  const box = `--data-dir ${join(dataDir, DEVICE)}`;
  return `
Everything runs. In another terminal:

  # the fleet, through the Kubernetes API
  export KUBECONFIG=${join(dataDir, 'hub/admin.kubeconfig')}
  ${kubectl} get devices,vm,vmi -o wide
  ${kubectl} describe vm ${MACHINE}
  ${kubectl} get events

  # the guest
  curl http://127.0.0.1:${port}/
  ${holdfast} vm console ${MACHINE} ${box}

  # shut it down, and start it again
  ${kubectl} patch vm ${MACHINE} --type merge -p '{"spec":{"runStrategy":"Halted"}}'
  ${kubectl} patch vm ${MACHINE} --type merge -p '{"spec":{"runStrategy":"Always"}}'

  # cut the link: kill hub and broker (they come back by themselves after 20 s); the box doesn't mind
  kill -9 $(cat ${hub.pidFile})
  ${holdfast} status ${box}

  # kill the agent (it comes back after 5 s): the guest's process and uptime go on
  kill -9 $(cat ${agent.pidFile})
  curl http://127.0.0.1:${port}/

Ctrl-C here shuts the guest down and ends everything.

`;
}

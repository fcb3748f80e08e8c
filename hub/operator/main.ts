import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { messageOf } from '../../shared/base/errors.ts';
import { ConfigError } from '../../shared/config/load.ts';
import type { DeviceTimeline } from '../api/subresources/timeline.ts';
import { callHub } from './call-hub.ts';
import type { HubAccess } from './find-server.ts';
import { findServer } from './find-server.ts';
import { formatTimeline } from './format-timeline.ts';

/** The operator's commands against a hub's API, beside what kubectl does. */

export interface TimelineFlags {
  readonly since?: string;
  readonly until?: string;
  readonly machine?: string;
  readonly limit?: string;
  readonly output: 'table' | 'json';
  readonly server?: string;
  readonly token?: string;
  readonly kubeconfig?: string;
}

/** Prints a device's history. @throws Error in a sentence, from the hub where it refuses what is asked */
export async function printTimeline(device: string, flags: TimelineFlags): Promise<void> {
  const { since = '', until = '', machine = '', limit = '', output } = flags;
  const query = new URLSearchParams({ since, until, machine, limit }).toString();
  const path = `/apis/holdfast.dev/v1alpha1/devices/${encodeURIComponent(device)}/timeline?${query}`;
  const timeline = (await callHub(chooseServer(flags), path)) as DeviceTimeline;
  const text = output === 'json' ? JSON.stringify(timeline, null, 2) : formatTimeline(timeline.items);
  process.stdout.write(`${text}\n`);
  if (timeline.truncated && output !== 'json')
    process.stderr.write('there is more before this: narrow --since and --until, or raise --limit\n');
}

function chooseServer({
  server,
  token = '',
  kubeconfig = process.env['KUBECONFIG'],
}: TimelineFlags): HubAccess {
  if (server !== undefined) return { server, token };
  if (kubeconfig === undefined || kubeconfig === '')
    throw new ConfigError('which hub? Give --server URL, --kubeconfig FILE or KUBECONFIG');
  try {
    return findServer(parseYaml(readFileSync(kubeconfig, 'utf8')));
  } catch (error) {
    throw new ConfigError(`kubeconfig ${kubeconfig}: ${messageOf(error)}`, { cause: error });
  }
}

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../shared/config/load.ts';
import { CHECKOUT, DEMO_SETTINGS } from './config.ts';
import { compileGuide } from './guide.ts';
import { serveImage } from './image-server.ts';
import { DEVICE } from './manifest.ts';
import type { Run } from './steps.ts';
import { AGENT_RESTART_MS, HUB_RESTART_MS, startAll, stopAll } from './steps.ts';
import { supervise } from './supervisor.ts';

/** Runs a hub, an agent and one machine here until Ctrl-C, which shuts the guest down and ends them all. */
export async function runDemo(flags: Readonly<Record<string, string | undefined>>): Promise<void> {
  const config = loadConfig(DEMO_SETTINGS, { flags, environment: process.env });
  if (!existsSync(CHECKOUT.image)) throw new Error(`${CHECKOUT.image} is missing: run bin/setup`);
  const { dataDir } = config;
  const signal = abortOnInterrupt();
  const startedMs = Date.now();
  const say = (line: string) => {
    process.stdout.write(`${((Date.now() - startedMs) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
  };
  const run: Run = {
    config,
    hub: supervise('hub', join(dataDir, 'hub'), HUB_RESTART_MS, say),
    agent: supervise('agent', join(dataDir, DEVICE), AGENT_RESTART_MS, say),
    image: await serveImage(CHECKOUT.image),
    say,
    signal,
  };
  endLeftover(run.hub.pidFile, join(dataDir, 'hub'));
  endLeftover(run.agent.pidFile, join(dataDir, DEVICE));
  try {
    const port = await startAll(run);
    process.stdout.write(compileGuide({ dataDir, port, hub: run.hub, agent: run.agent }));
    await untilAborted(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await stopAll(run);
  }
}

/** Aborts at the first Ctrl-C (or SIGTERM, or the terminal's end); at the second the demo ends as it is. */
function abortOnInterrupt(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
    });
  }
  return controller.signal;
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve());
  });
}

/** Ends a process that a demo which was itself killed has left running. */
function endLeftover(pidFile: string, dataDir: string): void {
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  const commandFile = `/proc/${pid}/cmdline`;
  if (!existsSync(commandFile) || !readFileSync(commandFile, 'utf8').split('\0').includes(dataDir)) return;
  process.kill(pid, 'SIGKILL');
}

import { readCpuMs } from './process-usage.ts';

/** Says what part of a core each side of a fleet took since then: a figure is only as good as what it waited for. */
export function startCpuShare(pids: { readonly hub: number; readonly agents: number }): () => string {
  const startedAtMs = performance.now();
  const before = { hub: readCpuMs(pids.hub), agents: readCpuMs(pids.agents) };
  return () => {
    const tookMs = performance.now() - startedAtMs;
    const seconds = (ms: number) => (ms / 1000).toFixed(1);
    const hub = seconds(readCpuMs(pids.hub) - before.hub);
    const agents = seconds(readCpuMs(pids.agents) - before.agents);
    return `CPU in ${seconds(tookMs)} s: hub ${hub} s, all agents ${agents} s`;
  };
}

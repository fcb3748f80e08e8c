import type { Domain } from '../../shared/model/domain/domain.ts';
import type { InstanceSpec } from '../../shared/model/instance-spec.ts';
import type { Probe } from '../../shared/model/probe.ts';

/** What is tried of a guest. A port is the guest's own, unless `host` says that another is asked. */
export type ProbeAction =
  | { readonly kind: 'exec'; readonly command: readonly string[] }
  | { readonly kind: 'ping' }
  | { readonly kind: 'tcp'; readonly port: number; readonly host?: string }
  | {
      readonly kind: 'http';
      readonly port: number;
      readonly host?: string;
      readonly path: string;
      readonly secure: boolean;
      readonly headers: readonly (readonly [string, string])[];
    };

/** A probe with Kubernetes' defaults. */
export interface CompiledProbe {
  readonly action: ProbeAction;
  readonly initialDelayMs: number;
  readonly timeoutMs: number;
  readonly periodMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export interface CompiledProbes {
  readonly readiness?: CompiledProbe;
  readonly liveness?: CompiledProbe;
}

/** They change nothing of the process, so that a change of them needs no restart. */
export function compileProbes({ readinessProbe, livenessProbe, domain }: InstanceSpec): CompiledProbes {
  return {
    ...(readinessProbe === undefined ? {} : { readiness: compileProbe(readinessProbe, domain) }),
    ...(livenessProbe === undefined ? {} : { liveness: compileProbe(livenessProbe, domain) }),
  };
}

function compileProbe(probe: Probe, domain: Domain): CompiledProbe {
  return {
    action: compileAction(probe, domain),
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
    timeoutMs: (probe.timeoutSeconds ?? 1) * 1000,
    periodMs: (probe.periodSeconds ?? 10) * 1000,
    successThreshold: probe.successThreshold ?? 1,
    failureThreshold: probe.failureThreshold ?? 3,
  };
}

function compileAction({ exec, httpGet, tcpSocket }: Probe, domain: Domain): ProbeAction {
  if (exec !== undefined) return { kind: 'exec', command: exec.command };
  if (httpGet !== undefined) {
    const { path = '/', scheme, httpHeaders = [], ...rest } = httpGet;
    return {
      kind: 'http',
      ...placeOf(rest, domain),
      path: path.startsWith('/') ? path : `/${path}`,
      secure: scheme === 'HTTPS',
      headers: httpHeaders.map(({ name, value }) => [name, value]),
    };
  }
  return tcpSocket === undefined ? { kind: 'ping' } : { kind: 'tcp', ...placeOf(tcpSocket, domain) };
}

function placeOf({ port, host }: { port: number | string; host?: string | undefined }, { devices }: Domain) {
  const named = (devices.interfaces ?? [])
    .flatMap(({ ports = [] }) => ports)
    .find(({ name }) => name === port);
  const number = typeof port === 'number' ? port : named?.port;
  if (number === undefined) throw new Error(`no port of an interface has the name "${port}"`);
  return { port: number, ...(host === undefined ? {} : { host }) };
}

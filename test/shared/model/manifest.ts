import { KINDS } from '../../../shared/model/kinds.ts';
import type { FieldCause } from '../../../shared/model/validate.ts';
import { validate } from '../../../shared/model/validate.ts';

export interface MachineParts {
  /** Members of the VirtualMachine's `spec`. */
  readonly machine?: object;
  /** Members of its template's `spec`. */
  readonly spec?: object;
  readonly domain?: object;
  readonly devices?: object;
}

/** A VirtualMachine that is right, but for what is put in its place. */
export function machineWith({ machine, spec, domain, devices }: MachineParts): object {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name: 'pos' },
    spec: {
      runStrategy: 'Always',
      template: {
        spec: {
          ...spec,
          domain: { memory: { guest: '128Mi' }, ...domain, devices: { ...devices } },
        },
      },
      ...machine,
    },
  };
}

/** Why the hub would refuse an object of a kind that it serves. */
export function causesOf(kind: string, object: unknown): readonly FieldCause[] {
  const schema = KINDS.find((one) => one.kind === kind)?.schema;
  if (schema === undefined) throw new Error(`no kind ${kind} is served`);
  const result = validate(schema, object);
  return result.ok ? [] : result.causes;
}

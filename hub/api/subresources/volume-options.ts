import { z } from 'zod';
import { fields } from '../../../shared/model/schema.ts';
import type { Changed, InstanceSpec } from '../../machines/change-volumes.ts';
import { addVolume, removeVolume } from '../../machines/change-volumes.ts';
import type { ApiRequest } from '../context.ts';
import { badRequest } from '../errors.ts';
import { OPTION_FIELDS, parseOptions } from './order-machine.ts';

/** What is asked for of a machine's volumes. */
export interface VolumeRequest {
  /** Whether it is only to be tried. */
  readonly dryRun: boolean;
  readonly change: (spec: InstanceSpec) => Changed;
}

const unchecked = z.record(z.string(), z.unknown());

/** KubeVirt's `AddVolumeOptions`. Disk and source are checked as parts of the machine's spec. */
const addOptions = fields({
  ...OPTION_FIELDS,
  name: z.string().optional(),
  disk: unchecked.optional(),
  volumeSource: fields({
    dataVolume: unchecked.optional(),
    persistentVolumeClaim: unchecked.optional(),
  }).optional(),
});

/** KubeVirt's `RemoveVolumeOptions`. */
const removeOptions = fields({ ...OPTION_FIELDS, name: z.string().optional() });

/** @throws ApiError 400, in KubeVirt's words where it has some */
export function parseAddVolume(request: ApiRequest): VolumeRequest {
  const { options, dryRun } = parseOptions(requireBody(request), addOptions, 'AddVolumeOptions');
  const { name = '', disk, volumeSource } = options;
  if (name === '') throw badRequest('AddVolumeOptions requires name to be set');
  if (disk === undefined) throw badRequest('AddVolumeOptions requires disk to not be nil');
  if (volumeSource === undefined) throw badRequest('AddVolumeOptions requires VolumeSource to not be nil');
  const { dataVolume, persistentVolumeClaim } = volumeSource;
  if ((dataVolume === undefined) === (persistentVolumeClaim === undefined))
    throw badRequest('volumeSource must have exactly one of dataVolume and persistentVolumeClaim');
  return { dryRun, change: (spec) => addVolume(spec, { name, disk, source: volumeSource }) };
}

/** @throws ApiError 400, in KubeVirt's words where it has some */
export function parseRemoveVolume(request: ApiRequest): VolumeRequest {
  const { options, dryRun } = parseOptions(requireBody(request), removeOptions, 'RemoveVolumeOptions');
  const { name = '' } = options;
  if (name === '') throw badRequest('RemoveVolumeOptions requires name to be set');
  return { dryRun, change: (spec) => removeVolume(spec, name) };
}

function requireBody(request: ApiRequest): ApiRequest {
  if (request.body.byteLength > 0) return request;
  throw badRequest('Request with no body, a new name is expected as the request body');
}

import { z } from 'zod';
import type { ResourceObject } from './kind.ts';
import { ageColumn, defineKind } from './kind.ts';

/**
 * Kubernetes' apps/v1 `ControllerRevision`: an instancetype or a preference as it was when a machine first used it, as
 * KubeVirt keeps it. It is what the machine goes by from then on, whatever becomes of the original.
 */
export interface ControllerRevision extends ResourceObject {
  data?: ResourceObject;
  revision: number;
}

export const controllerRevisionKind = defineKind({
  group: 'apps',
  versions: ['v1'],
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  namespaced: true,
  statusSubresource: false,
  columns: [
    {
      name: 'Controller',
      type: 'string',
      jsonPath: '.metadata.ownerReferences[0].name',
      description: 'Machine that goes by it',
    },
    { name: 'Revision', type: 'integer', jsonPath: '.revision', description: 'Number of the revision' },
    ageColumn('Time since it was kept'),
  ],
  shape: {
    data: z
      .record(z.string(), z.unknown())
      .meta({ description: 'The object as it was; never changed' })
      .optional(),
    revision: z.int().min(0).meta({ description: 'Number of the revision' }),
  },
});

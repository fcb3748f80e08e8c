import { z } from 'zod';
import { defineKind } from './kind.ts';
import type { ObjectMeta } from './metadata.ts';
import { asOneValue, fields, timestamp } from './schema.ts';

/** Kubernetes' core/v1 `Event`: what happened to an object, and when. */

const objectReference = asOneValue(
  fields({
    apiVersion: z.string().optional(),
    kind: z.string().optional(),
    namespace: z.string().optional(),
    name: z.string().optional(),
    uid: z.string().optional(),
    resourceVersion: z.string().optional(),
    fieldPath: z.string().optional(),
  }),
);
export type ObjectReference = z.infer<typeof objectReference>;

const shape = {
  involvedObject: objectReference,
  reason: z.string().optional(),
  message: z.string().optional(),
  type: z.string().optional(),
  source: fields({ component: z.string().optional(), host: z.string().optional() }).optional(),
  firstTimestamp: timestamp.nullish(),
  lastTimestamp: timestamp.nullish(),
  eventTime: timestamp.nullish(),
  count: z.int().optional(),
  action: z.string().optional(),
  reportingComponent: z.string().optional(),
  reportingInstance: z.string().optional(),
  related: objectReference.optional(),
  series: fields({ count: z.int().optional(), lastObservedTime: timestamp.nullish() }).optional(),
};

const eventBody = fields(shape);
export type Event = z.infer<typeof eventBody> & { apiVersion: string; kind: 'Event'; metadata: ObjectMeta };

export const eventKind = defineKind({
  group: '',
  versions: ['v1'],
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  statusSubresource: false,
  columns: [
    {
      name: 'Last Seen',
      type: 'date',
      jsonPath: '.lastTimestamp',
      description: 'Time since it happened, by the device',
    },
    { name: 'Type', type: 'string', jsonPath: '.type', description: 'Normal or Warning' },
    { name: 'Reason', type: 'string', jsonPath: '.reason', description: 'What happened, in a word' },
    { name: 'Object', type: 'string', jsonPath: '.involvedObject.name', description: 'What it happened to' },
    { name: 'Message', type: 'string', jsonPath: '.message', description: 'What happened, in a sentence' },
    {
      name: 'Source',
      type: 'string',
      jsonPath: '.source.host',
      description: 'Device that said so',
      priority: 1,
    },
  ],
  shape,
});

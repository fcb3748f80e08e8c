import { z } from 'zod';
import type { KindDefinition, PrinterColumn, ResourceObject } from './kind.ts';
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

/** As Kubernetes prints them: without names, which nobody chose. */
const EVENT_COLUMNS: readonly PrinterColumn[] = [
  {
    name: 'Last Seen',
    type: 'date',
    compute: ({ series, lastTimestamp, firstTimestamp, eventTime }) =>
      (series as Event['series'])?.lastObservedTime ?? lastTimestamp ?? firstTimestamp ?? eventTime,
    description: 'Time since it happened, by the device',
  },
  { name: 'Type', type: 'string', jsonPath: '.type', description: 'Normal or Warning' },
  { name: 'Reason', type: 'string', jsonPath: '.reason', description: 'What happened, in a word' },
  {
    name: 'Object',
    type: 'string',
    compute: ({ involvedObject }) => nameObject(involvedObject as ObjectReference),
    description: 'What it happened to',
  },
  {
    name: 'Subobject',
    type: 'string',
    jsonPath: '.involvedObject.fieldPath',
    description: 'The part of it',
    priority: 1,
  },
  {
    name: 'Source',
    type: 'string',
    compute: ({ source, reportingComponent }) => nameSource(source as Event['source'], reportingComponent),
    description: 'Who said so, and on which device',
    priority: 1,
  },
  { name: 'Message', type: 'string', jsonPath: '.message', description: 'What happened, in a sentence' },
  {
    name: 'First Seen',
    type: 'date',
    compute: ({ firstTimestamp, eventTime }) => firstTimestamp ?? eventTime,
    description: 'Time since it first happened',
    priority: 1,
  },
  {
    name: 'Count',
    type: 'integer',
    compute: ({ count, series }) => (series as Event['series'])?.count ?? (count || 1),
    description: 'How often',
    priority: 1,
  },
  {
    name: 'Name',
    type: 'string',
    jsonPath: '.metadata.name',
    description: "The event's own name",
    priority: 1,
  },
];

function nameObject({ kind = '', name = '' }: ObjectReference): string {
  return `${kind.toLowerCase()}/${name}`;
}

function nameSource(
  { component = '', host = '' }: NonNullable<Event['source']> = {},
  reporter: unknown,
): string {
  const said = component === '' && typeof reporter === 'string' ? reporter : component;
  return host === '' ? said : `${said}, ${host}`;
}

export const eventKind = defineKind({
  group: '',
  versions: ['v1'],
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  statusSubresource: false,
  nameColumn: false,
  columns: EVENT_COLUMNS,
  shape,
});

/** The same events under their newer name, events.k8s.io/v1, as Kubernetes shows each under both. */
export const eventsEventKind: KindDefinition = defineKind({
  group: 'events.k8s.io',
  versions: ['v1'],
  kind: 'Event',
  plural: 'events',
  shortNames: ['ev'],
  namespaced: true,
  statusSubresource: false,
  view: { of: eventKind, show: (object) => showEvent(object as unknown as Event), write: writeEvent },
  nameColumn: false,
  columns: EVENT_COLUMNS.map((column) => {
    const { compute, jsonPath = '' } = column;
    if (compute !== undefined)
      return { ...column, compute: (object) => compute(writeEvent(object) as ResourceObject) };
    return {
      ...column,
      jsonPath: jsonPath.replace('.involvedObject', '.regarding').replace('.message', '.note'),
    };
  }),
  shape: {
    eventTime: timestamp.nullish(),
    series: shape.series,
    reportingController: z.string().optional(),
    reportingInstance: z.string().optional(),
    action: z.string().optional(),
    reason: z.string().optional(),
    regarding: objectReference.optional(),
    related: objectReference.optional(),
    note: z.string().optional(),
    type: z.string().optional(),
    deprecatedSource: shape.source,
    deprecatedFirstTimestamp: timestamp.nullish(),
    deprecatedLastTimestamp: timestamp.nullish(),
    deprecatedCount: z.int().optional(),
  },
});

/** By the conversion between the two groups in Kubernetes' `pkg/apis/events/v1`. */
function showEvent(event: Event): ResourceObject {
  const {
    involvedObject,
    message,
    source,
    firstTimestamp,
    lastTimestamp,
    count,
    reportingComponent,
    ...same
  } = event;
  return {
    ...same,
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    regarding: involvedObject,
    note: message,
    reportingController: reportingComponent,
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
  };
}

/** The other way round: an event of events.k8s.io, back under the names of the core group. */
function writeEvent(event: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const {
    regarding,
    note,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    reportingController,
    ...same
  } = event;
  return {
    ...same,
    apiVersion: 'v1',
    involvedObject: regarding,
    message: note,
    source: deprecatedSource,
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    count: deprecatedCount,
    reportingComponent: reportingController,
  };
}

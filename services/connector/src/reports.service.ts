import type { DeviceRequest, Facts, RevisionState, StatusReport } from "@rciots/protocol";
import { AppError, createBatcher, publishEvents, type Bus } from "@rciots/runtime";
import type {
  NewEvent,
  ObjectsWrite,
  ObservedWrite,
  RevisionWrite,
  Store,
  StoredRevisionState,
} from "@rciots/store";
import type { Session } from "./session.ts";

export interface Reports {
  /** Resolves once the report is durable. @throws AppError `revision_unknown`, `digest_mismatch` */
  status(session: Session, report: StatusReport): Promise<void>;
  objects(session: Session, page: DeviceRequest<"objects:report">): Promise<void>;
  facts(session: Session, facts: Facts): Promise<void>;
  /** Of statuses, by state, since the start. */
  counts(): Record<string, number>;
  drain(): Promise<void>;
}

interface StatusItem {
  session: Session;
  report: StatusReport;
}

const batchSize = 200;
const revisionId = (session: Session, revision: number): string => `${session.identity.deviceId}:${revision}`;
const isFinal = (state: RevisionState): boolean => ["healthy", "failed", "rolled_back"].includes(state);

const unknownRevision = (): AppError =>
  new AppError({
    code: "revision_unknown",
    status: 409,
    message: "The device was never told of this revision.",
  });

/** The highest revision the device can know of: told, or being told. */
const highestTold = (session: Session): number => Math.max(session.told.revision, session.offering);

/** Why a report can't be believed; undefined where it can. */
function faultOf(
  { session, report }: StatusItem,
  stored: StoredRevisionState | undefined,
): AppError | undefined {
  const { revision } = report;
  if (revision > highestTold(session)) return unknownRevision();
  const isToldNone = session.told.kind === "none" && session.told.revision === revision;
  if (stored === undefined) {
    if (revision !== 0 && !isToldNone && session.offering !== revision) return unknownRevision();
    if (report.digest === undefined) return undefined;
  } else if (stored.digest === (report.digest ?? "")) {
    return undefined;
  } else if (isToldNone && report.digest === undefined) {
    return undefined;
  }
  return new AppError({
    code: "digest_mismatch",
    status: 409,
    message: "The digest is not that of this revision.",
  });
}

const eventKinds: Partial<
  Record<RevisionState, { kind: string; severity: "info" | "warning" | "error"; text: string }>
> = {
  healthy: { kind: "device.revision-healthy", severity: "info", text: "is healthy" },
  failed: { kind: "device.revision-failed", severity: "error", text: "failed" },
  rolled_back: { kind: "device.revision-rolled-back", severity: "warning", text: "was rolled back" },
};

function eventOf({ session, report }: StatusItem): NewEvent | undefined {
  const known = eventKinds[report.state];
  if (known === undefined) return undefined;
  const { deviceId, organizationId } = session.identity;
  const { revision, runningRevision } = report;
  // The agent's reason stands by itself elsewhere, and names the revision there.
  const reason = report.message?.replace(`revision ${revision} failed: `, "");
  return {
    organizationId,
    deviceId,
    kind: known.kind,
    severity: known.severity,
    actor: { kind: "device", id: deviceId, name: session.deviceName },
    message: `Revision ${revision} ${known.text}${reason === undefined ? "." : `: ${reason}`}`,
    details: { revision, ...(runningRevision === undefined ? {} : { runningRevision }) },
    address: session.address,
  };
}

function observedOf({ session, report }: StatusItem, now: Date): ObservedWrite {
  const { counts, startedAt, finishedAt } = report;
  return {
    deviceId: session.identity.deviceId,
    sessionId: session.id,
    observed: {
      revision: report.revision,
      digest: report.digest ?? null,
      state: report.state,
      message: report.message ?? null,
      counts,
      objectCount: Object.values(counts).reduce((sum, count) => sum + count, 0),
      runningRevision: report.runningRevision ?? null,
      startedAt: startedAt === undefined ? null : new Date(startedAt),
      finishedAt: finishedAt === undefined ? null : new Date(finishedAt),
      reportedAt: now,
    },
  };
}

/** What a batch of reports changes. Reports of one device stand in the order they came in. */
interface Changes {
  observed: Map<string, ObservedWrite>;
  revisions: Map<string, RevisionWrite>;
  events: NewEvent[];
}

function collect(items: StatusItem[], stored: Map<string, StoredRevisionState>, now: Date): Changes {
  const changes: Changes = { observed: new Map(), revisions: new Map(), events: [] };
  const states = new Map([...stored].map(([id, { state }]) => [id, state]));
  for (const item of items) {
    const { session, report } = item;
    const { deviceId } = session.identity;
    const earlier = changes.observed.get(deviceId)?.observed.revision ?? 0;
    if (report.revision >= earlier) changes.observed.set(deviceId, observedOf(item, now));
    const id = revisionId(session, report.revision);
    const revision = stored.get(id);
    if (revision === undefined) continue;
    if (states.get(id) !== report.state) {
      states.set(id, report.state);
      const event = eventOf(item);
      if (event !== undefined) changes.events.push(event);
    }
    const set = { state: report.state, message: report.message ?? null };
    const finishedAt = report.finishedAt === undefined ? now : new Date(report.finishedAt);
    const isFinished = isFinal(report.state) && revision.finishedAt === null;
    changes.revisions.set(id, {
      deviceId,
      revision: report.revision,
      set: isFinished ? { ...set, finishedAt } : set,
    });
  }
  return changes;
}

/** All objects of a report that carries them: one page that replaces what was stored. */
function pageOf({ session, report }: StatusItem): ObjectsWrite[] {
  if (report.objects === undefined || report.revision < session.objectsRevision) return [];
  session.objectsRevision = report.revision;
  const { deviceId, organizationId } = session.identity;
  const { revision, objects } = report;
  return [{ organizationId, deviceId, revision, page: 0, pages: 1, objects, completes: true }];
}

/** Of pages with one id the last counts: an unordered write must not decide. */
const lastOfEach = (pages: ObjectsWrite[]): ObjectsWrite[] => [
  ...new Map(pages.map((page) => [`${page.deviceId}:${page.page}`, page])).values(),
];

/** Takes what devices report and stores it in batches; an answer means that it is durable. */
export function createReports(options: {
  store: Pick<Store, "deviceSessions" | "events">;
  bus: Bus;
  noteUpdate: (organizationId: string, deviceId: string) => void;
}): Reports {
  const { store, bus, noteUpdate } = options;
  const counts: Record<string, number> = {};
  const noteAll = (sessions: Session[]): void => {
    for (const { identity } of sessions) noteUpdate(identity.organizationId, identity.deviceId);
  };

  const statuses = createBatcher<StatusItem, void>({
    maxSize: batchSize,
    async run(items) {
      const ids = items
        .filter(({ report }) => report.revision > 0)
        .map(({ session, report }) => revisionId(session, report.revision));
      const stored = await store.deviceSessions.findRevisionStates([...new Set(ids)]);
      const faults = items.map((item) =>
        faultOf(item, stored.get(revisionId(item.session, item.report.revision))),
      );
      const good = items.filter((_item, index) => faults[index] === undefined);
      const { observed, revisions, events } = collect(good, stored, new Date());
      // The events first: after a failure the report comes again, and a transition told twice is better than never.
      await Promise.all([
        store.events.appendMany(events),
        store.deviceSessions.saveObjects(lastOfEach(good.flatMap(pageOf))),
      ]);
      publishEvents(bus, events);
      await store.deviceSessions.saveReports({
        observed: [...observed.values()],
        revisions: [...revisions.values()],
      });
      noteAll(good.map(({ session }) => session));
      return faults;
    },
  });

  const pages = createBatcher<ObjectsWrite, void>({
    maxSize: 32,
    async run(writes) {
      await store.deviceSessions.saveObjects(lastOfEach(writes));
      return writes.map(() => undefined);
    },
  });

  const facts = createBatcher<{ session: Session; facts: Facts }, void>({
    maxSize: batchSize,
    async run(items) {
      const last = new Map(items.map((item) => [item.session.id, item]));
      await store.deviceSessions.saveFacts(
        [...last.values()].map((item) => ({
          deviceId: item.session.identity.deviceId,
          sessionId: item.session.id,
          facts: item.facts,
          capabilities: item.session.capabilities,
        })),
      );
      noteAll(items.map(({ session }) => session));
      return items.map(() => undefined);
    },
  });

  return {
    async status(session, report) {
      await statuses.add({ session, report });
      counts[report.state] = (counts[report.state] ?? 0) + 1;
    },
    counts: () => ({ ...counts }),
    async objects(session, { revision, page, pages: count, objects }) {
      if (revision > highestTold(session)) throw unknownRevision();
      if (page >= count) {
        throw new AppError({
          code: "invalid_payload",
          status: 400,
          message: "`page` must be less than `pages`.",
        });
      }
      // Late pages of an older revision are taken and dropped: what is stored is newer.
      if (revision < session.objectsRevision) return;
      session.objectsRevision = revision;
      const { deviceId, organizationId } = session.identity;
      const completes = page === count - 1;
      await pages.add({ organizationId, deviceId, revision, page, pages: count, objects, completes });
    },
    facts: (session, reported) => facts.add({ session, facts: reported }),
    async drain() {
      await Promise.all([statuses.drain(), pages.drain(), facts.drain()]);
    },
  };
}

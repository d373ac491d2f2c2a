import type { GitCredential, GitSnapshot, GitSource } from "@rciots/manifests";
import {
  AppError,
  createLoop,
  errorMessage,
  isAppError,
  notFound,
  publishEvents,
  type Bus,
  type Logger,
  type Loop,
} from "@rciots/runtime";
import type { NewEvent, Store, Template, TemplateSource } from "@rciots/store";
import { randomUUID } from "node:crypto";
import type { GitCredentialsService } from "../git-credentials/git-credentials.service.ts";
import { withContentErrors } from "./content-error.ts";
import { commitOf, type MadeVersion, type TemplateVersions } from "./template-versions.ts";

export type GitTemplateSource = Extract<TemplateSource, { kind: "git" }>;

/** What the Git part of a credential opens to, besides the credential itself. */
export interface OpenedCredential {
  credential: GitCredential;
  knownHosts?: string | undefined;
  caCertificates?: string | undefined;
}

const maxBackoffMs = 3_600_000;
const leaseMs = 180_000;
const batchSize = 20;

export type GitSyncService = ReturnType<typeof createGitSyncService>;

/** The next pause after a failure: twice the one before, from the interval up to an hour. */
export function nextPauseMs(sync: Template["sync"], intervalMs: number): number {
  const { status, checkedAt, nextAt } = sync;
  if (status !== "failed" || checkedAt === null || nextAt === null) return intervalMs;
  const lastMs = nextAt.getTime() - checkedAt.getTime();
  return Math.max(intervalMs, Math.min(maxBackoffMs, Math.max(lastMs, intervalMs) * 2));
}

/** Keeps templates at what their Git repositories say. */
export function createGitSyncService(options: {
  store: Pick<Store, "templates" | "leases" | "events">;
  git: GitSource;
  credentials: Pick<GitCredentialsService, "open">;
  versions: TemplateVersions;
  bus: Bus;
  logger: Logger;
  /** How often it is looked for templates that are due. */
  tickMs: number;
}) {
  const { store, git, credentials, versions, bus, logger } = options;
  const holder = randomUUID();

  async function remoteOf(organizationId: string, source: GitTemplateSource, signal?: AbortSignal) {
    const opened =
      source.credentialId === null ? undefined : await credentials.open(organizationId, source.credentialId);
    return { url: source.url, scope: organizationId, ref: source.ref, signal, ...opened };
  }

  async function fetchSource(
    organizationId: string,
    source: GitTemplateSource,
    commit?: string,
    signal?: AbortSignal,
  ): Promise<GitSnapshot> {
    const remote = await remoteOf(organizationId, source, signal);
    return withContentErrors(() =>
      git.fetch({ ...remote, path: source.path, ...(commit === undefined ? {} : { commit }) }),
    );
  }

  async function resolve(organizationId: string, source: GitTemplateSource, signal?: AbortSignal) {
    const remote = await remoteOf(organizationId, source, signal);
    return withContentErrors(() => git.resolve(remote));
  }

  async function note(
    template: Template,
    event: Pick<NewEvent, "kind" | "severity" | "message" | "details">,
  ) {
    const { organizationId, _id: templateId } = template;
    await store.events.append({
      organizationId,
      actor: { kind: "platform", id: "git", name: "Git" },
      ...event,
      details: { templateId, ...event.details },
    });
    publishEvents(bus, [{ organizationId, kind: event.kind }]);
    bus.publish("template:changed", { organizationId, templateId });
  }

  /** Stores how it went; an event only where that is news. */
  async function succeed(template: Template, commit: string, made: MadeVersion | null): Promise<void> {
    const { sync, source } = template;
    if (source.kind !== "git") return;
    const now = new Date();
    const nextAt = new Date(now.getTime() + source.pollIntervalMs);
    await store.templates.setSync(template.organizationId, template._id, {
      status: "ok",
      message: null,
      commit,
      checkedAt: now,
      nextAt,
    });
    if (made?.isNew === true) {
      const message = `${template.name} has version ${made.number ?? ""} from commit ${commit.slice(0, 12)}.`;
      await note(template, {
        kind: "template.version-created",
        message,
        details: { commit, versionId: made.versionId },
      });
    } else if (sync.status === "failed") {
      await note(template, {
        kind: "template.sync-recovered",
        message: `${template.name} is in step with Git again.`,
      });
    }
  }

  async function fail(template: Template, error: unknown): Promise<void> {
    const { sync, source } = template;
    if (source.kind !== "git") return;
    // What is no AppError is a fault of ours: its words go to the log, not to an operator.
    const message = isAppError(error)
      ? error.message.slice(0, 2_000)
      : "Something went wrong on the platform.";
    const now = new Date();
    const nextAt = new Date(now.getTime() + nextPauseMs(sync, source.pollIntervalMs));
    const failed = { status: "failed" as const, message, commit: sync.commit, checkedAt: now, nextAt };
    await store.templates.setSync(template.organizationId, template._id, failed);
    logger.warn({ templateId: template._id, error: errorMessage(error) }, "template not in step with Git");
    if (sync.status === "failed" && sync.message === message) return;
    await note(template, {
      kind: "template.sync-failed",
      severity: "warning",
      message: `${template.name} can't be brought in step with Git: ${message}`,
      details: isAppError(error) ? { code: error.code } : {},
    });
  }

  /** Null where the commit was seen before, or an operator changed the template meanwhile. */
  async function bringUp(template: Template, source: GitTemplateSource, signal?: AbortSignal) {
    const { organizationId } = template;
    const { commit } = await resolve(organizationId, source, signal);
    if (commit === template.sync.commit) return { commit, made: null };
    const snapshot = await fetchSource(organizationId, source, commit, signal);
    const input = {
      files: snapshot.files,
      root: snapshot.root,
      commit: commitOf(snapshot),
      createdBy: "git",
    };
    const made = await versions.next(template, input);
    if (!made.isNew) return { commit, made };
    const change = { currentVersionId: made.versionId, root: snapshot.root };
    const updated = await store.templates.update(organizationId, template._id, template.version, change);
    if (updated === null) return null;
    await versions.announce(updated);
    return { commit, made };
  }

  /** Undefined where it went well. */
  async function sync(template: Template, signal?: AbortSignal): Promise<Error | undefined> {
    const { source } = template;
    if (source.kind !== "git") return undefined;
    try {
      const done = await bringUp(template, source, signal);
      // Changed by an operator meanwhile: it is due still, and the next look sees the change.
      if (done !== null) await succeed(template, done.commit, done.made);
      return undefined;
    } catch (error) {
      if (signal?.aborted === true) return undefined;
      await fail(template, error);
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** Runs `work` while no other replica looks at the same template. */
  async function exclusively<T>(templateId: string, work: () => Promise<T>): Promise<T | undefined> {
    const name = `template-sync/${templateId}`;
    if (!(await store.leases.claim(name, holder, leaseMs))) return undefined;
    try {
      return await work();
    } finally {
      await store.leases.release(name, holder);
    }
  }

  async function step(signal: AbortSignal): Promise<void> {
    const due = await store.templates.dueForSync(new Date(), batchSize);
    for (const template of due) {
      if (signal.aborted) return;
      await exclusively(template._id, () => sync(template, signal));
    }
  }

  const loop: Loop = createLoop({ name: "git templates", intervalMs: options.tickMs, step, logger });

  return {
    loop,
    fetchSource,

    /** Whether the repository answers and has the ref: what it is now. Throws AppError with a `git_*` code. */
    test: (organizationId: string, source: GitTemplateSource) => resolve(organizationId, source),

    /** Looks at the repository now. Throws what went wrong, after it was stored with the template. */
    async refresh(template: Template): Promise<void> {
      if (template.source.kind !== "git") {
        throw new AppError({
          code: "template_not_git",
          status: 409,
          message: "The template's files are inline: there is nothing to fetch.",
        });
      }
      const outcome = await exclusively(template._id, async () => {
        const fresh = await store.templates.find(template.organizationId, template._id);
        if (fresh === null)
          throw notFound({ code: "template_not_found", message: "There is no such template." });
        return { error: await sync(fresh) };
      });
      if (outcome === undefined) {
        throw new AppError({
          code: "sync_in_progress",
          status: 409,
          message: "The repository is being looked at right now.",
          details: { retryAfterMs: 2_000 },
        });
      }
      if (outcome.error !== undefined) throw outcome.error;
    },
  };
}

import { conflict, newId, notFound } from "@rciots/runtime";
import { isDuplicateKey, type Script, type ScriptChange, type Store } from "@rciots/store";
import { difference, type Acting, type Audit } from "../audit/audit.ts";
import type { Member } from "../auth/caller.ts";
import { readPage, type Page } from "../http/cursor.ts";
import { checkVersion } from "../http/etag.ts";
import { changesOf, changeVersioned } from "../http/optimistic-change.ts";
import { nameSearch } from "../http/search.ts";

interface MemberActing extends Acting {
  caller: Member;
}

const maxScripts = 1_000;
const audited = ["name", "description", "interpreter", "text", "parameters", "timeoutMs"] as const;

export type ScriptsService = ReturnType<typeof createScriptsService>;

/** Scripts that are kept to be run on devices. */
export function createScriptsService({ store, audit }: { store: Pick<Store, "scripts">; audit: Audit }) {
  async function get(organizationId: string, id: string): Promise<Script> {
    const found = await store.scripts.find(organizationId, id);
    if (found === null) throw notFound({ code: "script_not_found", message: "There is no such script." });
    return found;
  }

  function refuseTakenName(error: unknown): never {
    if (!isDuplicateKey(error)) throw error;
    throw conflict({ code: "name_taken", message: "There is a script of this name already." });
  }

  return {
    get,

    list(
      organizationId: string,
      query: { limit: number; cursor?: string | undefined; q?: string | undefined },
    ): Promise<Page<Script>> {
      const found = query.q === undefined ? {} : { nameMatches: nameSearch(query.q, "any-case") };
      return readPage({
        kind: "scripts",
        limit: query.limit,
        cursor: query.cursor,
        read: (after, limit) =>
          store.scripts.list(organizationId, { limit, ...found, ...(after === undefined ? {} : { after }) }),
        positionOf: ({ _id }) => _id,
      });
    },

    async create(acting: MemberActing, wish: Required<ScriptChange>): Promise<Script> {
      const { organizationId, userId } = acting.caller;
      if ((await store.scripts.count(organizationId)) >= maxScripts)
        throw conflict({ code: "too_many_scripts", message: `There are ${maxScripts} scripts already.` });
      const now = new Date();
      const identity = { _id: newId("scr"), organizationId };
      const script: Script = {
        ...identity,
        ...wish,
        createdBy: userId,
        createdAt: now,
        updatedAt: now,
        version: 1,
      };
      await store.scripts.insert(script).catch(refuseTakenName);
      await audit.record(acting, {
        organizationId,
        kind: "script.created",
        message: `Script ${script.name} was created.`,
        details: { scriptId: script._id, name: script.name, interpreter: script.interpreter },
      });
      return script;
    },

    async change(
      acting: MemberActing,
      { id, ifMatch }: { id: string; ifMatch: number | undefined },
      wanted: ScriptChange,
    ): Promise<Script> {
      const { organizationId } = acting.caller;
      const { before, after, isChanged } = await changeVersioned({
        ifMatch,
        read: () => get(organizationId, id),
        change: (current) => changesOf(current, wanted),
        write: (current, change) =>
          store.scripts.update(organizationId, id, current.version, change).catch(refuseTakenName),
      });
      if (!isChanged) return after;
      await audit.record(acting, {
        organizationId,
        kind: "script.changed",
        message: `Script ${after.name} was changed.`,
        details: { scriptId: id, ...difference(before, after, audited) },
      });
      return after;
    },

    async remove(
      acting: MemberActing,
      { id, ifMatch }: { id: string; ifMatch: number | undefined },
    ): Promise<void> {
      const { organizationId } = acting.caller;
      const found = await get(organizationId, id);
      checkVersion(ifMatch, found.version);
      if ((await store.scripts.remove(organizationId, id)) === null) return;
      await audit.record(acting, {
        organizationId,
        kind: "script.deleted",
        severity: "warning",
        message: `Script ${found.name} was deleted.`,
        details: { scriptId: id, name: found.name },
      });
    },
  };
}

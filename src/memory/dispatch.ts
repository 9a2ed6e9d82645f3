import type { FlagReader } from "../control/mod.ts";
import { audit, type WriteContext } from "../storage/mod.ts";
import { consolidationSlice } from "./consolidate.ts";
import { learnFromEntities, learnFromEpisodes, learningStats } from "./feedback.ts";
import { importItems } from "./imports.ts";
import * as view from "./reads.ts";
import { howTo, recallEntities, recallEpisodes, recallSkills } from "./recalls.ts";
import { label } from "./records.ts";
import type { MemoryRead, MemoryWrite } from "./requests.ts";
import type { MemorySettings } from "./types.ts";
import { SessionWriter } from "./writes.ts";

/** Carries out one read of a session, on a snapshot. @throws Fault not_found, storage_error, deadline_exceeded */
export function readMemory(of: view.SessionView, request: MemoryRead): unknown {
  switch (request.op) {
    case "episode":
      return view.episode(of, request.id);
    case "episodes":
      return view.episodes(of, request);
    case "recall_episodes":
      return recallEpisodes(of, request.recall);
    case "learning_stats":
      return learningStats(of.reader.db, view.worldOf(of));
    case "entity":
      return view.entity(of, request.id, request.atMs);
    case "entities":
      return view.entities(of, request.type === undefined ? [] : [label.type(request.type)], request.limit);
    case "relations":
      return view.relations(of, request.id);
    case "recall_entities":
      return recallEntities(of, request.recall);
    case "spread":
      return view.activated(of, request.id, request.depth, request.threshold);
    case "skill":
      return view.skill(of, request.id);
    case "skills": {
      const labels = request.domain === undefined ? [] : [label.domain(request.domain)];
      return view.skills(of, labels, request.includeDeprecated, request.limit);
    }
    case "recall_skills":
      return recallSkills(of, request.recall);
    case "how_to":
      return howTo(of, request.query, request.domain);
    case "stats":
      return view.stats(of);
  }
}

/** What a write answers: `body` undefined for 204. */
export interface Answered {
  status: 200 | 201 | 204;
  body?: unknown;
}

/**
 * Carries out one write of a session in the running transaction.
 * @throws Fault not_found, world_archived, payload_too_large, disk_full, before anything is changed
 */
export function writeMemory(
  ctx: WriteContext,
  session: string,
  request: MemoryWrite,
  settings: MemorySettings,
  flags: Pick<FlagReader, "enabled">,
): Answered {
  const writer = new SessionWriter(ctx, session, settings);
  const made = (body: unknown): Answered => ({ status: 201, body });
  const done = (body: unknown): Answered => ({ status: 200, body });
  switch (request.op) {
    case "create_episode":
      return made(writer.createEpisode(request.item));
    case "change_episode":
      return done(writer.changeEpisode(request.id, request.change));
    case "episode_feedback": {
      const world = writer.openWith("episode", request.feedback.ids);
      return done(learnFromEpisodes(ctx, world, request.feedback, { settings, flags, session }));
    }
    case "create_entity":
      return made(writer.createEntity(request.item));
    case "change_entity":
      return done(writer.changeEntity(request.id, request.change));
    case "supersede":
      return done(writer.supersede(request.id, request.item));
    case "relate":
      return made(writer.relate(request.item));
    case "entity_feedback": {
      const world = writer.openWith("entity", request.feedback.ids);
      return done(learnFromEntities(ctx, world, request.feedback, { settings, flags, session }));
    }
    case "create_skill":
      return made(writer.createSkill(request.item));
    case "change_skill":
      return done(writer.changeSkill(request.id, request.change));
    case "execute":
      return done(writer.execute(request.id, request.success));
    case "deprecate":
      return done(writer.deprecate(request.id, request.replacement));
    case "forget":
      writer.forget(request.family, request.id, request.by);
      audit(ctx, {
        action: "forget",
        actor: request.by,
        target: request.id,
        detail: `${request.family} in session ${session}`,
      });
      return { status: 204 };
    case "import":
      return done(importItems(ctx, writer, request.items));
    case "consolidate":
      return done(consolidateFor(ctx, session, request, settings));
  }
}

/** A piece of what an admin key asked for; the last one enters it into the audit log. */
function consolidateFor(
  ctx: WriteContext,
  session: string,
  { deep, by }: Extract<MemoryWrite, { op: "consolidate" }>,
  settings: MemorySettings,
): ReturnType<typeof consolidationSlice> {
  const slice = consolidationSlice(ctx, session, deep, settings);
  const detail = deep ? "deep" : "light";
  if (slice.done) audit(ctx, { action: "consolidate", actor: by, target: session, detail });
  return slice;
}

import { bytesToId, type Clock, idToBytes, newIdBytes } from "../base/mod.ts";
import {
  FAMILY,
  findEdge,
  forgetSubject,
  insertAtom,
  linksOf,
  putEdge,
  putSubject,
  type SubjectChange,
  type WorldRow,
  type WriteContext,
} from "../storage/mod.ts";
import {
  entityAtom,
  entityOf,
  episodeAtom,
  episodeOf,
  type Held,
  NEW_SKILL,
  type SkillState,
  skillAtom,
  skillOf,
  skillState,
  storedEntity,
  storedEpisode,
  storedSkill,
} from "./records.ts";
import type {
  EntityChange,
  EpisodeChange,
  FamilyName,
  Kept,
  NewEntity,
  NewEpisode,
  NewRelation,
  NewSkill,
  SkillChange,
  StoredEntity,
} from "./requests.ts";
import { find, requireOpen, worldName } from "./sessions.ts";
import { initialStability } from "./strength.ts";
import {
  type Entity,
  type Episode,
  type MemorySettings,
  RELATION_TYPES,
  type Relation,
  type Skill,
} from "./types.ts";

/** A skill that fails this often, after so many executions, is deprecated, as in World Weaver. */
const FAILING = { executions: 10, rate: 0.3 };

/** Makes or keeps the id of a new thing. */
function subjectId(clock: Clock, id: string | undefined): Uint8Array {
  return id === undefined ? newIdBytes(clock.now()) : idToBytes(id);
}

/**
 * The writes of one session, each within the running transaction of the writer. A change of what something says is a
 * new version of its subject; what changes with use is the subject's row alone.
 */
export class SessionWriter {
  constructor(
    private readonly ctx: WriteContext,
    readonly session: string,
    private readonly settings: MemorySettings,
  ) {}

  /** The session's world; undefined before its first memory. */
  get world(): WorldRow | undefined {
    return this.ctx.worlds.find(worldName(this.session));
  }

  /** @throws Fault not_found, storage_error */
  find(family: FamilyName, id: string): Held {
    return find(this.ctx.db, this.world, family, id);
  }

  /** The session's world, when all of some ids are in it. @throws Fault not_found, world_archived */
  openWith(family: FamilyName, ids: readonly string[]): WorldRow {
    for (const id of ids) this.open(family, id);
    return this.world!;
  }

  /** @throws Fault not_found, world_archived */
  private open(family: FamilyName, id: string): Held {
    const held = this.find(family, id);
    requireOpen(this.world!);
    return held;
  }

  /** @param id of its own, with what an imported one brings along. @throws Fault conflict, payload_too_large */
  createEpisode(episode: NewEpisode, id?: string, kept: Kept = {}): Episode {
    const stability = kept.stability ?? this.stabilityOf(episode);
    const subject = subjectId(this.ctx.clock, id);
    const version = this.version(subject, FAMILY.episode, stability, kept);
    insertAtom(this.ctx, episodeAtom(worldName(this.session), episode), version);
    return this.episode(this.reread("episode", subject));
  }

  private stabilityOf({ emotionalValence: importance, outcome }: NewEpisode): number {
    return initialStability(this.settings, { importance, outcome });
  }

  createEntity(entity: StoredEntity, id?: string, kept: Kept & { validFromMs?: number } = {}): Entity {
    const subject = subjectId(this.ctx.clock, id);
    const stability = kept.stability ?? this.settings.defaultStability;
    const atom = entityAtom(worldName(this.session), entity, kept.validFromMs ?? kept.createdMs);
    insertAtom(this.ctx, atom, this.version(subject, FAMILY.entity, stability, kept));
    return entityOf(this.reread("entity", subject));
  }

  createSkill(skill: NewSkill, id?: string, kept: Kept = {}, state: SkillState = NEW_SKILL): Skill {
    const subject = subjectId(this.ctx.clock, id);
    const stability = kept.stability ?? this.settings.defaultStability;
    const version = this.version(subject, FAMILY.skill, stability, kept);
    if (state !== NEW_SKILL) version.change = { ...version.change, state: JSON.stringify(state) };
    insertAtom(this.ctx, skillAtom(worldName(this.session), skill), version);
    return skillOf(this.reread("skill", subject));
  }

  private version(id: Uint8Array, family: number, stability: number, kept: Kept) {
    const change: SubjectChange = {};
    if (kept.accesses !== undefined) change.accesses = kept.accesses;
    if (kept.accessedMs !== undefined) change.accessed_ms = kept.accessedMs;
    const version = { id, family, stability, change };
    return kept.createdMs === undefined ? version : { ...version, createdMs: kept.createdMs };
  }

  changeEpisode(id: string, change: EpisodeChange): Episode {
    const held = this.open("episode", id);
    if (Object.keys(change).length === 0) return this.episode(held);
    const before = storedEpisode(held);
    const context = { ...before.context, ...change.context };
    const after: NewEpisode = { ...before, ...change, context };
    const changed: SubjectChange = {
      stability: (held.subject.stability * this.stabilityOf(after)) / this.stabilityOf(before),
    };
    if (change.timestampMs !== undefined) changed.ts_ms = change.timestampMs;
    this.addVersion(held, episodeAtom(worldName(this.session), after), changed);
    return this.episode(this.find("episode", id));
  }

  /** A correction: the new version holds for the time of the one before. */
  changeEntity(id: string, change: EntityChange): Entity {
    const held = this.open("entity", id);
    if (Object.keys(change).length === 0) return entityOf(held);
    const entity = { ...storedEntity(held), ...change };
    this.addVersion(held, entityAtom(worldName(this.session), entity, held.row.ts_ms), {});
    return entityOf(this.find("entity", id));
  }

  /** A new fact under the same id: it holds from now on, and the old one ends. */
  supersede(id: string, entity: NewEntity): Entity {
    const held = this.open("entity", id);
    // a later version never begins before the one it ends
    const from = Math.max(this.ctx.clock.now(), held.row.ts_ms + 1);
    const { source } = storedEntity(held);
    const kept = entity.source === undefined && source !== undefined ? { ...entity, source } : entity;
    this.addVersion(held, entityAtom(worldName(this.session), kept, from), {});
    return entityOf(this.find("entity", id));
  }

  changeSkill(id: string, change: SkillChange): Skill {
    const held = this.open("skill", id);
    if (Object.keys(change).length === 0) return skillOf(held);
    const skill = { ...storedSkill(held), ...change };
    this.addVersion(held, skillAtom(worldName(this.session), skill), {});
    return skillOf(this.find("skill", id));
  }

  /** @throws Fault not_found when an end is not in the session */
  relate({ source, target, type, weight }: NewRelation, co = 0): Relation {
    for (const id of [source, target]) this.open("entity", id);
    const key = {
      world: this.world!.id,
      source: idToBytes(source),
      target: idToBytes(target),
      type: RELATION_TYPES.indexOf(type),
    };
    const now = this.ctx.clock.now();
    const there = findEdge(this.ctx.db, key);
    const edge = { ...key, co: there?.co ?? co, created_ms: there?.created_ms ?? now, weight, used_ms: now };
    putEdge(this.ctx, edge);
    return {
      source_id: source,
      target_id: target,
      relation_type: type,
      weight,
      co_access_count: edge.co,
    };
  }

  execute(id: string, success: boolean): Skill {
    const held = this.open("skill", id);
    const { rate, executions, ...state } = skillState(held.subject);
    const after = {
      ...state,
      executions: executions + 1,
      rate: (rate * executions + (success ? 1 : 0)) / (executions + 1),
      lastMs: this.ctx.clock.now(),
    };
    if (after.executions > FAILING.executions && after.rate < FAILING.rate) after.deprecated = true;
    return this.keepState(held, after);
  }

  /** @throws Fault not_found for the skill or its replacement */
  deprecate(id: string, replacement?: string): Skill {
    const held = this.open("skill", id);
    if (replacement !== undefined) this.find("skill", replacement);
    const state = { ...skillState(held.subject), deprecated: true };
    return this.keepState(held, replacement === undefined ? state : { ...state, replacement });
  }

  private keepState(held: Held, state: SkillState): Skill {
    const now = this.ctx.clock.now();
    const { accesses } = held.subject;
    const subject = {
      ...held.subject,
      state: JSON.stringify(state),
      accesses: accesses + 1,
      accessed_ms: now,
    };
    putSubject(this.ctx, subject);
    return skillOf({ ...held, subject });
  }

  /** Purges every version with its edges. @throws Fault not_found */
  forget(family: FamilyName, id: string, by: string): void {
    forgetSubject(this.ctx, this.open(family, id).subject, by);
  }

  private addVersion(held: Held, atom: Parameters<typeof insertAtom>[1], change: SubjectChange): void {
    const { id, family, stability } = held.subject;
    // what it supersedes and what it was made of does not end with a change of its words
    const links = linksOf(held.row.links);
    insertAtom(this.ctx, links.length > 0 ? { ...atom, links } : atom, { id, family, stability, change });
  }

  private episode(held: Held): Episode {
    return episodeOf(held, this.session, this.settings, this.ctx.clock.now());
  }

  private reread(family: FamilyName, id: Uint8Array): Held {
    return this.find(family, bytesToId(id));
  }
}

/** Consolidation: duplicates stand behind one, what belongs together becomes a candidate, and nothing is lost on the way. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { bytesToId, idToBytes, LIMITS, ManualClock } from "../../src/base/mod.ts";
import { type ConsolidationResults, consolidationSlice } from "../../src/memory/consolidate.ts";
import { skillOf, storedEntity, storedEpisode } from "../../src/memory/records.ts";
import type { NewEpisode } from "../../src/memory/requests.ts";
import { find, worldName } from "../../src/memory/sessions.ts";
import { type Outcome, RELATION_TYPES } from "../../src/memory/types.ts";
import { SessionWriter } from "../../src/memory/writes.ts";
import {
  countSubjects,
  edgesOf,
  FAMILY,
  findSubject,
  headOf,
  isSuperseded,
  linksOf,
  listSubjects,
  manageWorld,
  readState,
} from "../../src/storage/mod.ts";
import { words } from "../../src/text/mod.ts";
import { MEMORY } from "../engine/harness.ts";
import { DAY, faultOf, Store, withStore } from "../storage/harness.ts";

const SESSION = "desk";
/** Vectors of words: texts are as like as the words they share. */
const VECTORS = {
  space: { model: "words", dimension: 64, version: 1 },
  embed: (text: string): Int8Array => {
    const vector = new Int8Array(64);
    for (const word of words(text)) vector[Number(Bun.hash.xxHash64(word) % 64n)]! += 20;
    return vector;
  },
};

/** So long that one word more makes hardly a difference to the cosine. */
const LETTERS = Array.from("abcdefghijklmnopqrstuvwxyz", (letter) => letter.repeat(3)).join(" ");

type Given = Partial<NewEpisode> & { content: string };

/** Episodes in the order given, a minute apart, the last one a minute ago. @returns their ids */
function live(store: Store, given: readonly (string | Given)[]): string[] {
  return store.run((ctx) => {
    const writer = new SessionWriter(ctx, SESSION, MEMORY);
    return given.map((one, at) => {
      const episode = typeof one === "string" ? { content: one } : one;
      const timestampMs = ctx.clock.now() - (given.length - at) * 60_000;
      const facts = { context: {}, outcome: "neutral" as Outcome, emotionalValence: 0.5, timestampMs };
      return writer.createEpisode({ ...facts, ...episode }).id;
    });
  });
}

function slice(store: Store, deep: boolean) {
  return store.run((ctx) => consolidationSlice(ctx, SESSION, deep, MEMORY));
}

/** A whole pass, or what is left of one. */
function consolidate(store: Store, deep: boolean): ConsolidationResults {
  for (;;) {
    const { done, results } = slice(store, deep);
    if (done) return results;
  }
}

/** Merged, entities, skills, links. */
const did = (of: ConsolidationResults): number[] => [
  of.merged,
  of.entities_created,
  of.skills_created,
  of.episodes_linked,
];

const worldId = (store: Store): number => store.run((ctx) => ctx.worlds.find(worldName(SESSION))!.id);

/** Which of the episodes stand behind another. */
function behind(store: Store, ids: readonly string[]): boolean[] {
  return store.run((ctx) =>
    ids.map((id) => isSuperseded(ctx.db, headOf(ctx.db, findSubject(ctx, idToBytes(id))!))),
  );
}

/** What a session says apart from its ids. */
function picture(store: Store) {
  const world = worldId(store);
  return store.run(({ db }) => {
    const episodes = listSubjects(db, { world, family: FAMILY.episode }, 1000);
    const candidates = [FAMILY.entity, FAMILY.skill].flatMap((family) =>
      listSubjects(db, { world, family }, 1000),
    );
    return {
      episodes: episodes.map((subject) => {
        const row = headOf(db, subject);
        const { content } = storedEpisode({ subject, row });
        const { version, accesses, stability } = subject;
        return { content, version, accesses, stability, superseded: isSuperseded(db, row) };
      }),
      candidates: candidates
        .map((subject) => ({
          payload: headOf(db, subject).payload,
          edges: edgesOf(db, world, subject.id, 1000).length,
        }))
        .sort((a, b) => (a.payload < b.payload ? -1 : 1)),
    };
  });
}

const BACKUP = "nightly backup of photos finished";
const backups = (outcome: Outcome): Given[] =>
  ["disk", "drive", "volume", "stick"].map((to) => ({
    ...{ content: `copied family photos archive onto the ${to}`, outcome },
    context: { tool: "rsync", project: "home" },
  }));

test("of episodes that say the same within a day the newest stands for the others, with what they were used", () => {
  const body = (store: Store): void => {
    const ids = live(store, [BACKUP, BACKUP, "the kettle is broken", BACKUP]);
    store.run((ctx) => {
      const writer = new SessionWriter(ctx, SESSION, MEMORY);
      writer.changeEpisode(ids[0]!, { outcome: "neutral", emotionalValence: 1 });
    });
    expect(did(consolidate(store, false))).toEqual([2, 0, 0, 0]);
    expect(behind(store, ids)).toEqual([true, true, false, false]);
    expect(did(consolidate(store, false))).toEqual([0, 0, 0, 0]);
    expect(did(consolidate(store, true))).toEqual([0, 0, 0, 0]);
    const [kept, old] = store.run((ctx) => [ids[3]!, ids[0]!].map((id) => findSubject(ctx, idToBytes(id))!));
    expect(kept!.stability).toBe(old!.stability);
    expect(store.run((ctx) => countSubjects(ctx.db, kept!.world, FAMILY.episode))).toBe(4);
  };
  withStore(body);
  withStore(body, { vectors: VECTORS });
});

test("another word, number, negation, outcome, project or day is another thing", () => {
  withStore(
    (store) => {
      const text = "the web server of the shop in the cellar listens on port";
      const ids = live(store, [
        { content: `${text} 8080`, timestampMs: store.clock.now() - DAY - 1 },
        `${text} 8080`,
        `${text} 8081`,
        `${LETTERS} disk`,
        `${LETTERS} drive`,
        "the web server of the shop in the cellar does not listen",
        "the web server of the shop in the cellar does listen",
        { content: `${text} 8080`, outcome: "failure" },
        { content: `${text} 8080`, context: { project: "shop" } },
      ]);
      expect(did(consolidate(store, false))).toEqual([0, 0, 0, 0]);
      expect(behind(store, ids)).toEqual(ids.map(() => false));
    },
    { vectors: VECTORS },
  );
});

test("what is noted every morning stands behind the newest, at whatever hour the passes are", () => {
  for (const hour of [1, 12, 23]) {
    withStore((store) => {
      const HOUR = DAY / 24;
      const ids = Array.from({ length: 4 }, (_, day) => {
        const [id] = live(store, [BACKUP]);
        store.clock.advance(hour * HOUR);
        expect(consolidate(store, false).merged).toBe(day === 0 ? 0 : 1);
        // some minutes late
        store.clock.advance((24 - hour) * HOUR + 5 * 60_000);
        return id!;
      });
      expect(behind(store, ids)).toEqual([true, true, true, false]);
    });
  }
});

test("duplicates meet over pages, as far as it reaches back; again is nothing, and a power cut changes nothing", () => {
  const others = LIMITS.consolidationPage * 2;
  const given = [BACKUP, ...Array.from({ length: others }, (_, at) => `note ${at}`), BACKUP, BACKUP];
  const pass = (cutAfter: number) => {
    let store = new Store(new ManualClock(), { vectors: VECTORS });
    const ids = live(store, given);
    for (let slices = 1; ; slices++) {
      const { done, results } = slice(store, false);
      if (done) {
        const end = { results, behind: behind(store, ids).indexOf(false) };
        expect(did(consolidate(store, false))).toEqual([0, 0, 0, 0]);
        const world = worldId(store);
        expect(store.run(({ db }) => readState(db, world, "consolidation:standing"))).toBeUndefined();
        store.finish();
        return { slices, end };
      }
      if (slices === cutAfter) store = store.crash();
    }
  };
  const { slices, end } = pass(Number.POSITIVE_INFINITY);
  expect(end.results).toMatchObject({ examined: given.length, merged: 2 });
  // the first of all stands behind the newest
  expect(end.behind).toBe(1);
  for (let cutAfter = 1; cutAfter < slices; cutAfter++) expect(pass(cutAfter)).toEqual({ slices, end });
});

test("a light pass looks two days back at most", () => {
  withStore((store) => {
    live(store, [BACKUP]);
    expect(consolidate(store, false).examined).toBe(1);
    store.clock.advance(2 * DAY - 120_000);
    live(store, ["the kettle is broken"]);
    expect(consolidate(store, false).examined).toBe(2);
    store.clock.advance(2 * DAY);
    live(store, ["the kettle is mended"]);
    expect(consolidate(store, false).examined).toBe(1);
  });
});

test("what stood behind an episode comes back when that is forgotten, and stays behind when it is corrected", () => {
  withStore((store) => {
    const ids = live(store, [BACKUP, BACKUP]);
    consolidate(store, false);
    const change = { emotionalValence: 1 };
    store.run((ctx) => new SessionWriter(ctx, SESSION, MEMORY).changeEpisode(ids[1]!, change));
    const head = store.run((ctx) => headOf(ctx.db, findSubject(ctx, idToBytes(ids[1]!))!));
    expect(linksOf(head.links).map(({ kind }) => kind)).toEqual(["supersedes"]);
    expect(behind(store, ids)).toEqual([true, false]);
    store.run((ctx) => new SessionWriter(ctx, SESSION, MEMORY).forget("episode", ids[1]!, "test"));
    expect(behind(store, ids.slice(0, 1))).toEqual([false]);
  });
});

test("related episodes of a week become an entity that links back to them", () => {
  withStore((store) => {
    const ids = live(store, [...backups("neutral"), "the kettle is broken"]);
    expect(did(consolidate(store, true))).toEqual([0, 1, 0, 4]);
    store.run(({ db }) => {
      const { world } = findSubject({ db }, idToBytes(ids[0]!))!;
      const subject = listSubjects(db, { world, family: FAMILY.entity }, 10)[0]!;
      const row = headOf(db, subject);
      const entity = storedEntity({ row });
      expect(entity.name).toBe("copied family photos archive onto");
      expect(entity.source).toBe("consolidation");
      expect(entity.details).toStartWith("4 episodes from ");
      expect(entity.details).toEndWith(", 0 of them a success, all of the project home");
      const edges = edgesOf(db, world, subject.id, 10);
      expect(edges.map(({ type }) => RELATION_TYPES[type])).toEqual(Array(4).fill("CONSOLIDATED_INTO"));
      expect(edges.map(({ source }) => bytesToId(source)).sort()).toEqual(ids.slice(0, 4).sort());
      const heads = ids.slice(0, 4).map((id) => headOf(db, findSubject({ db }, idToBytes(id))!));
      const linked = linksOf(row.links).map(({ target }) => target);
      expect(linked.sort()).toEqual(heads.map(({ id }) => bytesToId(id)).sort());
    });
  });
});

test("where most succeeded with one tool it is a skill; a later episode joins it", () => {
  withStore((store) => {
    live(store, backups("success"));
    expect(did(consolidate(store, true))).toEqual([0, 0, 1, 4]);
    const world = worldId(store);
    const skill = store.run((ctx) => {
      const subject = listSubjects(ctx.db, { world, family: FAMILY.skill }, 10)[0]!;
      return skillOf({ subject, row: headOf(ctx.db, subject) });
    });
    expect(skill.steps.map(({ tool }) => tool)).toEqual(Array(4).fill("rsync"));
    live(store, ["copied family photos archive onto the tape"]);
    expect(did(consolidate(store, true))).toEqual([0, 0, 0, 1]);
  });
});

test("a candidate that was forgotten is not made again", () => {
  withStore((store) => {
    live(store, backups("neutral"));
    consolidate(store, true);
    store.run((ctx) => {
      const entity = listSubjects(ctx.db, { world: 1, family: FAMILY.entity }, 1)[0]!;
      new SessionWriter(ctx, SESSION, MEMORY).forget("entity", bytesToId(entity.id), "test");
    });
    live(store, ["copied family photos archive onto the tape"]);
    expect(did(consolidate(store, true))).toEqual([0, 0, 0, 0]);
  });
});

test("a damaged episode holds up no other", () => {
  const store = new Store(new ManualClock());
  const ids = live(store, [BACKUP, BACKUP, BACKUP]);
  store.run(({ db }) => db.run("UPDATE atom SET importance = 0.9 WHERE subject = ?", [idToBytes(ids[1]!)]));
  expect(did(consolidate(store, false))).toEqual([1, 0, 0, 0]);
  store.discard();
});

test("what was forgotten after it was planned for is left out", () => {
  withStore((store) => {
    const forget = (id: string) =>
      store.run((ctx) => new SessionWriter(ctx, SESSION, MEMORY).forget("episode", id, "test"));
    const ids = live(store, [...backups("neutral"), BACKUP, BACKUP]);
    for (const deep of [true, false]) expect(slice(store, deep).done).toBe(false);
    for (const id of [ids[0]!, ids[1]!, ids[5]!]) forget(id);
    expect(did(consolidate(store, true))).toEqual([0, 0, 0, 0]);
    expect(did(consolidate(store, false))).toEqual([0, 0, 0, 0]);
  });
});

test("the whole window is looked at, page by page, and nothing beyond it", () => {
  withStore((store) => {
    live(store, [{ content: "long ago", timestampMs: store.clock.now() - DAY - 1 }]);
    live(
      store,
      Array.from({ length: LIMITS.consolidationPage + 2 }, (_, at) => `note ${at}`),
    );
    expect(consolidate(store, false).examined).toBe(LIMITS.consolidationPage + 2);
  });
});

test("an archived session is left alone", () => {
  withStore((store) => {
    live(store, [BACKUP]);
    store.run((ctx) => manageWorld(ctx, { action: "archive", world: worldName(SESSION) }));
    expect(faultOf(() => slice(store, false)).code).toBe("world_archived");
    store.run((ctx) => manageWorld(ctx, { action: "resume", world: worldName(SESSION) }));
  });
});

const vocabulary = fc.constantFrom("owl", "fox", "hen");
const episode = fc.record({
  content: fc.array(vocabulary, { minLength: 1, maxLength: 2 }).map((some) => some.join(" ")),
  outcome: fc.constantFrom<Outcome>("success", "failure", "neutral"),
  context: fc.constantFrom({}, { tool: "git" }),
});

test("twice is once, light and deep, and every episode can still be read", () => {
  fc.assert(
    fc.property(fc.array(episode, { minLength: 1, maxLength: 24 }), (episodes) => {
      withStore(
        (store) => {
          const ids = live(store, episodes);
          for (const deep of [false, true]) {
            consolidate(store, deep);
            const once = picture(store);
            expect(did(consolidate(store, deep))).toEqual([0, 0, 0, 0]);
            expect(picture(store)).toEqual(once);
          }
          const read = store.run((ctx) =>
            ids.map((id) => storedEpisode(find(ctx.db, ctx.worlds.get(1), "episode", id)).content),
          );
          expect(read).toEqual(episodes.map(({ content }) => content));
        },
        { vectors: VECTORS },
      );
    }),
    { numRuns: 8 },
  );
});

/** A pass over the same memories with a power cut after so many slices, none for Infinity. */
function interrupted(deep: boolean, cutAfter: number) {
  let store = new Store(new ManualClock(), { vectors: VECTORS });
  live(store, [
    ...Array<string>(LIMITS.consolidationMerges + 3).fill(BACKUP),
    ...backups("success"),
    ...["owl", "fox", "hen", "cow", "dog"].flatMap((who) =>
      ["barn", "pond", "gate"].map((where) => `${who} ${who} ${who} sleeping ${where}`),
    ),
  ]);
  for (let slices = 1; ; slices++) {
    const { done, results } = slice(store, deep);
    if (done) {
      const end = { results, picture: picture(store) };
      store.finish();
      return { slices, end };
    }
    if (slices === cutAfter) store = store.crash();
  }
}

for (const deep of [false, true]) {
  test(`a power cut after any slice loses nothing, and the rest is done to the same end: ${deep ? "deep" : "light"}`, () => {
    const { slices, end } = interrupted(deep, Number.POSITIVE_INFINITY);
    expect(slices).toBeGreaterThan(3);
    for (let cutAfter = 1; cutAfter < slices; cutAfter++) {
      expect(interrupted(deep, cutAfter)).toEqual({ slices, end });
    }
  });
}

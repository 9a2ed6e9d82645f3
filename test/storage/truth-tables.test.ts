/** What the check, repair and encryption rely on: every table of the truth is declared, as it lies on disk. */
import { expect, test } from "bun:test";
import { ATOM } from "../../src/storage/rows.ts";
import { TRUTH_TABLES } from "../../src/storage/truth-tables.ts";
import { withPlainStore } from "./harness.ts";

/** Tables that can be built anew from the truth. */
const DERIVED = /^(doc|space|vec|text_v1(_\w+)?|sqlite_\w+)$/;

test("every table that cannot be built anew is declared with a checksum, in the order of its columns on disk", () => {
  withPlainStore((store) => {
    const tables = store.db.query("SELECT name FROM sqlite_schema WHERE type = 'table'").values() as [
      string,
    ][];
    const truth = tables.map(([name]) => name).filter((name) => !DERIVED.test(name));
    expect([ATOM, ...TRUTH_TABLES].map(({ name }) => name).sort()).toEqual(truth.sort());
    for (const { name, columns, key } of [ATOM, ...TRUTH_TABLES]) {
      const info = store.db
        .query<{ name: string; pk: number }, [string]>("SELECT name, pk FROM pragma_table_info(?)")
        .all(name);
      expect(info.map((column) => column.name)).toEqual([...columns, "sum"]);
      const primary = info.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
      expect(primary.map((column) => column.name)).toEqual([...key]);
      // a table without rowids lies on disk with its key in front
      expect(columns.slice(0, key.length)).toEqual([...key]);
    }
  });
});

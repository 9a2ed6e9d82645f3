import { BUILD, formatTime } from "../../base/mod.ts";
import type { Word } from "../command.ts";

export const word: Word = {
  summary: "show the version",
  examples: ["dwbase version --json"],
  async run({ print }) {
    const built = formatTime(BUILD.date);
    if (print.json) print.document({ version: BUILD.version, commit: BUILD.commit, built });
    else print.line(`dwbase ${BUILD.version} (${BUILD.commit}, ${built.slice(0, 10)})`);
  },
};

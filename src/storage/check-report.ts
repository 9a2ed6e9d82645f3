export interface Finding {
  table: string;
  seq?: number;
  id?: string;
  /** A sentence. */
  problem: string;
}

/** Findings beyond this many are counted, not listed. */
const LISTED = 1000;

export class Report {
  readonly findings: Finding[] = [];
  readonly counts: Record<string, number> = {};
  private unlisted = 0;

  add(finding: Finding): void {
    if (this.findings.length < LISTED) this.findings.push(finding);
    else this.unlisted += 1;
  }

  /** Runs a part of the check; one that meets a damaged page does not keep the others from theirs. @returns whether it ended */
  part(table: string, work: () => void): boolean {
    try {
      work();
      return true;
    } catch (cause) {
      this.add({ table, problem: `it cannot be read to its end: ${(cause as Error).message}` });
      return false;
    }
  }

  finish(): Finding[] {
    if (this.unlisted > 0) this.findings.push({ table: "", problem: `and ${this.unlisted} more problems` });
    return this.findings;
  }
}

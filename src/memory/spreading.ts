/** A node that activation reached. */
export interface Activated {
  id: string;
  activation: number;
  /** Ids from the start to it, along its strongest path. */
  path: string[];
}

/** What a node is tied to, with the weight of all their ties. */
export interface Neighbour {
  id: string;
  weight: number;
}

export interface SpreadBounds {
  /** Steps from the start. */
  depth: number;
  /** Activation below which a node is neither answered nor passes any on. */
  threshold: number;
  /** Nodes that are reached. */
  nodes: number;
  /** Nodes that pass activation on, in each step the most active first. */
  passing: number;
}

/** Part of a node's activation that passes on; the rest stays. */
const PASSED = 0.5;

/**
 * Spreads an activation of 1 from a node: each step passes half of a node's activation on, shared among its neighbours
 * by their edges' weights over their sum; a node counts once, along its strongest path.
 * @param neighbours bounded by the caller (fan-out)
 * @returns all that were reached, the start first, then the most active
 */
export function spread(
  start: string,
  neighbours: (id: string) => readonly Neighbour[],
  { depth, threshold, nodes, passing }: SpreadBounds,
): Activated[] {
  const reached = new Map<string, Activated>([[start, { id: start, activation: 1, path: [start] }]]);
  // what the last step reached more strongly than any before; a step goes on from these alone, so that none is skipped
  let front: Activated[] = [...reached.values()];
  let left = passing;
  for (let step = 0; step < depth && front.length > 0; step++) {
    const next = new Map<string, Activated>();
    for (const { id: from, activation, path } of front.slice(0, left)) {
      const around = neighbours(from);
      const total = around.reduce((sum, { weight }) => sum + weight, 0);
      if (total === 0) continue;
      for (const { id, weight } of around) {
        const passed = (PASSED * activation * weight) / total;
        const known = next.get(id) ?? reached.get(id);
        if (passed < threshold || (known && known.activation >= passed)) continue;
        if (!known && reached.size + next.size >= nodes) continue;
        next.set(id, { id, activation: passed, path: [...path, id] });
      }
    }
    left -= Math.min(left, front.length);
    for (const [id, node] of next) reached.set(id, node);
    // the strongest first, so that the bounds leave out the weakest
    front = strongestFirst(next.values());
  }
  return strongestFirst(reached.values());
}

function strongestFirst(nodes: Iterable<Activated>): Activated[] {
  return [...nodes].sort((a, b) => b.activation - a.activation);
}

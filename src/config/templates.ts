import envExample from "../../.env.example" with { type: "text" };
import devnet from "../../deploy/devnet.toml" with { type: "text" };
import edge from "../../deploy/edge.toml" with { type: "text" };
import local from "../../deploy/local.toml" with { type: "text" };
import production from "../../deploy/production.toml" with { type: "text" };
import worldweaver from "../../deploy/worldweaver.toml" with { type: "text" };
import type { Value } from "./kinds.ts";
import { setValues } from "./toml.ts";

export const TEMPLATE_NAMES = ["local", "edge", "devnet", "production", "worldweaver"] as const;
export type TemplateName = (typeof TEMPLATE_NAMES)[number];

/** The files of `deploy/`, carried in the executable. */
export const TEMPLATES: Readonly<Record<TemplateName, string>> = {
  local,
  edge,
  devnet,
  production,
  worldweaver,
};

/** `.env.example`, carried in the executable. */
export const ENV_EXAMPLE: string = envExample;

export function isTemplateName(name: string): name is TemplateName {
  return TEMPLATE_NAMES.some((known) => known === name);
}

/** A template with some values, by dotted key, replaced; comments stay. */
export function renderTemplate(name: TemplateName, values: Readonly<Record<string, Value>>): string {
  return setValues(TEMPLATES[name], values);
}

/** Rank 2: settings, where they come from, and the templates. */
export { ALIASES, checkKey, type Env, knownNames, OTHER_NAMES } from "./environment.ts";
export type { Value } from "./kinds.ts";
export { apiOf, formatListen, isLoopback, type Listen, parseListen } from "./listen.ts";
export { type Loaded, type LoadOptions, loadConfig } from "./load.ts";
export { nearest } from "./nearest.ts";
export { sanityNotices } from "./rules.ts";
export { type Config, type Environment, envName, SETTINGS } from "./settings.ts";
export { deployRoot, describe, type Row } from "./show.ts";
export {
  ENV_EXAMPLE,
  isTemplateName,
  renderTemplate,
  TEMPLATE_NAMES,
  TEMPLATES,
  type TemplateName,
} from "./templates.ts";
export { setValues } from "./toml.ts";

/** Rank 11: puts the node on a device for good: binary, user, directories, configuration, systemd units. */
export { type Documents, type Installed, type InstallOptions, install } from "./install.ts";
export { rollback } from "./rollback.ts";
export { type UninstallOptions, uninstall } from "./uninstall.ts";

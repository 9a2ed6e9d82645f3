import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { Fault, fileFault } from "../base/mod.ts";

/** A certificate chain with its private key, as PEM. */
export interface Tls {
  cert: string;
  key: string;
  /** When the certificate ends, ms since the epoch. */
  validUntil: number;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw fileFault("read", path, cause);
  }
}

/**
 * Reads a certificate and its key.
 * @throws Fault storage_error when a file cannot be read, usage when one is not what it should be or they do not
 *   belong together
 */
export function readTls(certPath: string, keyPath: string): Tls {
  const [cert, key] = [read(certPath), read(keyPath)];
  let first: X509Certificate;
  try {
    first = new X509Certificate(cert);
  } catch (cause) {
    throw new Fault(
      "usage",
      `${certPath} holds no PEM certificate (node.tls_cert); give the chain, the node's own first`,
      {
        cause,
      },
    );
  }
  let secret: ReturnType<typeof createPrivateKey>;
  try {
    secret = createPrivateKey(key);
  } catch (cause) {
    throw new Fault("usage", `${keyPath} holds no PEM private key without a passphrase (node.tls_key)`, {
      cause,
    });
  }
  if (!first.checkPrivateKey(secret)) {
    throw new Fault(
      "usage",
      `the key in ${keyPath} does not belong to the certificate in ${certPath}; give the pair`,
    );
  }
  return { cert, key, validUntil: Date.parse(first.validTo) };
}

import { BlockList, isIP } from "node:net";
import { invalid } from "../base/mod.ts";

/** The proxies whose X-Forwarded-For is believed. */
export class TrustedProxies {
  private readonly list = new BlockList();
  private readonly any: boolean;

  /**
   * @param proxies addresses ("10.0.0.2", "fd00::1") and subnets ("10.0.0.0/8").
   * @throws Fault invalid_input for anything else.
   */
  constructor(proxies: readonly string[]) {
    this.any = proxies.length > 0;
    for (const proxy of proxies) {
      const [address = "", bits] = proxy.split("/");
      const family = familyOf(address);
      const widest = family === "ipv4" ? 32 : 128;
      if (
        family === undefined ||
        (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= widest))
      ) {
        throw invalid(
          `trusted_proxies: ${JSON.stringify(proxy)} is no IP address or subnet such as 10.0.0.0/8`,
        );
      }
      if (bits === undefined) this.list.addAddress(address, family);
      else this.list.addSubnet(address, Number(bits), family);
    }
  }

  /**
   * The client's address: the peer, or, when the peer is a trusted proxy, the rightmost address of X-Forwarded-For
   * that is not a trusted proxy itself (what stands further left may be invented by the client).
   */
  clientAddress(peer: string, forwardedFor: string | null): string {
    let client = plain(peer);
    if (!this.any || forwardedFor === null) return client;
    const hops = forwardedFor.split(",").map((hop) => plain(hop.trim()));
    while (this.trusts(client)) {
      const hop = hops.pop();
      if (hop === undefined || isIP(hop) === 0) break;
      client = hop;
    }
    return client;
  }

  private trusts(address: string): boolean {
    const family = familyOf(address);
    return family !== undefined && this.list.check(address, family);
  }
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const version = isIP(address);
  return version === 4 ? "ipv4" : version === 6 ? "ipv6" : undefined;
}

/** An IPv4 peer of a dual-stack listener shows as ::ffff:1.2.3.4. */
function plain(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

declare module "zstd-codec" {
  interface Zstd {
    Streaming: new () => { decompress(bytes: Uint8Array): Uint8Array };
  }
  export const ZstdCodec: { run(use: (zstd: Zstd) => void): void };
}

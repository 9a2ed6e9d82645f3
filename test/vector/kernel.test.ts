import { expect, test } from "bun:test";
import fc from "fast-check";
import { plainScan, simdScan } from "../../src/vector/kernel.ts";

const OUT = 32_768;

test("the SIMD scan and the plain one give the exact dot products, extremes included", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const scans = [simdScan(memory), plainScan(memory)];
  const bytes = new Int8Array(memory.buffer);
  const shape = fc.record({ lanes: fc.integer({ min: 1, max: 8 }), rows: fc.integer({ min: 1, max: 20 }) });
  const value = fc.oneof(fc.constantFrom(-128, 127), fc.integer({ min: -128, max: 127 }));
  fc.assert(
    fc.property(shape, fc.array(value, { minLength: 1, maxLength: 200 }), ({ lanes, rows }, values) => {
      const stride = lanes * 16;
      for (let i = 0; i < stride * (rows + 1); i += 1) bytes[i] = values[(i * 7 + (i >> 4)) % values.length]!;
      const query = bytes.subarray(0, stride);
      const wanted = Array.from({ length: rows }, (_, r) =>
        bytes.subarray((r + 1) * stride, (r + 2) * stride).reduce((sum, x, i) => sum + x * query[i]!, 0),
      );
      for (const scan of scans) {
        const dots = new Int32Array(memory.buffer, OUT, rows).fill(-1);
        scan!(stride, stride * (rows + 1), stride, 0, OUT);
        expect([...dots]).toEqual(wanted);
      }
    }),
  );
});

/** Ways to spoil bytes and JSON, drawn from a seed. */
import type { RandomStream } from "../../src/random.ts";

/** Returns one of a list. */
export function pick<T>(random: RandomStream, list: readonly T[]): T {
  return list[random.below(list.length)] as T;
}

const edges = [0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];

/** Returns bytes changed in one to three places; some of another file may come into them. */
export function changedBytes(bytes: Uint8Array, other: Uint8Array, random: RandomStream): Uint8Array {
  let changed: Uint8Array = bytes.slice();
  for (let left = 1 + random.below(3); left > 0; left--) changed = changedOnce(changed, other, random);
  return changed;
}

function changedOnce(bytes: Uint8Array, other: Uint8Array, random: RandomStream): Uint8Array {
  const { length } = bytes;
  if (length === 0) return other.slice(0, random.below(other.length + 1));
  // What decides how the rest is read lies in front.
  const at = random.below(random.below(2) === 0 ? length : Math.min(length, 16));
  const set = (place: number, value: number): Uint8Array => {
    bytes[place] = value;
    return bytes;
  };
  switch (random.below(9)) {
    case 0:
      return set(at, (bytes[at] as number) ^ (1 << random.below(8)));
    case 1:
      return set(at, random.below(256));
    case 2: {
      const to = random.below(length);
      const [a, b] = [bytes[at] as number, bytes[to] as number];
      set(at, b);
      return set(to, a);
    }
    case 3:
      return bytes.slice(0, random.below(length));
    case 4: {
      // A length, in either order of bytes and of either size.
      const view = new DataView(new ArrayBuffer(8));
      const little = random.below(2) === 0;
      const value = pick(random, [...edges, length, length - 8, length + 1]);
      if (random.below(4) === 0) view.setBigUint64(0, pick(random, [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]), little);
      else if (random.below(2) === 0) view.setUint32(0, value >>> 0, little);
      else view.setBigUint64(0, BigInt(value >>> 0), little);
      const size = random.below(2) === 0 ? 4 : 8;
      for (let i = 0; i < size && at + i < length; i++) set(at + i, view.getUint8(i));
      return bytes;
    }
    case 5:
      return spliced(bytes, at, 0, other.subarray(random.below(other.length), random.below(other.length)));
    case 6:
      return spliced(bytes, at, 1 + random.below(16), new Uint8Array(0));
    case 7:
      return spliced(
        bytes,
        at,
        0,
        Uint8Array.from({ length: 1 + random.below(12) }, () => random.below(256)),
      );
    default:
      return bytes.fill(pick(random, [0, 0x20, 0xff]), at, at + 1 + random.below(16));
  }
}

/** Returns bytes with others in the place of some. */
function spliced(bytes: Uint8Array, at: number, gone: number, come: Uint8Array): Uint8Array {
  const rest = bytes.subarray(Math.min(bytes.length, at + gone));
  const out = new Uint8Array(at + come.length + rest.length);
  out.set(bytes.subarray(0, at));
  out.set(come, at);
  out.set(rest, at + come.length);
  return out;
}

const values = [
  ...["-1", "-0", "0", "1", "01", "0.5", "1e400", "-1e400", "1e308", "1E2", "4294967296", "9007199254740991", "9007199254740993"],
  ...["18446744073709551617", "NaN", "null", "true", '""', '"../../x"', '"F4"', '"1.99"', '"__proto__"', '"\\ud800"', '"\\u0061"', '"\\x"'],
  ...["[]", "{}", "[[[]]]", '{"__proto__":{"dtype":"F32"}}', '{"constructor":1}', "[0,4,4]", "[4294967296,4294967296]", "[134217728,0]"],
];

/** Returns JSON changed in one place: a value replaced, a member doubled, renamed or taken out, or the text itself broken. */
export function changedJson(text: string, random: RandomStream): string {
  const find = (pattern: RegExp): RegExpMatchArray | undefined => {
    const found = [...text.matchAll(pattern)];
    return found[random.below(Math.max(1, found.length))];
  };
  const replace = (found: RegExpMatchArray | undefined, come: string): string => {
    const [at, length] = found === undefined ? [random.below(text.length + 1), random.below(4)] : [found.index as number, found[0].length];
    return text.slice(0, at) + come + text.slice(at + length);
  };
  const member = /"(?:[^"\\]|\\.)*":(?:"(?:[^"\\]|\\.)*"|[\d.eE+-]+|\[[^[\]]*\]|\{[^{}]*\}|true|false|null)/g;
  switch (random.below(12)) {
    case 0:
    case 1:
      return replace(find(/-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g), pick(random, values));
    case 2:
      return replace(find(/"(?:[^"\\]|\\.)*"/g), pick(random, values));
    case 3:
      return replace(find(/\{[^{}]*\}|\[[^[\]]*\]/g), pick(random, values));
    case 4:
      return replace(find(/"(?:[^"\\]|\\.)*"(?=:)/g), pick(random, ['"__proto__"', '"constructor"', '"toString"', '""', '"a"']));
    case 5: {
      const found = find(member);
      return found === undefined ? text : replace(found, `${found[0]},${found[0]}`);
    }
    case 6:
      return replace(find(new RegExp(`${member.source},`, "g")), "");
    case 7: {
      const depth = 1 + random.below(pick(random, [4, 70, 3000]));
      const [open, close] = pick(random, [
        ["[", "]"],
        ['{"a":', "}"],
      ] as const);
      return replace(find(/\d+|"(?:[^"\\]|\\.)*"(?!:)/g), `${open.repeat(depth)}1${close.repeat(depth)}`);
    }
    case 8:
      return replace(find(/"(?:[^"\\]|\\.)*"/g), `"${"n".repeat(pick(random, [64, 4096, 4097, 20_000]))}"`);
    case 9:
      return replace(find(/[,:[\]{}]/g), pick(random, ["", ",", ":", " ", "\n", "\t\r", "}", "]", ",,"]));
    case 10:
      return text + pick(random, [" ", "\n", "}", "\0", "{}", "   "]);
    default:
      return replace(undefined, random.below(2) === 0 ? "" : String.fromCharCode(random.below(0x180)));
  }
}

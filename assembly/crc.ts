/**
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78, RFC 3720 §B.4), eight bytes a turn by eight tables ("slicing-by-8", Kounavis and
 * Berry, ISCC 2005). The tables, 8192 bytes, lie where the caller says, so that threads may share them; `crcTables` fills them once.
 */

/** Writes the tables, u32 `[8, 256]`: row k is the remainder of a byte followed by k zero bytes. */
export function crcTables(tables: usize): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82f63b78 & -(crc & 1));
    store<u32>(tables + (byte << 2), crc);
  }
  for (let at: usize = tables; at < tables + 7168; at += 4) {
    const crc = load<u32>(at);
    store<u32>(at, (crc >> 8) ^ load<u32>(tables + ((crc & 255) << 2)), 1024);
  }
}

/** CRC-32C of `length` bytes at `data`, continuing from the CRC of the bytes before them, `previous`, or 0. */
export function crc32c(tables: usize, data: usize, length: usize, previous: u32): u32 {
  let crc = ~previous;
  const end = data + length;
  for (; data + 8 <= end; data += 8) {
    const low = load<u32>(data) ^ crc;
    const high = load<u32>(data, 4);
    crc =
      load<u32>(tables + ((low & 255) << 2), 7168) ^
      load<u32>(tables + (((low >> 8) & 255) << 2), 6144) ^
      load<u32>(tables + (((low >> 16) & 255) << 2), 5120) ^
      load<u32>(tables + ((low >> 24) << 2), 4096) ^
      load<u32>(tables + ((high & 255) << 2), 3072) ^
      load<u32>(tables + (((high >> 8) & 255) << 2), 2048) ^
      load<u32>(tables + (((high >> 16) & 255) << 2), 1024) ^
      load<u32>(tables + ((high >> 24) << 2));
  }
  for (; data < end; data++) crc = (crc >> 8) ^ load<u32>(tables + (((crc ^ load<u8>(data)) & 255) << 2));
  return ~crc;
}

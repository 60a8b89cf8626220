/** stub */
export function setPriority(state: usize, slot: u32): void {}

/** Returns how many kernels are dispatched while some work is done. @param {() => Promise<unknown>} work */
export async function countDispatches(work) {
  const { prototype } = GPUComputePassEncoder;
  const { dispatchWorkgroups } = prototype;
  let count = 0;
  prototype.dispatchWorkgroups = function (x, y, z) {
    count++;
    return dispatchWorkgroups.call(this, x, y, z);
  };
  try {
    await work();
  } finally {
    prototype.dispatchWorkgroups = dispatchWorkgroups;
  }
  return count;
}

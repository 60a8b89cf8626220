/** Pauses that leave the page to the browser and its visitor. */

const { port1, port2 } = new MessageChannel();
const waiting: (() => void)[] = [];
const wake = (): void => port2.postMessage(undefined);
port1.onmessage = () => waiting.shift()?.();
document.addEventListener("visibilitychange", wake);

/**
 * Resolves once the page was drawn and other work had its turn; at once in a hidden tab, where nothing is drawn and timers are slowed down.
 * Waiting for the frame matters: under a flood of messages, or of `scheduler.yield`, browsers put drawing off for 100 ms.
 */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (document.hidden) wake();
    else requestAnimationFrame(wake);
  });
}

/** Resolves after so many milliseconds. */
export function sleep(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeMs));
}

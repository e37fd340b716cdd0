/** Waiting in real time, for everything in the control plane that takes a scheduler. */
export const systemScheduler: {
  readonly now: () => number;
  readonly after: (delay: number, task: () => void) => () => void;
} = {
  now: () => performance.now(),
  after: (delay, task) => {
    const timer = setTimeout(task, delay);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

import { type ChildProcess, type SendHandle, spawn } from "node:child_process";
import process from "node:process";

/** A handle of Node's network layer, below `net.Server`: owns one descriptor, and does not accept by itself. */
export interface RawHandle {
  readonly fd: number;
  close(): void;
}

/** Sends each handle back that it gets, and closes its own. Goes on when the terminal sends a signal to the whole group. */
const PROGRAM = `
process.on("SIGINT", () => {});
process.on("SIGTERM", () => {});
process.on("message", (message, handle) => process.send(message, handle, () => handle.close()));
`;
/** A child that has had nothing to do for so long is let go, in ms. */
const IDLE = 1_000;
/** A child that has not answered for so long is ended, in ms; starting it counts. */
const PATIENCE = 10_000;

/** Makes a copy of a handle: the same socket, another descriptor. The original may be closed at once. */
export type Copy = (handle: RawHandle) => Promise<RawHandle>;

/**
 * Duplicates descriptors with nothing but Node's public interface: a handle that is sent to a child process
 * and back arrives with a descriptor of its own. The child is started when needed and ends with this process,
 * since its channel does.
 */
export class Copier {
  #child: ChildProcess | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #idle: NodeJS.Timeout | undefined;

  /** The child's process id while there is one. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the child, which takes a while, for a use that is to come. It waits for that as long as for an answer. */
  warm(): void {
    if (this.#child?.connected === true) return;
    this.#release(this.#start(), PATIENCE);
  }

  /**
   * Runs `task` when no other uses the child. Only then does its call of `copy` send the handle before it
   * returns, which is what a socket that already listens relies on.
   */
  use<T>(task: (copy: Copy) => Promise<T>): Promise<T> {
    const turn = this.#turn.then(() => task((handle) => this.#copy(handle)));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Lets the child go. It comes back when needed. */
  stop(): void {
    clearTimeout(this.#idle);
    if (this.#child?.connected === true) this.#child.disconnect();
    this.#child = null;
  }

  #copy(handle: RawHandle): Promise<RawHandle> {
    clearTimeout(this.#idle);
    const child = this.#start();
    return new Promise((resolve, reject) => {
      const patience = setTimeout(() => child.kill("SIGKILL"), PATIENCE);
      const finish = (): void => {
        clearTimeout(patience);
        child.off("message", answered).off("error", failed).off("exit", ended);
        this.#release(child, IDLE);
      };
      const answered = (_message: unknown, copy: unknown): void => {
        finish();
        resolve(copy as RawHandle);
      };
      const failed = (error: Error): void => {
        this.#child = null;
        finish();
        reject(error);
      };
      const ended = (): void => failed(new Error("the process that copies descriptors has ended"));
      child.on("message", answered).on("error", failed).on("exit", ended);
      child.ref();
      child.channel?.ref();
      child.send({}, handle as unknown as SendHandle, (error) => {
        if (error !== null) failed(error);
      });
    });
  }

  /** Nobody waits for the child: it does not keep this process alive, and is let go after `time` ms. */
  #release(child: ChildProcess, time: number): void {
    child.unref();
    child.channel?.unref();
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.stop(), time).unref();
  }

  #start(): ChildProcess {
    if (this.#child?.connected === true) return this.#child;
    // No environment: NODE_OPTIONS and the like are not meant for it.
    const child = spawn(process.execPath, ["-e", PROGRAM], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: {},
    });
    // Between two uses nobody else listens, and an error without a listener would end this process.
    child.on("error", () => undefined);
    this.#child = child;
    return child;
  }
}

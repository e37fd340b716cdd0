import { readFileSync } from "node:fs";
import { release } from "node:os";
import process from "node:process";

/** The first kernel with everything that the transport needs (IORING_SETUP_DEFER_TASKRUN). */
const OLDEST_KERNEL = [6, 1] as const;

/** Why the transport cannot be used here, for people: what is missing, and what helps. */
export interface Unavailable {
  readonly reason: string;
  readonly help: string;
}

/** What is known without trying; null if it is worth a try. */
export function foreseeable(): Unavailable | null {
  if (process.platform !== "linux") {
    return { reason: "io_uring is part of Linux", help: "there is nothing to install here" };
  }
  if (process.arch !== "x64" && process.arch !== "arm64") {
    return { reason: `it is not built for ${process.arch}`, help: "x64 and arm64 are" };
  }
  const [major = 0, minor = 0] = release().split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_KERNEL;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    return {
      reason: `this is Linux ${major}.${minor}, and io_uring as it is used here begins with ${OLDEST_KERNEL.join(".")}`,
      help: "a newer kernel helps",
    };
  }
  if (typeof (process as { _tickCallback?: unknown })._tickCallback !== "function") {
    return { reason: "this Node.js does not run promises on request", help: "use Node.js 24" };
  }
  return null;
}

/** What an error of the attempt means. */
export function explain(error: unknown): Unavailable {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (code === "MODULE_NOT_FOUND") {
    return {
      reason: "the optional package koffi is not installed",
      help: "`npm install koffi` brings it",
    };
  }
  if (code === "ERR_NO_OPENSSL") {
    return { reason: message, help: "the Node.js 24 of nodejs.org exports it" };
  }
  if (syscall === "io_uring_setup" && (code === "EPERM" || code === "EACCES")) {
    return forbidden();
  }
  if (code === "ENOSYS") {
    return {
      reason: "the kernel was built without io_uring, or a container's seccomp filter hides it",
      help: "another kernel or seccomp profile helps",
    };
  }
  if (code === "ENOMEM") {
    return {
      reason: "the kernel has no memory for a ring",
      help: "a higher limit of locked memory (`ulimit -l`) or of the container's memory helps",
    };
  }
  return { reason: message, help: "this is worth a bug report" };
}

function forbidden(): Unavailable {
  const setting = readSetting();
  if (setting > 0) {
    return {
      reason: `io_uring is switched off on this machine (kernel.io_uring_disabled is ${setting})`,
      help:
        setting === 1
          ? "run as a member of kernel.io_uring_group, or `sysctl kernel.io_uring_disabled=0`"
          : "`sysctl kernel.io_uring_disabled=0` allows it",
    };
  }
  return {
    reason: "this process may not use io_uring, most likely by a container's seccomp filter",
    help: "a seccomp profile that allows io_uring_setup, io_uring_enter and io_uring_register helps",
  };
}

function readSetting(): number {
  try {
    return Number(readFileSync("/proc/sys/kernel/io_uring_disabled", "utf8"));
  } catch {
    return 0;
  }
}

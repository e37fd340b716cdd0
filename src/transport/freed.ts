/** Memory that was freed, whichever transport had it. */

export { trimFreed } from "./uring/native/allocator.ts";

/** What a parser answers to bytes. Plain numbers, because the data plane switches on one per read. */

/** Everything that was given has been used up and the message is not complete. */
export const NEED_MORE = 0;
/** The head is complete: `head` is filled. */
export const HEAD = 1;
/** `dataStart` to `dataEnd` of the bytes just passed in belong to the body. */
export const DATA = 2;
/** The message is complete: `trailers` is filled. */
export const END = 3;
/** The peer broke the protocol: `fault` and `faultDetail` say how. Every later call answers the same. */
export const FAULT = 4;
/** An interim response (1xx but 101) is complete: `head` is filled, the response goes on. */
export const INTERIM = 5;

export type ParseEvent = 0 | 1 | 2 | 3 | 4 | 5;

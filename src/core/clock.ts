/** Wall time in milliseconds since 1970. Passed in wherever time decides something, so that tests own it. */
export type Clock = () => number;

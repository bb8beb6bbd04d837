/** An answer that may be there already: await it in either case. */
export type Answer<T> = T | Promise<T>;

/** What follows from an answer: at once where that is there, without a promise, which costs more than many a call. */
export function following<T, U>(answer: Answer<T>, work: (value: T) => Answer<U>): Answer<U> {
  return answer instanceof Promise ? answer.then(work) : work(answer);
}

/** All of them, in their order. */
export async function allOf<T>(answers: Answer<T>[]): Promise<T[]> {
  const areThere = (some: Answer<T>[]): some is T[] => !some.some((answer) => answer instanceof Promise);
  return areThere(answers) ? answers : await Promise.all(answers);
}

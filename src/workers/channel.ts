/** Questions by their names, each with what is asked and answered. */
type Questions<All> = { readonly [Name in keyof All]: { ask: object; answer: unknown } };

/** What goes from one process to another. */
export type Letter =
  | { readonly type: 'tell'; readonly content: unknown }
  | { readonly type: 'ask'; readonly id: number; readonly name: string; readonly content: unknown }
  | { readonly type: 'answer'; readonly id: number; readonly content: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly message: string };

/** One end of what connects two processes. */
export interface Channel<Asked, Told> {
  /** Rejects with the other's words, when the other has gone, or when it takes longer than `patienceMs`. */
  ask<Name extends keyof Asked & string>(
    name: Name,
    content: Asked[Name] extends { ask: infer Ask } ? Ask : never,
    patienceMs?: number,
  ): Promise<Asked[Name] extends { answer: infer Answer } ? Answer : never>;
  /** Is lost when the other has gone. */
  tell(content: Told): void;
  /** To be given what comes from the other end. */
  take(letter: Letter): void;
  /** The other has gone: whatever is asked for fails. */
  close(): void;
}

/** How this end answers, and whom it tells. */
export interface ChannelEnd<Answered extends Questions<Answered>, Heard> {
  send(letter: Letter): void;
  readonly answers: {
    readonly [Name in keyof Answered]: (content: Answered[Name]['ask']) => Promise<Answered[Name]['answer']>;
  };
  hear(content: Heard): void;
}

interface Waiting {
  resolve(content: unknown): void;
  reject(error: Error): void;
}

/** Two processes of one server trust each other: what comes has the form that was sent. */
export function channel<Asked, Told, Answered extends Questions<Answered>, Heard>(
  end: ChannelEnd<Answered, Heard>,
): Channel<Asked, Told> {
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let closed = false;

  async function answer({ id, name, content }: Extract<Letter, { type: 'ask' }>): Promise<void> {
    try {
      const answers = end.answers as Record<string, (asked: unknown) => Promise<unknown>>;
      end.send({ type: 'answer', id, content: await answers[name]?.(content) });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      end.send({ type: 'failure', id, message });
    }
  }

  return {
    ask(name, content, patienceMs) {
      if (closed) return Promise.reject(gone());
      const id = ++lastId;
      return new Promise((resolve, reject) => {
        const late = new Error('the other process does not answer');
        const timer =
          patienceMs === undefined ? undefined : setTimeout(() => settle().reject(late), patienceMs);
        const settle = () => {
          clearTimeout(timer);
          waiting.delete(id);
          return { resolve, reject };
        };
        waiting.set(id, {
          resolve: (answered) => settle().resolve(answered as never),
          reject: (error) => settle().reject(error),
        });
        end.send({ type: 'ask', id, name, content });
      });
    },
    tell: (content) => end.send({ type: 'tell', content }),
    take(letter) {
      switch (letter.type) {
        case 'tell':
          return end.hear(letter.content as Heard);
        case 'ask':
          return void answer(letter);
        case 'answer':
          return waiting.get(letter.id)?.resolve(letter.content);
        case 'failure':
          return waiting.get(letter.id)?.reject(new Error(letter.message));
      }
    },
    close() {
      closed = true;
      for (const each of waiting.values()) each.reject(gone());
    },
  };
}

function gone(): Error {
  return new Error('the other process has ended');
}

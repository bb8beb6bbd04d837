import { ClientError, Status } from 'nice-grpc';

/** How a call ended. */
export interface Verdict {
  /** By name, `OK` when it succeeded. */
  readonly status: string;
  readonly message: string;
}

/** The status of a call and its message. Rejects with whatever else goes wrong. */
export async function verdictWithMessage(call: Promise<unknown>): Promise<Verdict> {
  try {
    await call;
    return { status: 'OK', message: '' };
  } catch (error) {
    if (error instanceof ClientError) return { status: Status[error.code], message: error.details };
    throw error;
  }
}

/** The status alone. */
export async function verdict(call: Promise<unknown>): Promise<string> {
  return (await verdictWithMessage(call)).status;
}

import { ClientError, Status } from 'nice-grpc';

/** The status of a call by name, `OK` when it succeeds. Rejects with whatever else goes wrong. */
export async function verdict(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'OK';
  } catch (error) {
    if (error instanceof ClientError) return Status[error.code];
    throw error;
  }
}

/** How messages of a type become bytes, and come from them. */
export interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
  /** Throws for bytes that are no such message. */
  decode(bytes: Uint8Array): T;
  /**
   * The message with five bytes before it that are nobody's: room for what goes before each message on the wire. Where it is
   * not there, messages are copied once.
   */
  encodeWithRoom?(message: T): Uint8Array;
}

// Only a method's own messages are ever passed to its types.
// oxlint-disable-next-line typescript/no-explicit-any
type AnyMessageType = MessageType<any>;

/** One method, as ts-proto's generic definitions have it. */
export interface MethodDefinition {
  readonly name: string;
  readonly requestType: AnyMessageType;
  readonly requestStream: boolean;
  readonly responseType: AnyMessageType;
  readonly responseStream: boolean;
}

/** A service and its methods. */
export interface ServiceDefinition {
  /** With its package: `google.bytestream.ByteStream`. */
  readonly fullName: string;
  readonly methods: Readonly<Record<string, MethodDefinition>>;
}

type Message<T> = T extends { encode(message: infer M, ...rest: never[]): unknown } ? M : never;
type Incoming<M extends MethodDefinition> = M['requestStream'] extends true
  ? AsyncIterable<Message<M['requestType']>>
  : Message<M['requestType']>;
type Outgoing<M extends MethodDefinition> = M['responseStream'] extends true
  ? AsyncIterable<Message<M['responseType']>>
  : Promise<Message<M['responseType']>>;

/** What answers the calls of a service: a function for each method, given what was sent and the context of the call. */
export type Handlers<D extends ServiceDefinition, Context> = {
  readonly [Name in keyof D['methods']]: (
    request: Incoming<D['methods'][Name]>,
    context: Context,
  ) => Outgoing<D['methods'][Name]>;
};

/** A method that is served. */
export interface Method<Context> {
  /** `/<service>/<method>`. */
  readonly path: string;
  readonly service: string;
  readonly name: string;
  readonly definition: MethodDefinition;
  readonly handler: (request: unknown, context: Context) => unknown;
}

/** The methods of a service, ready to be found by their paths. */
export function methodsOf<D extends ServiceDefinition, Context>(
  definition: D,
  handlers: Handlers<D, Context>,
): Method<Context>[] {
  return Object.entries(definition.methods).map(([key, method]) => ({
    path: `/${definition.fullName}/${method.name}`,
    service: definition.fullName,
    name: method.name,
    definition: method,
    handler: (request, context) =>
      (handlers[key] as (request: unknown, context: Context) => unknown)(request, context),
  }));
}

/** A view of a store whose values have a Schema. They are kept as JSON, which other programs can read, too. */
import * as Effect from "effect/Effect"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import type { CommandWords } from "./CommandWords.ts"
import { type Codec, type ComputeOptions, type GetOrCompute } from "./Computations.ts"
import type { Kept } from "./KeptReply.ts"
import type { StoreError } from "./StoreError.ts"
import { expiryWords, millisOf } from "./Ttl.ts"

export interface TypedStore<S extends Schema.Constraint> {
  /** The value of a key, or `undefined`. A value that does not fit the Schema is a `SchemaError`. */
  readonly get: (
    key: string
  ) => Effect.Effect<S["Type"] | undefined, StoreError | Schema.SchemaError, S["DecodingServices"]>
  /** Stores a value, for `ttl` if it is given. */
  readonly set: (
    key: string,
    value: S["Type"],
    options?: { readonly ttl?: Duration.Input | undefined }
  ) => Effect.Effect<void, StoreError | Schema.SchemaError, S["EncodingServices"]>
  /** Removes a key. Returns whether it existed. */
  readonly delete: (key: string) => Effect.Effect<boolean, StoreError>
  /** As the store's. A value that does not fit the Schema, of an older program for example, counts as missing. */
  readonly getOrCompute: <E, R>(
    key: string,
    compute: Effect.Effect<S["Type"], E, R>,
    options: ComputeOptions
  ) => Effect.Effect<S["Type"], E | StoreError | Schema.SchemaError, R | S["DecodingServices"] | S["EncodingServices"]>
}

export const makeTypedStore = <S extends Schema.Constraint>(
  schema: S,
  prefix: string,
  run: (...command: CommandWords) => Effect.Effect<Kept, StoreError>,
  compute: GetOrCompute
): TypedStore<S> => {
  const json = Schema.fromJsonString(Schema.toCodecJson(schema))
  const decode = Schema.decodeEffect(json)
  const encode = Schema.encodeEffect(json)
  const codec: Codec<S["Type"], Schema.SchemaError, S["EncodingServices"], S["DecodingServices"]> = {
    encode,
    decode: (bytes) => Effect.option(decode(bytes.toString()))
  }
  return {
    get: (key) =>
      Effect.flatMap(run("GET", prefix + key), (reply) =>
        reply._tag === "Bulk" ? decode(reply.bytes.toString()) : Effect.undefined
      ),
    set: (key, value, options) =>
      Effect.flatMap(encode(value), (bytes) =>
        Effect.asVoid(run("SET", prefix + key, bytes, ...expiryWords(millisOf(options?.ttl ?? Duration.infinity))))
      ),
    delete: (key) =>
      Effect.map(run("DEL", prefix + key), (reply) => reply._tag === "Integer" && Number(reply.value) > 0),
    getOrCompute: (key, computation, options) => compute(prefix + key, computation, codec, options)
  }
}

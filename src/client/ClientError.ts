/** What can go wrong between a client and its server. A miss is none of it: it is an answer. */
import * as Schema from "effect/Schema"

/** No connection could be made: nobody listens there, the name has no address, or the network says no. */
export class ConnectError extends Schema.TaggedError<ConnectError>()("ConnectError", {
  /** The system's code, such as `ECONNREFUSED`. */
  code: Schema.String,
  message: Schema.String
}) {}

/** The server did not answer in time. The connection stays usable: a late answer is matched to its request, and dropped. */
export class TimeoutError extends Schema.TaggedError<TimeoutError>()("TimeoutError", {
  operation: Schema.Literals(["connect", "request"]),
  message: Schema.String
}) {}

/** The connection ended before the answer came. Whether the request was executed is not known. */
export class ConnectionClosedError extends Schema.TaggedError<ConnectionClosedError>()("ConnectionClosedError", {
  message: Schema.String
}) {}

/** The peer sent what is no answer of this protocol: it is not a KV-Cache server, or not one that we understand. */
export class MalformedReplyError extends Schema.TaggedError<MalformedReplyError>()("MalformedReplyError", {
  message: Schema.String
}) {}

/** The server refused the request, or the connection, with a message of its own. */
export class RefusedError extends Schema.TaggedError<RefusedError>()("RefusedError", {
  message: Schema.String
}) {}

/** The server did not accept the user or the password, or these are none that it could accept. */
export class AuthenticationError extends Schema.TaggedError<AuthenticationError>()("AuthenticationError", {
  message: Schema.String
}) {}

export type ClientError =
  | AuthenticationError
  | ConnectError
  | TimeoutError
  | ConnectionClosedError
  | MalformedReplyError
  | RefusedError

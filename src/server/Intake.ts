/**
 * How the bytes of an accepted socket are read: into one buffer that all connections share, where Node allows it.
 *
 * For each read Node allocates a buffer, and passes it on through a stream: a third of what a small request costs.
 * `net.Socket` has an option against it, `onread`, but a server has no way to pass it for the sockets that it accepts.
 * So the handle of an accepted socket is moved into a new `Socket` that has the option. The handle is no public
 * property: where it is not there, or not what it was in Node 20 to 26, and for TLS, whose sockets read by themselves,
 * bytes come through the public `'data'` event. `KV_CACHE_INTAKE=data` in the environment forces that.
 *
 * What is done with the bytes is said in `Connection.ts`.
 */
import * as Net from "node:net"
import * as Context from "effect/Context"
import * as Predicate from "effect/Predicate"
import { READ_BYTES } from "../EventLoop.ts"

/**
 * Starts to read an accepted socket that does not read yet, and returns the socket that is to be used in its place.
 * `onBytes` gets what was read: `length` bytes from the beginning of `bytes`, which are its until it returns.
 */
export type Intake = (accepted: Net.Socket, onBytes: (bytes: Buffer, length: number) => void) => Net.Socket

/** Bytes that a socket buffers for its peer before it says that the peer does not keep up. */
export const HIGH_WATER_MARK = 64 * 1024

/** Reads through the `'data'` event. */
const fromData: Intake = (accepted, onBytes) => {
  accepted.on("data", (chunk: Buffer) => onBytes(chunk, chunk.length))
  accepted.resume()
  return accepted
}

// What is read is used before the next read, so one buffer serves all connections.
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)

/** Reads into the shared buffer where that is possible, else through the `'data'` event. */
const fromSharedBuffer: Intake = (accepted, onBytes) => {
  const handle: unknown = Reflect.get(accepted, "_handle")
  if (accepted.constructor !== Net.Socket || !isHandle(handle)) return fromData(accepted, onBytes)
  // From here on the accepted socket is empty: it neither reads nor closes anything.
  Reflect.set(accepted, "_handle", null)
  const options = {
    handle,
    allowHalfOpen: true,
    highWaterMark: HIGH_WATER_MARK,
    onread: {
      buffer: readBuffer,
      callback: (length: number): boolean => {
        onBytes(readBuffer, length)
        return true
      }
    }
  }
  const socket = new Net.Socket(options)
  socket.resume()
  return socket
}

/** A stream of libuv, as far as it is needed here. */
const isHandle = (handle: unknown): handle is object =>
  Predicate.hasProperty(handle, "useUserBuffer") && Predicate.hasProperty(handle, "readStart")

/** The file descriptor of an accepted socket; nothing where Node does not tell. */
export const descriptorOf = (accepted: Net.Socket): number | undefined => {
  const handle: unknown = Reflect.get(accepted, "_handle")
  return Predicate.hasProperty(handle, "fd") && typeof handle.fd === "number" ? handle.fd : undefined
}

/** How servers read. */
export const CurrentIntake = Context.Reference<Intake>("effect-kv-cache/server/CurrentIntake", {
  defaultValue: () => (process.env["KV_CACHE_INTAKE"] === "data" ? fromData : fromSharedBuffer)
})

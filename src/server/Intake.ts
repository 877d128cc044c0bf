/**
 * Reads the bytes of accepted sockets into one buffer that all connections share, where Node allows it.
 *
 * For each read, Node allocates a buffer and passes it through a stream. That is a third of the cost of a small
 * request. The option `onread` of `net.Socket` avoids it, but a server cannot set it for the sockets that it accepts.
 * So the handle of an accepted socket is moved into a new `Socket` that has the option.
 *
 * The handle is not a public property. If it is missing or differs from that of Node 20 to 26, bytes come through the
 * public `'data'` event. `KV_CACHE_INTAKE=data` in the environment forces it.
 *
 * `Connection.ts` says what is done with the bytes.
 */
import * as Net from "node:net"
import * as Tls from "node:tls"
import * as Context from "effect/Context"
import * as Predicate from "effect/Predicate"
import { READ_BYTES } from "../EventLoop.ts"

/**
 * Starts to read an accepted socket that does not read yet. `onBytes` gets
 * what was read: the first `length` bytes of `bytes`. It may use them only until it returns. If it returns false, nothing
 * more is read until the socket is resumed.
 */
export type Intake = (accepted: Net.Socket, onBytes: (bytes: Buffer, length: number) => boolean) => void

/** How many bytes a socket buffers before it reports that its peer does not keep up. */
export const HIGH_WATER_MARK = 64 * 1024

/** Reads through the `'data'` event. */
const fromData: Intake = (accepted, onBytes) => {
  accepted.on("data", (chunk: Buffer) => {
    if (!onBytes(chunk, chunk.length)) accepted.pause()
  })
  accepted.resume()
}

// Bytes are used before the next read, so one buffer serves all connections.
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES)

/** The properties in which a `Socket` keeps what `onread` says, if this Node has them. */
const onRead = (() => {
  const callback = (): boolean => true
  const model = new Net.Socket({ onread: { buffer: readBuffer, callback } })
  const keys = Object.getOwnPropertySymbols(model)
  const buffer = keys.find((key) => Reflect.get(model, key) === readBuffer)
  const receive = keys.find((key) => Reflect.get(model, key) === callback)
  return buffer === undefined || receive === undefined ? undefined : { buffer, receive }
})()

/** Reads into the shared buffer if possible, else through the `'data'` event. */
const fromSharedBuffer: Intake = (accepted, onBytes) => {
  const handle: unknown = Reflect.get(accepted, "_handle")
  const isKnown = accepted.constructor === Net.Socket || accepted.constructor === Tls.TLSSocket
  if (onRead === undefined || !isKnown || !isHandle(handle)) {
    return fromData(accepted, onBytes)
  }
  Reflect.set(accepted, onRead.buffer, readBuffer)
  Reflect.set(accepted, onRead.receive, (length: number): boolean => onBytes(readBuffer, length))
  handle.useUserBuffer(readBuffer)
  accepted.resume()
}

/** Whether this is a stream of libuv with the methods needed here. */
const isHandle = (handle: unknown): handle is { readonly useUserBuffer: (buffer: Buffer) => void } =>
  Predicate.hasProperty(handle, "useUserBuffer") && Predicate.isFunction(handle.useUserBuffer)

/** The file descriptor of an accepted socket. Nothing if Node does not tell. */
export const descriptorOf = (accepted: Net.Socket): number | undefined => {
  const handle: unknown = Reflect.get(accepted, "_handle")
  return Predicate.hasProperty(handle, "fd") && typeof handle.fd === "number" ? handle.fd : undefined
}

/** How servers read. */
export const CurrentIntake = Context.Reference<Intake>("effect-kv-cache/server/CurrentIntake", {
  defaultValue: () => (process.env["KV_CACHE_INTAKE"] === "data" ? fromData : fromSharedBuffer)
})

/** The library: what other programs may import from `effect-kv-cache`. */
export { type AuthenticationService, CurrentAuthentication, type User } from "./auth/Authentication.ts"
export * as Credentials from "./auth/Credentials.ts"
export type { Role } from "./auth/Role.ts"
export { CredentialsError } from "./auth/SecretFile.ts"
export { Client, type ClientOptions, type ClientService } from "./client/Client.ts"
export {
  AuthenticationError,
  type ClientError,
  ConnectError,
  ConnectionClosedError,
  MalformedReplyError,
  RefusedError,
  TimeoutError
} from "./client/ClientError.ts"
export type { ClientTls } from "./client/ClientTls.ts"
export * as Command from "./domain/Command.ts"
export * as Reply from "./domain/Reply.ts"
export { Protocol } from "./protocol/Protocol.ts"
export * as TextProtocol from "./protocol/text/TextProtocol.ts"
export { ListenError } from "./server/Listener.ts"
export { Server, type ServerService, type ServerStats } from "./server/Server.ts"
export { credentials, expireInterval, limits, type ServerConfig, serverConfig } from "./server/ServerConfig.ts"
export { Expirer } from "./store/Expirer.ts"
export { Executor, type ExecutorService, type StoreStats } from "./store/Executor.ts"
export type { Limits } from "./engine/Limits.ts"
export { MemoryEngine } from "./store/MemoryEngine.ts"
export type { CommandWords, Word } from "./store/CommandWords.ts"
export type { ComputeOptions } from "./store/Computations.ts"
export type { Kept } from "./store/KeptReply.ts"
export { EngineError } from "./store/redis/NodeConnection.ts"
export type { RedisEngineConfig } from "./store/redis/RedisEngineConfig.ts"
export { Store, type StoreService } from "./store/Store.ts"
export { StoreError } from "./store/StoreError.ts"
export type { TypedStore } from "./store/TypedStore.ts"

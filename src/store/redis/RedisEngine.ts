/**
 * A Redis server or cluster as the keeper of the keys: the services that a server needs, as `Store.layerMemory` gives them
 * for the memory of this process.
 */
import { readFileSync } from "node:fs"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { Executor } from "../Executor.ts"
import * as MemoryEngine from "../MemoryEngine.ts"
import { Store } from "../Store.ts"
import { Cluster } from "./Cluster.ts"
import { type EngineUrl, formatNode } from "./EngineUrl.ts"
import type { DownPolicy } from "./Job.ts"
import { EngineError } from "./NodeConnection.ts"
import { RedisExecutor } from "./RedisExecutor.ts"

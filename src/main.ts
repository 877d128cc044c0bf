/**
 * The program `kv-cache`. What it does is in `cli/`. The first import stays the first: it keeps Node's inspector closed from
 * the moment on that it is loaded.
 */
import "./cli/Inspector.ts"
import "effect/schema/SchemaJITCompiler/enable"
import { cli } from "./cli/Cli.ts"
import { runMain } from "./cli/RunMain.ts"

runMain(cli)

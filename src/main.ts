/** The program `kv-cache`. What it does is in `cli/`. The first import stays the first: it closes an inspector before anything else runs. */
import "./cli/Inspector.ts"
import "effect/schema/SchemaJITCompiler/enable"
import { cli } from "./cli/Cli.ts"
import { runMain } from "./cli/RunMain.ts"

runMain(cli)

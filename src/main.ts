import "./cli/Inspector.ts"
import "effect/schema/SchemaJITCompiler/enable"
import { cli } from "./cli/Cli.ts"
import { runMain } from "./cli/RunMain.ts"

runMain(cli)

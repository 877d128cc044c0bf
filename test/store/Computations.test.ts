import { Store } from "../../src/store/Store.ts"
import { computationsContract } from "./ComputationsContract.ts"

computationsContract("layerMemory", Store.layerMemory({ maxKeys: 1_000_000 }))

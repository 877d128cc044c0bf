import { Store } from "../../src/store/Store.ts"
import { storeContract } from "./StoreContract.ts"

storeContract("layerMemory", Store.layerMemory)

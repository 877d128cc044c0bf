/** The port of a server to connect to, from the server's environment variable. Whoever sets it means its clients too. */
import * as Option from "effect/Option"
import { DEFAULT_PORT, settings } from "../server/ServerConfig.ts"
import type { FlagSetting } from "./SettingFlag.ts"

export const serverPort: FlagSetting<number> = {
  ...settings.port,
  default: DEFAULT_PORT,
  description: "TCP port of the server",
  expected: "a port from 1 to 65535",
  parse: (text) => Option.filter(settings.port.parse(text), (port): port is number => port !== undefined && port > 0)
}

/** What RESP's decoder makes of bytes, as plain data, however they are cut into reads. */
import { commands as table, HTTP, REFUSE, REFUSE_AND_CLOSE } from "../../../src/commands/Commands.ts"
import { CommandBatch } from "../../../src/domain/CommandBatch.ts"
import { RespRequestDecoder } from "../../../src/protocol/resp/RespRequestDecoder.ts"

export type Decoded =
  /** Keys by their place among the arguments. */
  | { readonly name: string; readonly args: ReadonlyArray<string>; readonly keys: ReadonlyArray<number> }
  | { readonly refused: string }
  | { readonly ended: string }

/** A command of a batch. Each character of a text is a byte. */
export const decodedOf = (commands: CommandBatch, command: number): Decoded => {
  const id = commands.id(command)
  if (id === REFUSE) return { refused: commands.message(command) }
  if (id === REFUSE_AND_CLOSE) return { ended: commands.message(command) }
  if (id === HTTP) return { ended: "HTTP" }
  const args = Array.from({ length: commands.argc(command) }, (_, argument) => commands.text(command, argument))
  const starts = args.map((__, argument) => commands.argStart(command, argument))
  const first = commands.firstKey(command)
  const keys = Array.from({ length: commands.keysOf(command) }, (_, key) =>
    starts.findIndex(
      (start, argument) =>
        start === commands.keyStart(first + key) && args[argument]?.length === commands.keyLength(first + key)
    )
  )
  return { name: table[id]?.name ?? "?", args, keys }
}

export interface ReadOptions {
  readonly decoder?: RespRequestDecoder | undefined
  /** The decoder is not asked again before there are as many bytes as it needs. */
  readonly isPatient?: boolean | undefined
  readonly room?: number | undefined
}

/** Reads chunks as a connection does, and says what is left of them. */
export const read = (
  chunks: Iterable<string>,
  { decoder = new RespRequestDecoder(), isPatient = false, room }: ReadOptions = {}
): { readonly decoded: ReadonlyArray<Decoded>; readonly rest: string } => {
  const commands = new CommandBatch()
  const decoded: Array<Decoded> = []
  let rest = Buffer.alloc(0)
  let needed = 0
  for (const chunk of chunks) {
    // A copy: words in quotes are written over themselves.
    const bytes = Buffer.concat([rest, Buffer.from(chunk, "latin1")])
    let offset = 0
    if (!isPatient || bytes.length >= needed) {
      do {
        commands.begin(bytes, room)
        offset = decoder.decode(commands, offset, bytes.length)
        for (let command = 0; command < commands.count; command++) decoded.push(decodedOf(commands, command))
      } while (commands.count > 0)
      ;({ needed } = decoder)
    }
    rest = bytes.subarray(offset)
  }
  return { decoded, rest: rest.toString("latin1") }
}

/** A request as an array of bulk strings. */
export const array = (...words: ReadonlyArray<string>): string =>
  `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`

/** What the helper processes have in common: their argument, their answers, and their end with the benchmark's. */

/** The options that the benchmark passed. */
export const readOptions = <Options>(): Options => {
  const parse: (text: string) => Options = JSON.parse
  return parse(process.argv[2] ?? "{}")
}

/** Says one line to the benchmark. */
export const say = (message: object): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

/** Ends with an answer. */
export const finish = (message: object): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`, () => process.exit(0))
}

/** Ends without one. */
export const fail = (reason: string): never => {
  process.stderr.write(`${reason}\n`)
  process.exit(1)
}

/** Calls back when the benchmark closes this process's input, which it also does by ending. */
export const onRelease = (callback: () => void): void => {
  process.stdin.on("end", callback)
  process.stdin.on("error", callback)
  process.stdin.resume()
}

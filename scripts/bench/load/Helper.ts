/** What the helper processes share: they read one argument, print their answers, and end when the benchmark ends. */

/** The options that the benchmark passed. */
export const readOptions = <Options>(): Options => {
  const parse: (text: string) => Options = JSON.parse
  return parse(process.argv[2] ?? "{}")
}

/** Prints one line for the benchmark. */
export const say = (message: object): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

/** Prints an answer and ends. */
export const finish = (message: object): void => {
  process.stdout.write(`${JSON.stringify(message)}\n`, () => process.exit(0))
}

/** Ends with an error instead of an answer. */
export const fail = (reason: string): never => {
  process.stderr.write(`${reason}\n`)
  process.exit(1)
}

/** Calls back when this process's input is closed: the benchmark has closed it, or has ended. */
export const onRelease = (callback: () => void): void => {
  process.stdin.on("end", callback)
  process.stdin.on("error", callback)
  process.stdin.resume()
}

/** A client of the admin port that may send any headers, a wrong Host among them. */
import * as Http from "node:http"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Listener from "../../src/server/Listener.ts"

export class RequestFailed extends Data.TaggedError("RequestFailed")<{ readonly cause: Error }> {}

export interface Answer {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly body: string
}

export interface Options {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly agent?: Http.Agent
}

export const ask = (
  { host, port }: Listener.Address,
  path: string,
  { agent, headers = {}, method = "GET" }: Options = {}
): Effect.Effect<Answer, RequestFailed> =>
  Effect.callback((resume) => {
    const fail = (cause: Error) => resume(Effect.fail(new RequestFailed({ cause })))
    const request = Http.request({ host, port, path, method, headers, agent: agent ?? false }, (response) => {
      let body = ""
      response.setEncoding("utf8").on("data", (text: string) => {
        body += text
      })
      response.on("error", fail)
      response.on("end", () =>
        resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, body }))
      )
    })
    request.on("error", fail)
    request.end()
    return Effect.sync(() => request.destroy())
  })

/** What the bundler makes of a script for browsers: the text of an element. See `rolldown.browser.ts`. */
declare module "*?script" {
  const text: string
  export default text
}

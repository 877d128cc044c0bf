/** Makes a part of the document what markup says, and leaves alone what already is so: focus, hover and selection stay. */
import type { Markup } from "../../../chart/Markup.ts"

/** What the reader has chosen stays, whatever the markup says. */
const CHOSEN = new Set(["open"])

const sameAttributes = (from: Element, to: Element): void => {
  for (const { name } of Array.from(from.attributes)) {
    if (!to.hasAttribute(name) && !CHOSEN.has(name)) from.removeAttribute(name)
  }
  for (const { name, value } of Array.from(to.attributes)) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value)
  }
}

const areAlike = (from: Node, to: Node): boolean => from.nodeName === to.nodeName && from.nodeType === to.nodeType

const sameChildren = (from: Node, to: Node): void => {
  const wanted = Array.from(to.childNodes)
  const found = Array.from(from.childNodes)
  wanted.forEach((node, index) => {
    const old = found[index]
    if (old === undefined) from.appendChild(node)
    else if (!areAlike(old, node)) from.replaceChild(node, old)
    else if (old instanceof Element && node instanceof Element) {
      sameAttributes(old, node)
      sameChildren(old, node)
    } else if (old.nodeValue !== node.nodeValue) old.nodeValue = node.nodeValue
  })
  for (const old of found.slice(wanted.length)) old.remove()
}

export const show = (place: Element, { source }: Markup): void => {
  const template = document.createElement("template")
  template.innerHTML = source
  sameChildren(place, template.content)
}

/**
 * Doubles as Redis 7.2 writes them (`d2string` of util.c, with `fpconv_dtoa`): the shortest digits that are read as the
 * same double, whole numbers without a fraction, an exponent only where there would be many zeros.
 */

/** Whole numbers below this, which are all exact, are written in full. */
const MAX_WHOLE = 2 ** 52

/** A number without a fraction has at most so many zeros at its end. */
const MAX_ZEROS = 7

/** A number may have fewer than so many digits behind its point, or be at least 10^-4. */
const MAX_PLACES = 7
const MAX_EXPONENT = 4

export const formatDouble = (value: number): string => {
  if (Number.isNaN(value)) return "nan"
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf"
  if (Object.is(value, -0)) return "-0"
  if (Number.isInteger(value) && Math.abs(value) < MAX_WHOLE) return String(value)
  const sign = value < 0 ? "-" : ""
  // `d.ddde+x`, with the shortest digits.
  const [mantissa = "", power = ""] = Math.abs(value).toExponential().split("e")
  const digits = mantissa.replace(".", "")
  const exponent = Number(power)
  // The power of ten of the last digit.
  const last = exponent - digits.length + 1
  if (last >= 0 && Math.abs(exponent) < digits.length + MAX_ZEROS) return sign + digits + "0".repeat(last)
  if (last < 0 && (last > -MAX_PLACES || Math.abs(exponent) < MAX_EXPONENT)) {
    const point = digits.length + last
    return point > 0
      ? `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
      : `${sign}0.${"0".repeat(-point)}${digits}`
  }
  return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${Math.abs(exponent)}`
}

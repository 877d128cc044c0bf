/** Certificates for tests, made with openssl in a directory of their own: those of a CA, and what goes wrong with others. */
import { execFile } from "node:child_process"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import * as Util from "node:util"

export interface Certificate {
  /** Names of PEM files. */
  readonly cert: string
  readonly key: string
}

export interface Certificates {
  readonly directory: string
  /** The CA's certificate. */
  readonly ca: string
  /** For localhost and 127.0.0.1. */
  readonly server: Certificate
  /** The same names, with another key: what a server is given when its certificate is renewed. */
  readonly renewed: Certificate
  readonly client: Certificate
  /** For localhost, until yesterday. */
  readonly expired: Certificate
  /** For other.example alone. */
  readonly elsewhere: Certificate
  /** A CA that nobody knows, and a client's certificate of it. */
  readonly otherCa: string
  readonly stranger: Certificate
  /** The server's key, with a passphrase. */
  readonly encryptedKey: string
}

const run = Util.promisify(execFile)

/** Makes all of them. They are deleted with `remove`. */
export const make = async (): Promise<Certificates> => {
  const directory = await Fs.mkdtemp(Path.join(Os.tmpdir(), "kv-cache-tls-"))
  const at = (name: string) => Path.join(directory, name)
  const openssl = (...args: ReadonlyArray<string>) => run("openssl", args.join(" ").split(" "), { cwd: directory })

  const makeCa = async (name: string) => {
    await openssl(
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=${name}`,
      `-keyout ${name}.key -out ${name}.crt`
    )
    return at(`${name}.crt`)
  }
  const sign = async (name: string, ca: string, extension: string, days = "30"): Promise<Certificate> => {
    await openssl(
      `req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name}`,
      `-keyout ${name}.key -out ${name}.csr`
    )
    await Fs.writeFile(at(`${name}.ext`), extension)
    await openssl(
      `x509 -req -in ${name}.csr -CA ${ca}.crt -CAkey ${ca}.key -CAcreateserial -CAserial ${name}.srl`,
      `-days ${days} -extfile ${name}.ext -out ${name}.crt`
    )
    return { cert: at(`${name}.crt`), key: at(`${name}.key`) }
  }
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
  const ca = await makeCa("ca")
  const otherCa = await makeCa("other-ca")
  const server = await sign("server", "ca", names)
  await openssl("pkey -in server.key -aes256 -passout pass:secret -out encrypted.key")
  return {
    directory,
    ca,
    otherCa,
    server,
    renewed: await sign("renewed", "ca", names),
    client: await sign("client", "ca", "extendedKeyUsage=clientAuth"),
    expired: await sign("expired", "ca", names, "-1"),
    elsewhere: await sign("elsewhere", "ca", "subjectAltName=DNS:other.example"),
    stranger: await sign("stranger", "other-ca", "extendedKeyUsage=clientAuth"),
    encryptedKey: at("encrypted.key")
  }
}

export const remove = ({ directory }: Certificates): Promise<void> => Fs.rm(directory, { recursive: true, force: true })

/**
 * What the tests of scripts/aws.sh share: a local stand-in for the EC2 API, and a user's checkout in which the real
 * script runs with the real AWS CLI. Only commands that would leave this machine are replaced: ssh, scp and the look-up
 * of our address (see stand-in.sh). They record how they were called.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect } from "vitest"

const REPOSITORY = resolve(import.meta.dirname, "../..")
export const SECRET = "a-secret-key-that-nobody-may-see"
export const TOKEN = "a-session-token-that-nobody-may-see"
export const IMAGE = "you/kv-cache:1.0"

export const pathOf = (tool: string) => spawnSync("which", [tool], { encoding: "utf8" }).stdout.trim()

/** Where Python has its commands: a version manager's stand-in on the PATH takes longer to start than the AWS CLI. */
const python = spawnSync("python3", ["-c", "import sysconfig; print(sysconfig.get_path('scripts'))"], {
  encoding: "utf8"
})

/** A command that is installed with Python or otherwise. */
const pythonCommand = (tool: string) => {
  const own = join(String(python.stdout).trim(), tool)
  return existsSync(own) ? own : pathOf(tool)
}

const missing = ["bash", "aws", "moto_server", "ssh-keygen"].filter((tool) => pathOf(tool) === "")

type Outcome = { readonly code: number; readonly output: string }
export type Environment = Readonly<Record<string, string>>

const exec = (file: string, args: ReadonlyArray<string>, env: Environment, input = ""): Promise<Outcome> =>
  new Promise((done) => {
    const child = execFile(file, args, { env, encoding: "utf8" }, (_error, stdout, stderr) => {
      done({ code: child.exitCode ?? -1, output: stdout + stderr })
    })
    child.stdin?.on("error", () => {}) // The process may end without reading its input.
    child.stdin?.end(input)
  })

/** A user's checkout with a deployment of its own, and the calls made in it. The blank in its path is deliberate. */
export class Checkout {
  readonly endpoint: string
  readonly name: string
  readonly root = mkdtempSync(join(realpathSync(tmpdir()), "kv cache "))
  readonly standIn = join(this.root, "stand-in")
  /** Where aws.sh keeps the key and the state of this deployment. */
  readonly home: string
  /** Where aws.sh keeps temporary files. Empty before and after a run. */
  readonly scratch = join(this.root, "scratch")
  /** Everything that all commands have printed. */
  printed = ""
  #caller = "198.51.100.1"

  constructor(endpoint: string, name: string) {
    this.endpoint = endpoint
    this.name = name
    this.home = join(this.root, ".kv-cache-aws", name)
    mkdirSync(join(this.root, "scripts"))
    mkdirSync(this.scratch)
    symlinkSync(join(REPOSITORY, "scripts/aws.sh"), join(this.root, "scripts/aws.sh"))
    const commands = { bin: ["aws", "curl", "ssh", "scp"], "remote-bin": ["sudo", "dnf", "systemctl", "docker"] }
    for (const [folder, names] of Object.entries(commands)) {
      mkdirSync(join(this.standIn, folder), { recursive: true })
      for (const command of names) {
        symlinkSync(join(import.meta.dirname, "stand-in.sh"), join(this.standIn, folder, command))
      }
    }
    this.configure()
  }

  /** Writes scripts/config.sh as a user would: a copy of the example, with some lines changed. */
  configure(...lines: ReadonlyArray<string>) {
    const example = readFileSync(join(REPOSITORY, "scripts/config.sh.example"), "utf8")
    const changes = [`IMAGE=${IMAGE}`, `NAME=${this.name}`, ...lines]
    writeFileSync(join(this.root, "scripts/config.sh"), `${example}\n${changes.join("\n")}\n`)
  }

  moveTo(address: string) {
    this.#caller = address
  }

  environment(): Environment {
    return {
      HOME: this.root,
      TMPDIR: this.scratch,
      PATH: `${join(this.standIn, "bin")}:${process.env["PATH"] ?? ""}`,
      AWS_ENDPOINT_URL: this.endpoint,
      AWS_ACCESS_KEY_ID: "an-access-key",
      AWS_SECRET_ACCESS_KEY: SECRET,
      AWS_SESSION_TOKEN: TOKEN,
      REAL_AWS: pythonCommand("aws"),
      STAND_IN: this.standIn,
      STAND_IN_ADDRESS: this.#caller,
      AWS_MAX_ATTEMPTS: "1",
      KV_CACHE_AWS_POLL_SECONDS: "0",
      KV_CACHE_AWS_ATTEMPTS: "3"
    }
  }

  /** Runs `aws.sh ARGS`. */
  async run(args: ReadonlyArray<string>, env: Environment = {}, input = ""): Promise<Outcome> {
    rmSync(join(this.standIn, "failures"), { force: true })
    const outcome = await exec(join(this.root, "scripts/aws.sh"), args, { ...this.environment(), ...env }, input)
    this.printed += outcome.output
    return outcome
  }

  /** Runs `aws.sh ARGS`, which must succeed, and returns its output. */
  async ok(...args: ReadonlyArray<string>): Promise<string> {
    const { code, output } = await this.run(args)
    expect({ code, output }).toMatchObject({ code: 0 })
    return output
  }

  /** Every call of a stand-in so far, one a line; `since` cuts off the first ones. */
  calls(since = 0): ReadonlyArray<string> {
    const file = join(this.standIn, "calls")
    return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n").slice(since) : []
  }

  /** Calls EC2 without aws.sh, and returns the words of the answer. */
  async ec2(operation: string, ...args: ReadonlyArray<string>): Promise<ReadonlyArray<string>> {
    const { output } = await exec(
      pythonCommand("aws"),
      ["--region", "us-east-1", "--output", "text", "ec2", operation, ...args],
      this.environment()
    )
    return output.split(/\s+/).filter((word) => word !== "")
  }

  /** Our live instances at the stand-in for EC2, oldest first: the facts asked for, of each. */
  instances(query = "InstanceId") {
    return this.ec2(
      "describe-instances",
      "--query",
      `sort_by(Reservations[].Instances[], &LaunchTime)[].[${query}]`,
      "--filters",
      `Name=tag:Deployment,Values=${this.name}`,
      "Name=instance-state-name,Values=pending,running,stopping,stopped"
    )
  }

  groups() {
    const ours = `Name=tag:Deployment,Values=${this.name}`
    return this.ec2("describe-security-groups", "--query", "SecurityGroups[].GroupId", "--filters", ours)
  }

  keys() {
    const ours = `Name=tag:Deployment,Values=${this.name}`
    return this.ec2("describe-key-pairs", "--query", "KeyPairs[].KeyName", "--filters", ours)
  }

  /** The incoming rules of our group, each as `protocol from to address group`. */
  async rules(): Promise<ReadonlyArray<string>> {
    const [group = "none"] = await this.groups()
    const words = await this.ec2(
      "describe-security-group-rules",
      "--query",
      "SecurityGroupRules[?!IsEgress].join(`,`, [IpProtocol, to_string(FromPort), to_string(ToPort)," +
        " CidrIpv4 || `-`, ReferencedGroupInfo.GroupId || `-`])",
      "--filters",
      `Name=group-id,Values=${group}`
    )
    return words.map((rule) => rule.replace(group, "our group").replaceAll(",", " ")).toSorted()
  }

  remove() {
    rmSync(this.root, { recursive: true, force: true })
  }
}

/** A suite that gets the address of a stand-in for the EC2 API. Without one it is skipped, and says why. */
export const describeAws = (name: string, tests: (endpoint: () => string) => void) => {
  const title = missing.length === 0 ? name : `${name} (skipped, not installed: ${missing.join(", ")})`
  // A deployment is some fifty starts of the AWS CLI, which take half a second each on an idle machine.
  describe.skipIf(missing.length > 0)(title, { timeout: 600_000 }, () => {
    let moto: ChildProcess
    let endpoint = ""

    beforeAll(async () => {
      moto = spawn(pythonCommand("moto_server"), ["-H", "127.0.0.1", "-p", "0"], {
        stdio: ["ignore", "ignore", "pipe"]
      })
      endpoint = await new Promise((found, failed) => {
        let log = ""
        moto.stderr?.on("data", (text: Buffer) => {
          log += text.toString()
          const url = /http:\/\/127\.0\.0\.1:\d+/.exec(log)
          if (url !== null) found(url[0])
        })
        moto.once("error", failed)
        moto.once("exit", () => failed(new Error(`moto_server ended: ${log}`)))
      })
    })
    afterAll(() => {
      moto.kill()
    })

    tests(() => endpoint)
  })
}

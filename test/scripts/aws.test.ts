/** A deployment from `create` to `teardown`. The tests build on each other, in order. */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { Checkout, describeAws, type Environment, IMAGE, SECRET, TOKEN } from "./checkout.ts"

describeAws("scripts/aws.sh: a deployment from create to teardown", (endpoint) => {
  let checkout: Checkout
  beforeAll(() => {
    checkout = new Checkout(endpoint(), "story")
  })
  afterAll(() => checkout.remove())

  it("create makes two instances and says where they are and what they cost", async () => {
    const output = await checkout.ok("create")
    const addresses = await checkout.instances("PublicIpAddress, PrivateIpAddress")
    expect(addresses).toHaveLength(4)
    for (const address of addresses) expect(output).toContain(address)
    expect(output).toMatch(/About \$0\.053 an hour, \$1\.28 a day/)
  })

  it("tags all, requires IMDSv2, puts both in one zone, keeps the key to its owner", async () => {
    const facts = await checkout.instances(
      "InstanceType, KeyName, MetadataOptions.HttpTokens, Placement.AvailabilityZone," +
        " Tags[?Key==`Project`]|[0].Value, Tags[?Key==`Name`]|[0].Value"
    )
    const zone = facts[3]
    expect(facts).toEqual(
      ["server", "client"].flatMap((role) => [
        "t3.small",
        "kv-cache-story",
        "required",
        zone,
        "kv-cache",
        `kv-cache-story-${role}`
      ])
    )
    expect(statSync(join(checkout.home, "key.pem")).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(checkout.home, "state"), "utf8")).toContain("region=us-east-1")
  })

  it("opens 7171 to members of the group, 22 to the caller, and nothing else", async () => {
    expect(await checkout.rules()).toEqual(["tcp 22 22 198.51.100.1/32 -", "tcp 7171 7171 - our group"])
  })

  it("create again finds what exists and makes nothing", async () => {
    const before = await checkout.instances()
    const since = checkout.calls().length
    await checkout.ok("create")
    expect(await checkout.instances()).toEqual(before)
    const changing = checkout.calls(since).filter((call) => !/^(curl |aws .* (describe-\S+|wait) )/.test(call))
    expect(changing).toEqual([])
  })

  it("create starts a stopped instance again", async () => {
    const [server = ""] = await checkout.instances()
    await checkout.ec2("stop-instances", "--instance-ids", server)
    expect(await checkout.ok("create")).toContain("The server: started again")
    expect(await checkout.instances("State.Name")).toEqual(["running", "running"])
  })

  it("says that there are no results before the first test", async () => {
    const { code, output } = await checkout.run(["results"])
    expect(code).toBe(1)
    expect(output).toContain("No load test has been run yet")
  })

  it("deploy waits for SSH, installs, pulls, starts, and proves it with PUT and GET", async () => {
    const since = checkout.calls().length
    const { code, output } = await checkout.run(["deploy"], {
      FAIL_CALL: "ssh *true",
      FAIL_TIMES: "2",
      FAIL_CODE: "255",
      FAIL_MESSAGE: "Connection refused"
    })
    expect({ code, output }).toMatchObject({ code: 0 })
    expect(output).toContain("Waiting for SSH on the server")

    const [server = ""] = await checkout.instances("PrivateIpAddress")
    const secret = "-v .*/kv-cache.password:/run/kv-cache.password:ro -e KV_CACHE_PASSWORD_FILE=/run/kv-cache.password"
    const client = `docker run --rm --network host --user \\d+:\\d+ ${secret} ${IMAGE} client --host ${server} --port 7171`
    const remote = checkout.calls(since).filter((call) => /^(dnf|systemctl|docker) /.test(call))
    expect(remote).toEqual([
      ...["server", "client"].flatMap(() => [
        "dnf install -y -q docker",
        "systemctl enable --now docker",
        `docker pull -q ${IMAGE}`
      ]),
      "docker stop kv-cache",
      "docker rm -f kv-cache",
      expect.stringMatching(
        new RegExp(
          `^docker run -d --name kv-cache --restart unless-stopped --network host .* ${secret} .* you/kv-cache:1\\.0 serve$`
        )
      ),
      expect.stringMatching(new RegExp(`^${client} PUT deploy-check works 60$`)),
      expect.stringMatching(new RegExp(`^${client} GET deploy-check$`))
    ])
    expect(output).toMatch(/OK works[^]*About \$0\.053 an hour/)
  })

  it("makes a password that is on both instances, is no part of any command, and stays the same", async () => {
    const file = join(checkout.home, "password")
    const password = readFileSync(file, "utf8")
    expect(password).toMatch(/^[A-Za-z0-9_-]{32}$/)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const hosts = join(checkout.standIn, "hosts")
    for (const host of readdirSync(hosts)) {
      const copy = join(hosts, host, "kv-cache.password")
      expect(readFileSync(copy, "utf8")).toBe(`${password}\n`)
      expect(statSync(copy).mode & 0o777).toBe(0o600)
    }
    expect(await checkout.ok("deploy")).not.toContain(password)
    expect(readFileSync(file, "utf8")).toBe(password)
    expect(checkout.calls().join("\n")).not.toContain(password)
  })

  it("corrects the security group when the caller's address has changed, and closes holes", async () => {
    const [group = ""] = await checkout.groups()
    const hole = ["--group-id", group, "--protocol", "tcp", "--port", "7171", "--cidr", "0.0.0.0/0"]
    await checkout.ec2("authorize-security-group-ingress", ...hole)
    checkout.moveTo("198.51.100.2")
    expect(await checkout.ok("status")).toContain("SSH is open to your address, 198.51.100.2")
    expect(await checkout.rules()).toEqual(["tcp 22 22 198.51.100.2/32 -", "tcp 7171 7171 - our group"])
  })

  it("status says what runs and in which state", async () => {
    checkout.configure("PRICE_PER_HOUR=1")
    const output = await checkout.ok("status")
    expect(output).toContain("About $2.012 an hour")
    expect(output).toContain(`The server: ${IMAGE}: running, healthy`)
    expect(output).toMatch(/story server: i-\w+ running, t3\.small[^]*story client: i-\w+ running/)
  })

  it("test runs the load test of the configuration and downloads its results", async () => {
    checkout.configure("SERVER_OPTIONS=(--max-memory 1gb)", "LOADTEST=(--rate 10000 --assert 'p99<5ms')")
    const since = checkout.calls().length
    const output = await checkout.ok("test")

    const [server = ""] = await checkout.instances("PrivateIpAddress")
    const call = checkout.calls(since).find((line) => line.includes(" loadtest "))
    expect(call).toContain(`${IMAGE} loadtest --host ${server} --port 7171 --rate 10000 --assert p99<5ms -o`)
    expect(output).toContain("requests/second 12345")

    const [run = "none"] = readdirSync(join(checkout.root, "results"))
    expect(readdirSync(join(checkout.root, "results", run)).toSorted()).toEqual([
      "report.html",
      "results.json",
      "summary.txt"
    ])
  })

  it("results downloads them again and prints the summary", async () => {
    rmSync(join(checkout.root, "results"), { recursive: true })
    const output = await checkout.ok("results")
    expect(output).toContain("requests/second 12345")
    expect(readdirSync(join(checkout.root, "results"))).toHaveLength(1)
  })

  it("test takes other options, and one that misses its target is downloaded and fails", async () => {
    rmSync(join(checkout.root, "results"), { recursive: true })
    const since = checkout.calls().length
    const { code, output } = await checkout.run(["test", "-c", "10"], { LOADTEST_CODE: "1" })
    expect(code).toBe(1)
    expect(output).toMatch(
      /The load test failed or missed a target: see its summary above, and results\/\w+\/report\.html/
    )
    expect(checkout.calls(since).find((line) => line.includes(" loadtest "))).toContain("--port 7171 -c 10 -o")
    expect(readdirSync(join(checkout.root, "results"))).toHaveLength(1)
  })

  it("ssh runs a command on the instance and passes on its exit code", async () => {
    const [, client = ""] = await checkout.instances()
    const { code, output } = await checkout.run(["ssh", "client", "pwd; exit 7"])
    expect(code).toBe(7)
    expect(output).toContain(`hosts/${client}`)
  })

  // Each of these fails with a running deployment, and none of them changes it.
  const failures: ReadonlyArray<{
    readonly when: string
    readonly config?: string
    readonly args: ReadonlyArray<string>
    readonly env?: Environment
    readonly says: string
  }> = [
    {
      when: "another REGION is configured",
      config: "REGION=eu-west-1",
      args: ["create"],
      says: "Deployment story is in us-east-1 but scripts/config.sh says REGION=eu-west-1: set REGION back"
    },
    {
      when: "SSH never answers",
      args: ["deploy"],
      env: { FAIL_CALL: "ssh *", FAIL_CODE: "255", FAIL_MESSAGE: "Connection refused" },
      says: "The server does not answer SSH, try again in a minute, or teardown and create: Connection refused"
    },
    {
      when: "Docker cannot be installed",
      args: ["deploy"],
      env: { FAIL_CALL: "dnf *" },
      says: "Docker could not be installed on the server"
    },
    {
      when: "the image cannot be pulled",
      args: ["deploy"],
      env: { FAIL_CALL: "docker pull*" },
      says: `The server could not pull '${IMAGE}': check IMAGE`
    },
    {
      when: "the server cannot be started",
      args: ["deploy"],
      env: { FAIL_CALL: "docker run -d*" },
      says: "The server could not be started"
    },
    {
      when: "the server does not answer",
      args: ["deploy"],
      env: { FAIL_CALL: "docker *PUT*" },
      says: "The server does not answer the client"
    },
    {
      when: "the load test finds no server",
      args: ["test"],
      env: { FAIL_CALL: "docker *loadtest*", FAIL_CODE: "2" },
      says: "The load test measured nothing"
    },
    {
      when: "the connection breaks",
      args: ["test"],
      env: { FAIL_CALL: "ssh *bash -s", FAIL_CODE: "255" },
      says: "The connection to the client was lost"
    },
    {
      when: "the download fails",
      args: ["results"],
      env: { FAIL_CALL: "scp *" },
      says: "The results could not be downloaded"
    },
    {
      when: "the caller's address is not to be had",
      args: ["status"],
      env: { FAIL_CALL: "curl *" },
      says: "Your public address could not be looked up: check the network, or set CALLER_ADDRESS"
    },
    {
      when: "nobody answers teardown's question",
      args: ["teardown"],
      says: "Nothing was changed: answer y, or run teardown with --yes."
    }
  ]
  it.each(failures)("$args fails when $when", async ({ config, args, env, says }) => {
    checkout.configure(...(config === undefined ? [] : [config]))
    const { code, output } = await checkout.run(args, env)
    checkout.configure()
    expect(output).toContain(`aws.sh: ${says}`)
    expect(code).toBe(1)
  })

  it("teardown removes instances and group, and says that the key is left", async () => {
    expect(await checkout.instances()).toHaveLength(2) // None of the failures above has changed that.
    const { code, output } = await checkout.run(["teardown"], {}, "y\n")
    expect({ code, output }).toMatchObject({ code: 0 })
    expect(output).toContain("Left of deployment story: key pair kv-cache-story, which is free")
    expect(output).toContain("no instance is billed")
    expect([await checkout.instances(), await checkout.groups()]).toEqual([[], []])
    expect(readdirSync(checkout.home)).toEqual(["key.pem"])
  })

  it("teardown again is fine, and deletes the key when asked", async () => {
    const nothing = "Nothing is left of deployment story in us-east-1."
    expect(await checkout.ok("teardown", "--delete-key")).toContain(nothing) // There is nothing to ask about.
    expect(await checkout.ok("teardown", "--yes")).toContain(nothing)
    expect([await checkout.instances(), await checkout.groups(), await checkout.keys()]).toEqual([[], [], []])
    expect(existsSync(join(checkout.root, ".kv-cache-aws"))).toBe(false)
  })

  it("leaves no scratch files behind", () => {
    expect(readdirSync(checkout.scratch)).toEqual([])
  })

  it("never puts a secret on a command line or prints one", () => {
    const everything = checkout.calls().join("\n") + checkout.printed
    expect(checkout.calls().length).toBeGreaterThan(100)
    for (const secret of [SECRET, TOKEN, "PRIVATE KEY"]) expect(everything).not.toContain(secret)
  })
})

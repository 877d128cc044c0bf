/** What scripts/aws.sh does after a failure half-way, and what it says about a user's mistake. */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Checkout, describeAws, type Environment, pathOf } from "./checkout.ts"

/** Makes the AWS CLI fail as it does for an error with this code. */
const awsError = (code: string) => ({
  FAIL_CALL: "aws *",
  FAIL_CODE: "254",
  FAIL_MESSAGE: `An error occurred (${code}) when calling the DescribeInstances operation: it said no`
})

describeAws("scripts/aws.sh: failures", (endpoint) => {
  describe("after a failure half-way", () => {
    let checkout: Checkout
    beforeAll(() => {
      checkout = new Checkout(endpoint(), "broken")
    })
    afterAll(() => checkout.remove())

    it("create goes on where it stopped, and had said what was on the bill", async () => {
      const { code, output } = await checkout.run(["create"], {
        FAIL_CALL: "aws *run-instances*Value=client*",
        FAIL_CODE: "254",
        FAIL_MESSAGE: "An error occurred (InsufficientInstanceCapacity) when calling the RunInstances operation: no"
      })
      expect(code).toBe(1)
      expect(output).toContain("AWS has no t3.small for you in us-east-1 now: set another INSTANCE_TYPE")
      expect(output).toMatch(/broken server: i-\w+ running/)
      expect(output).toContain("About $0.027 an hour")
      const [server] = await checkout.instances()

      await checkout.ok("create")
      expect(await checkout.instances()).toEqual([server, expect.stringContaining("i-")])
    })

    it("without its files, create refuses to lock itself out", async () => {
      rmSync(join(checkout.root, ".kv-cache-aws"), { recursive: true })
      const { code, output } = await checkout.run(["deploy"])
      expect(code).toBe(1)
      expect(output).toContain("The private key .kv-cache-aws/broken/key.pem is missing")
      expect(await checkout.run(["create"])).toMatchObject({
        code: 1,
        output: expect.stringContaining("The instances of broken were made with another key")
      })
    })

    it("teardown needs no state file, and waits until AWS lets go of the group", async () => {
      rmSync(join(checkout.root, ".kv-cache-aws"), { recursive: true })
      const { code, output } = await checkout.run(["teardown", "--yes", "--delete-key"], {
        FAIL_CALL: "aws *delete-security-group*",
        FAIL_TIMES: "2",
        FAIL_CODE: "254",
        FAIL_MESSAGE: "An error occurred (DependencyViolation) when calling the DeleteSecurityGroup operation: in use"
      })
      expect({ code, output }).toMatchObject({ code: 0 })
      expect(output).toContain("Nothing is left of deployment broken in us-east-1.")
      expect([await checkout.instances(), await checkout.groups(), await checkout.keys()]).toEqual([[], [], []])
    })
  })

  describe("what a user can get wrong", () => {
    let checkout: Checkout
    beforeAll(() => {
      checkout = new Checkout(endpoint(), "wrong")
    })
    afterAll(() => checkout.remove())

    const mistakes: ReadonlyArray<
      readonly [args: string, config: string, env: Environment, code: number, says: string]
    > = [
      ["", "", {}, 2, "Usage: scripts/aws.sh COMMAND"],
      ["launch", "", {}, 2, "There is no command 'launch': see 'scripts/aws.sh help'."],
      ["create now", "", {}, 2, "create takes no arguments, not 'now'"],
      ["ssh database", "", {}, 2, "ssh must be told where to: 'scripts/aws.sh ssh server'"],
      ["teardown --force", "", {}, 2, "teardown takes --yes and --delete-key, not '--force'"],
      ["create", "IMAGE=", {}, 1, "IMAGE is not set in scripts/config.sh: set it to"],
      ["create", "IMAGE=your-account/kv-cache:1", {}, 1, "IMAGE is still the placeholder in scripts/config.sh: build"],
      ["create", "IMAGE='a b'", {}, 1, "IMAGE is 'a b' in scripts/config.sh: it must be the name of a Docker image"],
      ["create", "NAME='My Cache'", {}, 1, "NAME is 'My Cache' in scripts/config.sh: it must be 1 to 40 of"],
      ["create", "REGION=Frankfurt", {}, 1, "REGION is 'Frankfurt' in scripts/config.sh: it must be an AWS region"],
      ["create", "INSTANCE_TYPE=small", {}, 1, "INSTANCE_TYPE is 'small' in scripts/config.sh: it must be"],
      ["create", "PRICE_PER_HOUR=cheap", {}, 1, "PRICE_PER_HOUR is 'cheap' in scripts/config.sh: it must be dollars"],
      [
        "create",
        "CALLER_ADDRESS=999.999.1.1",
        {},
        1,
        "CALLER_ADDRESS is '999.999.1.1' in scripts/config.sh: it must be"
      ],
      ["create", "CALLER_ADDRESS=203.0.113.256", {}, 1, "CALLER_ADDRESS is '203.0.113.256' in scripts/config.sh: it"],
      ["create", "CALLER_ADDRESS=home", {}, 1, "CALLER_ADDRESS is 'home' in scripts/config.sh: it must be an IPv4"],
      [
        "deploy",
        "",
        {},
        1,
        "No server of deployment wrong is running in us-east-1: run 'scripts/aws.sh create' first."
      ],
      ["status", "", awsError("ExpiredToken"), 1, "AWS does not accept your credentials: run 'aws configure'"],
      ["status", "", awsError("UnauthorizedOperation"), 1, "may not call 'ec2 describe-instances': ask for"],
      ["status", "", awsError("Unheard"), 1, "AWS refused 'ec2 describe-instances', put this right and run the same"],
      ["status", "", { AWS_ENDPOINT_URL: "http://127.0.0.1:9" }, 1, "AWS cannot be reached in region us-east-1: check"],
      ["status", "export AWS_PROFILE=nobody", {}, 1, "AWS does not accept your credentials"],
      ["create", "INSTANCE_TYPE=t3.gigantic", {}, 1, "AWS does not know INSTANCE_TYPE 't3.gigantic' in us-east-1: set"]
    ]
    it.each(mistakes)("aws.sh %s, %s", async (args, config, env, code, says) => {
      checkout.configure(config)
      const outcome = await checkout.run(
        args.split(" ").filter((word) => word !== ""),
        env
      )
      expect(outcome.output).toContain(says)
      expect(outcome.code).toBe(code)
    })

    it("none of these mistakes made or kept anything", async () => {
      expect([await checkout.instances(), await checkout.groups(), await checkout.keys()]).toEqual([[], [], []])
      expect(existsSync(join(checkout.root, ".kv-cache-aws"))).toBe(false)
      expect(readdirSync(checkout.scratch)).toEqual([])
    })

    it("no configuration, and missing tools", async () => {
      rmSync(join(checkout.root, "scripts/config.sh"))
      expect(await checkout.run(["create"])).toMatchObject({
        code: 1,
        output: expect.stringContaining("There is no scripts/config.sh: copy scripts/config.sh.example to it")
      })
      // A PATH with the few tools that the script's first lines need, and no AWS CLI.
      const bare = join(checkout.root, "bare")
      mkdirSync(bare)
      for (const tool of ["bash", "env", "dirname", "mktemp", "rm"]) symlinkSync(pathOf(tool), join(bare, tool))
      expect(await checkout.run(["create"], { PATH: bare })).toMatchObject({
        code: 1,
        output: expect.stringContaining("The AWS CLI is not installed: see https://aws.amazon.com/cli/")
      })
      symlinkSync(join(import.meta.dirname, "stand-in.sh"), join(bare, "aws"))
      expect(await checkout.run(["create"], { PATH: bare })).toMatchObject({
        code: 1,
        output: expect.stringContaining("ssh is not installed")
      })
    })

    it("help says all, and needs nothing", async () => {
      const { code, output } = await checkout.run(["help"], { PATH: "/usr/bin:/bin" })
      expect(code).toBe(0)
      for (const word of ["create", "deploy", "test", "results", "status", "ssh", "teardown", "config.sh"]) {
        expect(output).toContain(word)
      }
    })
  })
})

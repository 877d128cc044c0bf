#!/usr/bin/env bash
#
# Puts KV-Cache on AWS: one instance that serves, one that tests it, and nothing else that costs money.
#
# - Tags are the truth. Whatever this script makes is tagged Project=kv-cache and Deployment=NAME and found again by those
#   tags. So every command can be run again after a failure, and teardown works without a state file.
# - The bill is always in sight: every command ends by saying what runs and what it costs (see `finish`).
# - It runs on the bash 3.2 of macOS: no associative arrays, no mapfile. An array that may be empty is written
#   ${array[@]+"${array[@]}"}.

set -euo pipefail

readonly PROJECT=kv-cache
readonly PORT=7171
readonly REMOTE_USER=ec2-user

readonly OCTET='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
readonly IPV4="$OCTET(\\.$OCTET){3}"

ROOT=$(cd "$(dirname "$0")/.." && pwd)
readonly ROOT
readonly CONFIG=$ROOT/scripts/config.sh
readonly RESULTS=$ROOT/results

# How long to wait for slow things on AWS (SSH, a group to become free). Tests set both to almost nothing.
readonly POLL_SECONDS=${KV_CACHE_AWS_POLL_SECONDS:-5}
readonly ATTEMPTS=${KV_CACHE_AWS_ATTEMPTS:-24}

SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/kv-cache-aws.XXXXXX")
readonly SCRATCH

# Without this, version 2 of the AWS CLI shows its answers in a pager and waits.
export AWS_PAGER=

usage() {
  cat <<'EOF'
Usage: scripts/aws.sh COMMAND

Runs KV-Cache on two AWS instances: a server, and a client that tests it.

  create                  make (or find again) the key pair, the security group and both instances
  deploy                  install Docker on both, start the server there, and prove it with a PUT and a GET
  test [OPTION...]        run the load test on the client against the server, and download its report;
                          OPTIONs of the load test given here are used instead of LOADTEST in config.sh
  results                 download the latest report again, and print its summary
  status                  say what runs, where, in which state, and what it costs
  ssh server|client [COMMAND...]
                          open a shell on an instance, or run one command there
  teardown [--yes] [--delete-key]
                          terminate the instances and delete the group (and the key pair), whatever is left of them;
                          --yes does not ask first
  help                    show this

First: cp scripts/config.sh.example scripts/config.sh, and set IMAGE in it.
A command that failed or was interrupted can be run again: it goes on with what exists.

Files (all ignored by git):
  scripts/config.sh           the settings
  .kv-cache-aws/NAME/         the private key, the password, the known hosts and the state of deployment NAME
  results/RUN/                results.json, report.html and summary.txt of each load test

Environment: AWS_PROFILE and the AWS CLI's other variables are honoured.
  KV_CACHE_AWS_POLL_SECONDS   pause between two tries (default 5)
  KV_CACHE_AWS_ATTEMPTS       tries before giving up (default 24)

Exit code: 0 done, 1 failed (a load test that misses its --assert too), 2 wrong usage; ssh passes on the remote one.
EOF
}

# ------------------------------------------------------------------------------------------ saying, failing, ending

say() { printf '%s\n' "$*"; }

warn() { printf 'aws.sh: %s\n' "$*" >&2; }

die() {
  warn "$*"
  exit 1
}

wrong_usage() {
  warn "$*"
  exit 2
}

# Runs however the script ends, so that nobody leaves without having seen the bill, least of all after a failure.
# (In a trap, a bare `return` returns the exit code that the script failed with. Hence `return 0` throughout.)
SHOW_BILL=no
finish() {
  if [ "$SHOW_BILL" = yes ]; then
    say
    if instances_are_fresh || look_up_instances; then
      print_bill
    else
      warn "AWS did not say what is running now: run 'scripts/aws.sh status' to see what is billed."
    fi
  fi
  rm -rf "$SCRATCH"
}
trap finish EXIT
trap 'warn "Interrupted: run the same command again to go on, or teardown to end it."; exit 130' INT
trap 'exit 143' TERM

# ----------------------------------------------------------------------------------------------- settings and tools

require_tools() {
  command -v aws >/dev/null || die "The AWS CLI is not installed: see https://aws.amazon.com/cli/, then run this again."
  local tool
  for tool in ssh scp ssh-keygen curl; do
    command -v "$tool" >/dev/null || die "$tool is not installed: install the package with '$tool', then run this again."
  done
}

load_config() {
  NAME=demo
  REGION=us-east-1
  INSTANCE_TYPE=t3.small
  IMAGE=
  AMI_ID=
  PRICE_PER_HOUR=
  CALLER_ADDRESS=
  SERVER_OPTIONS=()
  LOADTEST=()
  [ -f "$CONFIG" ] || die "There is no scripts/config.sh: copy scripts/config.sh.example to it and set IMAGE."
  # shellcheck source=/dev/null
  . "$CONFIG"

  # These values go into AWS's tag syntax, file names and remote command lines. They are checked here, once.
  require_form NAME "$NAME" '^[a-z][a-z0-9-]{0,39}$' "1 to 40 of a-z, 0-9 and '-', beginning with a letter"
  require_form REGION "$REGION" '^[a-z]{2,}(-[a-z]+)+-[0-9]+$' "an AWS region, like us-east-1"
  require_form INSTANCE_TYPE "$INSTANCE_TYPE" '^[a-z0-9-]+\.[a-z0-9-]+$' "an instance type, like t3.small"
  require_form AMI_ID "$AMI_ID" '^(ami-[0-9a-f]+)?$' "the id of an Amazon Linux 2023 image, or left out"
  require_form PRICE_PER_HOUR "$PRICE_PER_HOUR" '^([0-9]+(\.[0-9]+)?)?$' "dollars, like 0.0208, or left out"
  require_form CALLER_ADDRESS "$CALLER_ADDRESS" "^($IPV4)?\$" "an IPv4 address, or left out"

  RESOURCE=$PROJECT-$NAME
  OURS=("Name=tag:Project,Values=$PROJECT" "Name=tag:Deployment,Values=$NAME") # the filter that finds what is ours
  HOME_DIR=$ROOT/.kv-cache-aws/$NAME
  STATE=$HOME_DIR/state
  KEY=$HOME_DIR/key.pem
  KNOWN_HOSTS=$HOME_DIR/known_hosts
  PASSWORD_FILE=$HOME_DIR/password
  refuse_other_region
}

require_form() {
  local form=$3
  [[ $2 =~ $form ]] || die "$1 is '$2' in scripts/config.sh: it must be $4."
}

require_image() {
  [ -n "$IMAGE" ] || die "IMAGE is not set in scripts/config.sh: set it to the Docker image that you pushed."
  case $IMAGE in
    *your-account*)
      die "IMAGE is still the placeholder in scripts/config.sh: build and push the image, and set IMAGE to its name."
      ;;
  esac
  require_form IMAGE "$IMAGE" '^[A-Za-z0-9][A-Za-z0-9._/:@-]*$' "the name of a Docker image, like you/kv-cache:1.0"
}

# After a change of REGION, this script must not lose sight of instances that still cost money elsewhere.
refuse_other_region() {
  [ -f "$STATE" ] || return 0
  local created_in
  created_in=$(sed -n 's/^region=//p' "$STATE")
  [ -z "$created_in" ] || [ "$created_in" = "$REGION" ] ||
    die "Deployment $NAME is in $created_in but scripts/config.sh says REGION=$REGION: set REGION back and run teardown, or choose another NAME."
}

# For people to read, and for the check above. Everything else is asked of AWS each time, because addresses change.
write_state() {
  mkdir -p "$HOME_DIR"
  chmod 700 "$HOME_DIR"
  local role
  {
    say "# Where deployment $NAME is: written by scripts/aws.sh create, removed by teardown. Not secret."
    say "region=$REGION"
    say "security_group=${GROUP:-}"
    for role in server client; do
      find_instance "$role"
      say "$role=$ID public=$PUBLIC private=$PRIVATE type=$TYPE zone=$ZONE"
    done
  } >"$STATE"
}

# ------------------------------------------------------------------------------------------------------ asking AWS

# try_aws SERVICE OPERATION [ARG...]: one call. It leaves its answer in ANSWER and the reason for a failure in PROBLEM.
# They are globals because `set -e` does not reach into $( ), and a `die` there would only end the subshell.
try_aws() {
  LAST_CALL="$1 $2"
  case $2 in describe-* | get-*) ;; *) LOOKED_UP_AT=never ;; esac # after a change, look again
  ANSWER=$(aws --region "$REGION" --output text "$@" 2>"$SCRATCH/problem") && return 0
  PROBLEM=$(tr -s '\n' ' ' <"$SCRATCH/problem")
  return 1
}

call() { try_aws "$@" || refused; }

# Says in one sentence why the last call failed and what to do about it.
refused() {
  case $PROBLEM in
    *"Unable to locate credentials"* | *"config profile"* | *ExpiredToken* | *InvalidClientTokenId* | *AuthFailure* | \
      *UnrecognizedClient* | *SignatureDoesNotMatch* | *"SSO"* | *"Token has expired"*)
      die "AWS does not accept your credentials: run 'aws configure' or 'aws sso login' or set AWS_PROFILE, and see that REGION=$REGION is enabled for your account."
      ;;
    *"Could not connect to the endpoint"* | *"onnect timeout"*)
      die "AWS cannot be reached in region $REGION: check the network, and REGION in scripts/config.sh."
      ;;
    *UnauthorizedOperation* | *AccessDenied*)
      die "Your AWS user may not call '$LAST_CALL': ask for the permissions that docs/aws.md lists."
      ;;
    *InsufficientInstanceCapacity* | *VcpuLimitExceeded* | *InstanceLimitExceeded* | *"(Unsupported)"*)
      die "AWS has no $INSTANCE_TYPE for you in $REGION now: set another INSTANCE_TYPE in scripts/config.sh, or ask AWS for a higher limit, and run this again."
      ;;
    *InvalidInstanceType*)
      die "AWS does not know INSTANCE_TYPE '$INSTANCE_TYPE' in $REGION: set another in scripts/config.sh."
      ;;
    *InvalidAMIID*)
      die "AWS does not know AMI_ID '$AMI_ID' in $REGION: leave it out of scripts/config.sh to use the latest Amazon Linux 2023."
      ;;
    *"Waiter "*)
      die "AWS is taking longer than usual ('$LAST_CALL'): run the same command again to go on waiting."
      ;;
    *)
      die "AWS refused '$LAST_CALL', put this right and run the same command again: ${PROBLEM# }"
      ;;
  esac
}

tags() { # RESOURCE_TYPE NAME [ROLE]
  printf 'ResourceType=%s,Tags=[{Key=Project,Value=%s},{Key=Deployment,Value=%s},{Key=Name,Value=%s}' \
    "$1" "$PROJECT" "$NAME" "$2"
  [ $# -lt 3 ] || printf ',{Key=Role,Value=%s}' "$3"
  printf ']'
}

# Reads every live instance of the project in this region into INSTANCES, one line each, oldest first. Other deployments
# are included, because they are on the same bill.
look_up_instances() {
  try_aws ec2 describe-instances \
    --filters "Name=tag:Project,Values=$PROJECT" \
    "Name=instance-state-name,Values=pending,running,stopping,stopped,shutting-down" \
    --query "sort_by(Reservations[].Instances[], &LaunchTime)[].[Tags[?Key=='Deployment']|[0].Value,
      Tags[?Key=='Role']|[0].Value, InstanceId, State.Name, InstanceType, PublicIpAddress, PrivateIpAddress,
      Placement.AvailabilityZone]" || return 1
  INSTANCES=$ANSWER
  LOOKED_UP_AT=$SECONDS
  SHOW_BILL=yes
}

# Is the last result of look_up_instances good enough for the bill? A call takes a second, so it is avoided.
instances_are_fresh() {
  [ "$LOOKED_UP_AT" != never ] && [ $((SECONDS - LOOKED_UP_AT)) -lt 30 ]
}

# find_instance ROLE: sets ID, STATE_NAME, TYPE, PUBLIC, PRIVATE and ZONE to this deployment's; all empty if none.
find_instance() {
  local deployment role
  while read -r deployment role ID STATE_NAME TYPE PUBLIC PRIVATE ZONE; do
    if [ "$deployment/$role" = "$NAME/$1" ] && [ "$STATE_NAME" != shutting-down ]; then return 0; fi
  done <<<"$INSTANCES"
  ID='' STATE_NAME='' TYPE='' PUBLIC='' PRIVATE='' ZONE=''
}

# The ids of all instances of this deployment, one a line. There are more than two if someone launched more with our
# tags.
our_instance_ids() {
  awk -v name="$NAME" '$1 == name { print $3 }' <<<"$INSTANCES"
}

require_running() { # ROLE
  find_instance "$1"
  [ "$STATE_NAME" = running ] ||
    die "No $1 of deployment $NAME is running in $REGION: run 'scripts/aws.sh create' first."
  [ "$PUBLIC" != None ] ||
    die "The $1 ($ID) has no public address: let the default subnets of $REGION assign one, then teardown and create."
}

# -------------------------------------------------------------------------------------------------------- the bill

# On-demand Linux prices in us-east-1, dollars an hour. They change and differ by region; PRICE_PER_HOUR overrides them.
readonly PRICES_OF="January 2025"
readonly PRICE_OF_ADDRESS=0.005 # a public IPv4 address
readonly PRICE_OF_DISK=0.00088  # 8 GB of gp3
price_of() { # INSTANCE_TYPE
  if [ -n "$PRICE_PER_HOUR" ] && [ "$1" = "$INSTANCE_TYPE" ]; then
    say "$PRICE_PER_HOUR"
    return 0
  fi
  case $1 in
    t3.nano) say 0.0052 ;;
    t3.micro) say 0.0104 ;;
    t3.small) say 0.0208 ;;
    t3.medium) say 0.0416 ;;
    t3.large) say 0.0832 ;;
    t3.xlarge) say 0.1664 ;;
    t3a.small) say 0.0188 ;;
    t3a.medium) say 0.0376 ;;
    t4g.small) say 0.0168 ;;
    t4g.medium) say 0.0336 ;;
    t4g.large) say 0.0672 ;;
    m6i.large) say 0.0960 ;;
    m7g.large) say 0.0816 ;;
    m7i.large) say 0.1008 ;;
    c6i.large) say 0.0850 ;;
    c7g.large) say 0.0725 ;;
    c7g.xlarge) say 0.1450 ;;
    c7i.large) say 0.0893 ;;
    c7i.xlarge) say 0.1785 ;;
    *) say unknown ;;
  esac
}

print_bill() {
  if [ -z "$INSTANCES" ]; then
    say "Nothing of KV-Cache runs in $REGION: no instance is billed."
    return 0
  fi
  local deployment role id state type public private zone price
  : >"$SCRATCH/bill"
  say "On the bill in $REGION now:"
  while read -r deployment role id state type public private zone; do
    printf '  %s %s: %s %s, %s, %s (inside: %s)\n' \
      "$deployment" "$role" "$id" "$state" "$type" "$public" "$private"
    case $state in
      pending | running) price=$(price_of "$type") ;;
      shutting-down) continue ;;
      *) price=0 public=None ;; # stopped: only its disk costs
    esac
    say "$type $price $public" >>"$SCRATCH/bill"
  done <<<"$INSTANCES"
  awk -v disk="$PRICE_OF_DISK" -v address="$PRICE_OF_ADDRESS" -v date="$PRICES_OF" '
    $2 == "unknown" { unknown = unknown " " $1 }
    { hour += $2 + disk; if ($3 != "None") hour += address }
    END {
      printf "About $%.3f an hour, $%.2f a day (an estimate: us-east-1 prices of %s, with disk and address).\n",
        hour, hour * 24, date
      if (unknown) printf "Not counted, set PRICE_PER_HOUR in scripts/config.sh:%s\n", unknown
    }' "$SCRATCH/bill"
  if [ -n "$(our_instance_ids)" ]; then
    say "'scripts/aws.sh teardown' ends deployment $NAME."
  else
    say "None of that is deployment $NAME: to tear down another, set NAME in scripts/config.sh to it."
  fi
}

# --------------------------------------------------------------------------------------- key, group, rules, instances

# The key is made here and only its public half is sent. No secret crosses the network or a command line.
ensure_key() {
  local ours=missing theirs
  if [ -f "$KEY" ]; then
    read_public_key
    ours=$(cut -d' ' -f1,2 "$SCRATCH/key.pub")
  fi
  call ec2 describe-key-pairs --include-public-key --filters "${OURS[@]}" --query 'KeyPairs[0].PublicKey'
  theirs=$(cut -d' ' -f1,2 <<<"$ANSWER")
  [ "$ours" != "$theirs" ] || return 0

  # An instance keeps the key that it was launched with. Another key would lock us out.
  [ "$theirs" = None ] || [ -z "$(our_instance_ids)" ] ||
    die "The instances of $NAME were made with another key: copy .kv-cache-aws/$NAME/key.pem from the machine that made them, or run 'scripts/aws.sh teardown --delete-key' and create again."
  [ "$theirs" = None ] || call ec2 delete-key-pair --key-name "$RESOURCE"
  if [ "$ours" = missing ]; then
    ssh-keygen -q -t ed25519 -N '' -C "$RESOURCE" -f "$KEY"
    rm -f "$KEY.pub" # it can be read from the private key, so copying that to another machine is enough
    read_public_key
  fi
  call ec2 import-key-pair --key-name "$RESOURCE" --public-key-material "fileb://$SCRATCH/key.pub" \
    --tag-specifications "$(tags key-pair "$RESOURCE")"
  say "Key pair $RESOURCE: imported."
}

# The password of the server is made here, once for each deployment. It goes to the instances by SSH.
ensure_password() {
  [ ! -s "$PASSWORD_FILE" ] || return 0
  (
    umask 077
    head -c 24 /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_' >"$PASSWORD_FILE"
  )
  say "Password: made, in .kv-cache-aws/$NAME/password."
}

read_public_key() {
  chmod 600 "$KEY"
  ssh-keygen -y -P '' -f "$KEY" >"$SCRATCH/key.pub" 2>/dev/null ||
    die "$KEY is not a private key: restore it, or run 'scripts/aws.sh teardown --delete-key' and create again."
}

# Sets GROUP to the id of this deployment's security group; empty if there is none.
find_group() {
  call ec2 describe-security-groups --filters "${OURS[@]}" --query 'SecurityGroups[].GroupId'
  GROUP=$ANSWER
}

ensure_group() {
  find_group
  if [ -z "$GROUP" ]; then
    call ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[0].VpcId'
    [ "$ANSWER" != None ] ||
      die "Region $REGION has no default VPC: run 'aws ec2 create-default-vpc --region $REGION', or set another REGION."
    call ec2 create-security-group --group-name "$RESOURCE" --vpc-id "$ANSWER" --query GroupId \
      --description "KV-Cache: $PORT inside the group, SSH from its maker" \
      --tag-specifications "$(tags security-group "$RESOURCE")"
    GROUP=$ANSWER
    call ec2 wait security-group-exists --group-ids "$GROUP"
    say "Security group $RESOURCE: created ($GROUP)."
  fi
  settle_rules
}

# Sets the rules to exactly two: the cache's port for members of the group, and SSH for the address that we have now.
# Any other rule (yesterday's address, a hole made by hand) is revoked.
settle_rules() {
  look_up_caller
  call ec2 describe-security-group-rules --filters "Name=group-id,Values=$GROUP" \
    --query 'SecurityGroupRules[?!IsEgress].[SecurityGroupRuleId, IpProtocol, FromPort, ToPort, CidrIpv4,
      ReferencedGroupInfo.GroupId]'
  local rule protocol from to address member cache=missing ssh=missing
  local surplus=()
  while read -r rule protocol from to address member; do
    case "$protocol $from $to $address $member" in
      "    ") ;; # no rules at all: one empty line
      "tcp $PORT $PORT None $GROUP") cache=there ;;
      "tcp 22 22 $CALLER/32 None") ssh=there ;;
      *) surplus+=("$rule") ;;
    esac
  done <<<"$ANSWER"

  local wanted=()
  [ "$cache" = there ] ||
    wanted+=("IpProtocol=tcp,FromPort=$PORT,ToPort=$PORT,UserIdGroupPairs=[{GroupId=$GROUP}]")
  [ "$ssh" = there ] ||
    wanted+=("IpProtocol=tcp,FromPort=22,ToPort=22,IpRanges=[{CidrIp=$CALLER/32}]")
  [ ${#wanted[@]} -eq 0 ] ||
    call ec2 authorize-security-group-ingress --group-id "$GROUP" --ip-permissions "${wanted[@]}"
  [ "$ssh" = there ] || say "SSH is open to your address, $CALLER, and to no other."
  [ ${#surplus[@]} -eq 0 ] || call ec2 revoke-security-group-ingress --group-id "$GROUP" \
    --security-group-rule-ids "${surplus[@]}"
}

look_up_caller() {
  CALLER=$CALLER_ADDRESS
  [ -z "$CALLER" ] || return 0
  CALLER=$(curl -4 -fsS --max-time 10 https://checkip.amazonaws.com 2>/dev/null | tr -d '[:space:]') || CALLER=
  [[ $CALLER =~ ^$IPV4$ ]] ||
    die "Your public address could not be looked up: check the network, or set CALLER_ADDRESS in scripts/config.sh."
}

# Sets AMI_ID to the latest Amazon Linux 2023 for the processor of INSTANCE_TYPE.
find_ami() {
  [ -z "$AMI_ID" ] || return 0
  call ec2 describe-instance-types --instance-types "$INSTANCE_TYPE" \
    --query 'InstanceTypes[0].ProcessorInfo.SupportedArchitectures'
  local architecture=x86_64
  case $ANSWER in *arm64*) architecture=arm64 ;; esac
  call ssm get-parameter --query Parameter.Value \
    --name "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-$architecture"
  AMI_ID=$ANSWER
}

ensure_instance() { # ROLE [AVAILABILITY_ZONE]
  local role=$1 zone=${2:-}
  find_instance "$role"
  case $STATE_NAME in
    pending | running)
      say "The $role: found ($ID)."
      ;;
    stopping | stopped)
      call ec2 wait instance-stopped --instance-ids "$ID"
      call ec2 start-instances --instance-ids "$ID"
      say "The $role: started again ($ID)."
      ;;
    *)
      # Both in one zone. Across zones every request takes up to a millisecond longer, and traffic costs money.
      local placement=()
      [ -z "$zone" ] || placement=(--placement "AvailabilityZone=$zone")
      call ec2 run-instances --count 1 --image-id "$AMI_ID" --instance-type "$INSTANCE_TYPE" \
        --key-name "$RESOURCE" --security-group-ids "$GROUP" ${placement[@]+"${placement[@]}"} \
        --metadata-options HttpTokens=required,HttpEndpoint=enabled \
        --tag-specifications "$(tags instance "$RESOURCE-$role" "$role")" "$(tags volume "$RESOURCE-$role" "$role")" \
        --query 'Instances[0].[InstanceId, Placement.AvailabilityZone]'
      read -r ID ZONE <<<"$ANSWER"
      TYPE=$INSTANCE_TYPE
      say "The $role: launched ($ID)."
      ;;
  esac
  [ "$TYPE" = "$INSTANCE_TYPE" ] ||
    warn "The $role is a $TYPE and stays one: to have a $INSTANCE_TYPE, run teardown, then create."
}

# -------------------------------------------------------------------------------------------- onto the instances

# Host keys are remembered under the instance's id, because AWS gives the same address to different instances over time.
# The quotes inside the option are for ssh, which splits the option at blanks.
SSH_OPTIONS=()
prepare_ssh() { # ROLE
  find_instance "$1"
  SSH_OPTIONS=(
    -i "$KEY" -o IdentitiesOnly=yes
    -o "UserKnownHostsFile=\"$KNOWN_HOSTS\"" -o "HostKeyAlias=$ID" -o StrictHostKeyChecking=accept-new
    -o ConnectTimeout=10 -o ServerAliveInterval=15 -o LogLevel=ERROR
  )
}

# on ROLE COMMAND...: runs a command by ssh, which asks nothing.
on() {
  prepare_ssh "$1"
  shift
  ssh "${SSH_OPTIONS[@]}" -o BatchMode=yes "$REMOTE_USER@$PUBLIC" "$@"
}

# run_on ROLE FUNCTION ARG...: runs one of the remote_ functions below on that instance. The function is sent as text on
# standard input. Its arguments are quoted, so they arrive unchanged.
run_on() {
  local role=$1 function=$2
  shift
  {
    say 'set -euo pipefail'
    declare -f "$function"
    printf '%q ' "$@"
    say '</dev/null' # or what it runs would read the rest of this
  } | on "$role" bash -s
}

# These run on Amazon Linux in a bash of their own. They see nothing of this script but their arguments.
# shellcheck disable=SC2317,SC2329 # they are called by name, in run_on
remote_install_docker() {
  sudo dnf install -y -q docker
  sudo systemctl enable --now docker
}

# shellcheck disable=SC2317,SC2329
remote_pull() { # IMAGE
  sudo docker pull -q "$1"
}

# Containers read the password from this file as this user. It comes on standard input, like this function, so that it
# is on no command line.
# shellcheck disable=SC2317,SC2329
remote_take_password() { # PASSWORD
  umask 077
  printf '%s\n' "$1" >kv-cache.password
}

# shellcheck disable=SC2317,SC2329
remote_serve() { # IMAGE PORT SERVER_OPTION...
  local image=$1 port=$2
  shift 2
  sudo docker stop kv-cache >/dev/null 2>&1 || true
  sudo docker rm -f kv-cache >/dev/null 2>&1 || true
  # The host's network, because a bridge costs time. Logs are bounded, because the disk is.
  sudo docker run -d --name kv-cache --restart unless-stopped --network host --ulimit nofile=65536:65536 \
    --user "$(id -u):$(id -g)" -v "$PWD/kv-cache.password:/run/kv-cache.password:ro" \
    -e KV_CACHE_PASSWORD_FILE=/run/kv-cache.password \
    --log-opt max-size=10m --log-opt max-file=3 -e KV_CACHE_PORT="$port" "$image" serve "$@" >/dev/null
}

# shellcheck disable=SC2317,SC2329
remote_prove() { # IMAGE SERVER PORT POLL_SECONDS: PUT and GET, from the client, so through the security group
  local image=$1 server=$2 port=$3 pause=$4 try=1 reply
  client() {
    sudo docker run --rm --network host --user "$(id -u):$(id -g)" \
      -v "$PWD/kv-cache.password:/run/kv-cache.password:ro" -e KV_CACHE_PASSWORD_FILE=/run/kv-cache.password \
      "$image" client --host "$server" --port "$port" "$@"
  }
  until client PUT deploy-check works 60; do
    [ "$try" -lt 5 ] || return 1 # it starts in a second, or not at all
    try=$((try + 1))
    sleep "$pause"
  done
  reply=$(client GET deploy-check)
  printf '%s\n' "$reply"
  case $reply in *works*) ;; *) return 1 ;; esac
}

# shellcheck disable=SC2317,SC2329
remote_server_state() {
  sudo docker inspect -f '{{.Config.Image}}: {{.State.Status}}{{with .State.Health}}, {{.Status}}{{end}}' kv-cache
}

# shellcheck disable=SC2317,SC2329
remote_log() {
  sudo docker logs --tail 20 kv-cache
}

# Exit code: the load test's, or 3 if there is nothing to download.
# shellcheck disable=SC2317,SC2329
remote_load_test() { # RUN IMAGE SERVER PORT LOADTEST_OPTION...
  local run=kv-cache-results/$1 image=$2 server=$3 port=$4 code=0
  shift 4
  mkdir -p "$run"
  sudo docker rm -f kv-cache-loadtest >/dev/null 2>&1 || true # one that a Ctrl-C left behind
  # As this user, so that the files in the mounted folder belong to the user who downloads them.
  sudo docker run --rm --name kv-cache-loadtest --network host --ulimit nofile=65536:65536 \
    --user "$(id -u):$(id -g)" -v "$PWD/kv-cache.password:/run/kv-cache.password:ro" \
    -e KV_CACHE_PASSWORD_FILE=/run/kv-cache.password -v "$PWD/$run:/results" "$image" \
    loadtest --host "$server" --port "$port" "$@" -o /results/results.json --report /results/report.html |
    tee "$run/summary.txt" || code=$?
  if [ ! -s "$run/results.json" ]; then
    rm -r "$run"
    return 3
  fi
  return "$code"
}

# shellcheck disable=SC2317,SC2329
remote_latest_run() {
  mkdir -p kv-cache-results
  cd kv-cache-results
  # Runs are named by their time, so the last name is the latest run.
  for run in */; do [ ! -d "$run" ] || latest=${run%/}; done
  printf '%s\n' "${latest:-}"
}

wait_for_ssh() { # ROLE
  local try=1
  until on "$1" true </dev/null 2>"$SCRATCH/ssh"; do
    [ "$try" -lt "$ATTEMPTS" ] ||
      die "The $1 does not answer SSH, try again in a minute, or teardown and create: $(tail -n 1 "$SCRATCH/ssh")"
    [ "$try" -gt 1 ] || say "Waiting for SSH on the $1 ..."
    try=$((try + 1))
    sleep "$POLL_SECONDS"
  done
}

# Finds both instances, and opens SSH to our present address.
reach_instances() {
  look_up_instances || refused
  require_running server
  require_running client
  [ -f "$KEY" ] ||
    die "The private key .kv-cache-aws/$NAME/key.pem is missing: copy it from the machine that ran create, or run 'scripts/aws.sh teardown --delete-key' and create again."
  chmod 600 "$KEY"
  find_group
  [ -n "$GROUP" ] || die "The security group of $NAME is gone: run 'scripts/aws.sh teardown', then create."
  settle_rules
}

download() { # RUN
  prepare_ssh client
  mkdir -p "$RESULTS"
  scp -q -r "${SSH_OPTIONS[@]}" -o BatchMode=yes "$REMOTE_USER@$PUBLIC:kv-cache-results/$1" "$RESULTS/" ||
    die "The results could not be downloaded from the client ($PUBLIC): run 'scripts/aws.sh results' to try again."
  say "Downloaded to results/$1: results.json and report.html (open it in a browser)."
}

# ------------------------------------------------------------------------------------------------------ the commands

create() {
  require_image
  look_up_instances || refused
  local role
  for role in server client; do
    find_instance "$role"
    [ -n "$ID" ] || find_ami # first, because it is where a wrong INSTANCE_TYPE shows
  done
  write_state # before anything is made, so that the region is on record
  ensure_key
  ensure_group
  ensure_instance server
  local server=$ID
  ensure_instance client "$ZONE"
  say "Waiting until both run ..."
  call ec2 wait instance-running --instance-ids "$server" "$ID"
  look_up_instances || refused
  require_running server
  require_running client
  write_state
  say "Created. Next: scripts/aws.sh deploy"
}

deploy() {
  require_image
  reach_instances
  ensure_password
  local role server
  for role in server client; do
    wait_for_ssh "$role"
    say "The $role: installing Docker, pulling $IMAGE ..."
    run_on "$role" remote_install_docker ||
      die "Docker could not be installed on the $role: read dnf's message above, then run deploy again."
    run_on "$role" remote_pull "$IMAGE" ||
      die "The $role could not pull '$IMAGE': check IMAGE in scripts/config.sh, and that it is pushed, public and built for this processor."
    run_on "$role" remote_take_password "$(cat "$PASSWORD_FILE")" ||
      die "The password could not be put on the $role: read the message above, then run deploy again."
  done
  run_on server remote_serve "$IMAGE" "$PORT" ${SERVER_OPTIONS[@]+"${SERVER_OPTIONS[@]}"} ||
    die "The server could not be started: read Docker's message above, check SERVER_OPTIONS in scripts/config.sh, and run deploy again."
  find_instance server
  server=$PRIVATE
  say "The server runs. PUT and GET from the client to $server:$PORT:"
  if ! run_on client remote_prove "$IMAGE" "$server" "$PORT" "$POLL_SECONDS"; then
    run_on server remote_log >&2 || true
    die "The server does not answer the client: read its log above, check SERVER_OPTIONS in scripts/config.sh, and run deploy again."
  fi
  say "Deployed. Next: scripts/aws.sh test"
}

run_test() {
  require_image
  [ $# -gt 0 ] || set -- ${LOADTEST[@]+"${LOADTEST[@]}"}
  reach_instances
  local run code=0
  run=$(date -u +%Y%m%dT%H%M%SZ)
  find_instance server
  say "Load test $run: from the client to $PRIVATE:$PORT ..."
  run_on client remote_load_test "$run" "$IMAGE" "$PRIVATE" "$PORT" "$@" || code=$?
  case $code in
    3) die "The load test measured nothing: read its message above, check its options, and run 'scripts/aws.sh deploy' if the server is down." ;;
    255) die "The connection to the client was lost: the load test may go on there, so run 'scripts/aws.sh results' later." ;;
  esac
  download "$run" # a test that missed its targets is the one whose report is wanted
  [ "$code" -eq 0 ] || die "The load test failed or missed a target: see its summary above, and results/$run/report.html."
}

results() {
  reach_instances
  local run
  run=$(run_on client remote_latest_run) ||
    die "The client does not answer SSH: run 'scripts/aws.sh status' to see whether it runs."
  [ -n "$run" ] || die "No load test has been run yet: run 'scripts/aws.sh test' first."
  download "$run"
  cat "$RESULTS/$run/summary.txt"
}

status() {
  look_up_instances || refused
  find_instance server
  if [ "$STATE_NAME" = running ] && [ -f "$KEY" ]; then
    find_group
    [ -z "$GROUP" ] || settle_rules
    local state
    state=$(run_on server remote_server_state 2>/dev/null) ||
      state="no answer: run 'scripts/aws.sh deploy' if you have not, or 'scripts/aws.sh ssh server' to look"
    say "The server: $state"
  fi
}

open_ssh() { # ROLE [COMMAND...]
  reach_instances
  prepare_ssh "$1"
  shift
  local code=0
  # shellcheck disable=SC2029 # as with ssh itself, what is not quoted twice is expanded here
  ssh "${SSH_OPTIONS[@]}" "$REMOTE_USER@$PUBLIC" "$@" || code=$?
  exit "$code"
}

teardown() {
  local sure=no delete_key=no option
  for option in "$@"; do
    case $option in
      --delete-key) delete_key=yes ;;
      *) sure=yes ;;
    esac
  done

  look_up_instances || refused
  find_group
  local ids=() id
  for id in $(our_instance_ids); do ids+=("$id"); done

  if [ "$sure" = no ] && [ -n "${ids[*]-}$GROUP" ]; then
    say "Deployment $NAME in $REGION: instances ${ids[*]-(none)}, security group ${GROUP:-(none)}."
    printf 'Terminate and delete them? [y/N] '
    local answer=
    read -r answer || say
    case $answer in
      y | Y | yes) ;;
      *) die "Nothing was changed: answer y, or run teardown with --yes." ;;
    esac
  fi

  if [ ${#ids[@]} -gt 0 ]; then
    say "Terminating ${ids[*]} ..."
    call ec2 terminate-instances --instance-ids "${ids[@]}"
    call ec2 wait instance-terminated --instance-ids "${ids[@]}"
  fi
  [ -z "$GROUP" ] || delete_group
  [ "$delete_key" = no ] || delete_key
  say_what_is_left

  # Only now: until everything is gone, the state file is what remembers the region.
  rm -f "$STATE" "$KNOWN_HOSTS" "$KNOWN_HOSTS.old" "$PASSWORD_FILE"
  rmdir "$HOME_DIR" "$ROOT/.kv-cache-aws" 2>/dev/null || true
}

# AWS may keep a group in use for a short while after its last instance has gone.
delete_group() {
  local try=1
  until try_aws ec2 delete-security-group --group-id "$GROUP"; do
    case $PROBLEM in *DependencyViolation*) ;; *) refused ;; esac
    [ "$try" -lt "$ATTEMPTS" ] ||
      die "Security group $GROUP is still in use by something that this script did not make: remove that, then run teardown again."
    try=$((try + 1))
    sleep "$POLL_SECONDS"
  done
  say "Security group $GROUP: deleted."
}

delete_key() {
  call ec2 describe-key-pairs --filters "${OURS[@]}" --query 'KeyPairs[].KeyName'
  local key
  for key in $ANSWER; do
    call ec2 delete-key-pair --key-name "$key"
    say "Key pair $key: deleted."
  done
  rm -f "$KEY"
}

say_what_is_left() {
  local volumes keys
  call ec2 describe-volumes --filters "${OURS[@]}" --query 'Volumes[].VolumeId'
  volumes=$ANSWER
  call ec2 describe-key-pairs --filters "${OURS[@]}" --query 'KeyPairs[].KeyName'
  keys=$ANSWER
  if [ -z "$volumes$keys" ]; then
    say "Nothing is left of deployment $NAME in $REGION."
  fi
  [ -z "$volumes" ] || say "Left of deployment $NAME: volumes $volumes, which cost: delete them in the AWS console."
  [ -z "$keys" ] || say "Left of deployment $NAME: key pair $keys, which is free: teardown --delete-key deletes it."
}

# Refuses a wrong command line before looking at anything else.
check_usage() {
  local command=$1 option
  shift
  case $command in
    create | deploy | results | status)
      [ $# -eq 0 ] || wrong_usage "$command takes no arguments, not '$1': see 'scripts/aws.sh help'."
      ;;
    ssh)
      case ${1:-} in
        server | client) ;;
        *) wrong_usage "ssh must be told where to: 'scripts/aws.sh ssh server' or 'scripts/aws.sh ssh client'." ;;
      esac
      ;;
    teardown)
      for option in "$@"; do
        case $option in
          -y | --yes | --delete-key) ;;
          *) wrong_usage "teardown takes --yes and --delete-key, not '$option': see 'scripts/aws.sh help'." ;;
        esac
      done
      ;;
    test) ;; # what the load test takes is for the load test to say
    *) wrong_usage "There is no command '$command': see 'scripts/aws.sh help'." ;;
  esac
}

main() {
  case ${1:-} in
    help | -h | --help)
      usage
      return 0
      ;;
    "")
      usage >&2
      exit 2
      ;;
  esac
  check_usage "$@"
  require_tools
  load_config
  local command=$1
  shift
  case $command in
    test) run_test "$@" ;;
    ssh) open_ssh "$@" ;;
    *) "$command" "$@" ;;
  esac
}

main "$@"
